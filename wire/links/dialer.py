"""Dialer: keeps one link to a peer open, and sends on it. One thread does it all, but reading a two-way link.

The rule above all others: before a link that got its Welcome is closed or shut down, whatever the reason, the owner is
told (LinkClosing) and has to answer (`done`); only after that it is closed, and only after that comes the next dial.
The other end takes the end of the stream for proof that nobody counts on the link any more.

Source: FORMAT.md, section 10.
"""

import random
import socket
import threading
from collections.abc import Callable

from wire.common import arguments
from wire.common.backoff import Backoff
from wire.common.deadline import Deadline, now_s
from wire.common.log import Log
from wire.common.native import check_native
from wire.common.reported_thread import ReportedThread
from wire.io.exchange import Exchange
from wire.io.link_events import DialFailed, Event, LinkClosing, LinkOpened
from wire.io.link_runner import Dialogue, Monologue
from wire.io.meter import Meter
from wire.io.outbox import Outbox
from wire.io.sender import Sender
from wire.io.sockets import shut, wake
from wire.links.connect import Dialed, Dialing
from wire.links.link_arguments import check_end
from wire.links.link_log import LinkLog
from wire.protocol.address import Address
from wire.protocol.codec import Codec
from wire.protocol.handshake import PEER_KIND, Bye, Heard, Judge, accept_any_peer
from wire.protocol.identity import Identity, LinkNumber
from wire.protocol.limits import DEFAULT_LIMITS, Limits
from wire.protocol.liveness_timer import LivenessTimer
from wire.protocol.wire_errors import LocalFault, Refusal, ResolveError, RestartedError, StoppedError, WireError
from wire.security.security import PLAIN, Security

logger = Log(__name__)


class Dialer:
    """The dialing end for one peer.

    Args:
        peer_id: the id of the node to reach.
        resolve: where the peer is; asked at every dial. It may raise OSError or ValueError.
        identity: who this end is.
        codec: the messages that may be sent.
        next_counter: the next number of a link, above all before it, those of other kinds too; asked at every dial.
        deliver: takes the events, on the dialer's threads; must not raise.
        limits: the bounds.
        security: what both ends go by to know each other.
        kind: what this end is to the peer; per kind, a node has one link to another.
        is_two_way: the peer may speak on it, too; it must serve this kind so.
        judge: asked of who the peer says it is; a refusal fails the dial.
        metrics: told of what happens.
        name: first part of the thread's name.
        rng: for the jitter.

    Raises:
        TypeError: an argument is of another type, or a coroutine function.
    """

    def __init__(
        self,
        peer_id: str,
        resolve: Callable[[], Address],
        identity: Identity,
        codec: Codec,
        *,
        next_counter: Callable[[], int],
        deliver: Callable[[Event], None],
        limits: Limits = DEFAULT_LIMITS,
        security: Security = PLAIN,
        kind: str = PEER_KIND,
        is_two_way: bool = False,
        judge: Judge = accept_any_peer,
        metrics: Meter | None = None,
        name: str = "wire",
        rng: random.Random | None = None,
    ) -> None:
        arguments.text("peer_id", peer_id)
        for parameter, given in (("resolve", resolve), ("next_counter", next_counter), ("deliver", deliver)):
            arguments.check_callable(parameter, given)
        arguments.check_callable("judge", judge)
        arguments.text("kind", kind)
        arguments.flag("is_two_way", is_two_way)
        check_end(identity, codec, limits, security, metrics)
        arguments.text("name", name)
        self._peer = peer_id
        self._resolve = resolve
        self._identity = identity
        self._check = codec.check
        self._codec = codec.extended(Bye, Heard)
        self._next_counter = next_counter
        self._deliver = deliver
        self._kind, self._is_two_way = kind, is_two_way
        self._judge = judge
        self._limits, self._security = limits, security
        self._meter = metrics or Meter()
        self._backoff = Backoff(limits.backoff_initial_s, limits.backoff_max_s, rng or random.Random())  # noqa: S311
        self._outbox = Outbox(limits.outbox_messages_max, peer_id, self._meter)
        self._name = name
        self._thread = ReportedThread(self._run, name=f"{name}-dialer-{peer_id}")
        self._dialed: socket.socket | None = None
        self._link: Dialed | None = None
        self._talk: Monologue | Dialogue | None = None
        self._closing: threading.Event | None = None
        self._bye = ""
        self._is_stopped = self._is_nudged = False
        self._incarnation = 0
        self._log = LinkLog(logger, f"> {peer_id}")
        self._opened_s = 0.0

    def start(self) -> None:
        """Begin to dial.

        Raises:
            RuntimeError: gevent or eventlet has replaced threads, sockets or queues in this process.
        """
        check_native()
        self._meter.watch_peer(self._peer, self._outbox.__len__)
        try:
            self._thread.start()
        except RuntimeError:  # there is no thread to be had
            self._meter.forget_peer(self._peer, self._outbox.__len__)
            raise

    def send(self, number: LinkNumber | tuple[int, int], message: object, *, replaces: str | None = None) -> bool:
        """Put a message into the outbox of the link with this number. Never blocks.

        Args:
            number: the open link's, as LinkOpened gave it.
            message: one of the codec's.
            replaces: a word; a waiting message that was put with the same word is replaced in its place.

        Returns:
            False when it was dropped: the outbox is full, or that link is not open.

        Raises:
            TypeError: the message is none of the codec's.
        """
        self._check(message)
        return self._outbox.put(number, message, replaces=replaces)

    def nudge(self, incarnation: int = 0) -> None:
        """There is reason to look: if the link is down, dial without waiting; if it is open, see if it still is.

        Args:
            incarnation: the peer's, if it is known from a link that it dialed just now. An open link to an earlier one
                is over, even if its host went without a word.
        """
        self._is_nudged = True
        self._incarnation = incarnation
        link = self._link
        if link is not None:
            self._compare(link)
        self._outbox.ring()

    @property
    def is_alive(self) -> bool:
        """Whether it was started and its thread has not ended."""
        return self._thread.is_alive()

    def ask_stop(self, bye: str = "stopping") -> None:
        """What `stop` does, without waiting: so many dialers say goodbye at the same time, and `stop` then waits."""
        arguments.text("bye", bye)
        self._bye = self._bye or bye
        self._is_stopped = True
        closing, link = self._closing, self._link
        if link is not None:
            link.close_reason.give(StoppedError("this end is being stopped"))
        self._outbox.ring()
        if closing is not None:
            closing.set()
        if link is None:
            self._wake(self._dialed)

    def stop(self, timeout: float | None, bye: str = "stopping") -> bool:
        """Send what waits and a Bye, close, end; whether that was done within so many seconds, None for ever.

        To call it is the owner's word that it counts on no link of this dialer any more: `done` is not waited for, and
        a peer that takes nothing is cut off after half the time.
        """
        timeout = arguments.bounded_seconds("timeout", timeout)
        self.ask_stop(bye)
        reading = self._talk.reading if self._talk is not None else None
        if self._thread.ident is None or threading.current_thread() in (self._thread, reading):
            return True
        self._thread.join(timeout / 2)
        if timeout > 0 and self._thread.is_alive():
            self._wake(self._dialed)
            self._thread.join(timeout / 2)
        return not self._thread.is_alive()

    @staticmethod
    def _wake(sock: socket.socket | None) -> None:
        if sock is not None:
            wake(sock)

    def abandon(self) -> None:
        """In a forked child: give back the copy of the socket, without a word to the other end."""
        if self._dialed is not None:
            self._dialed.close()

    def _watch(self, sock: socket.socket) -> None:
        self._dialed = sock
        if self._is_stopped:
            raise OSError("this end is being stopped")

    def _run(self) -> None:
        dialing = Dialing(
            to=self._peer,
            kind=self._kind,
            identity=self._identity,
            codec=self._codec,
            limits=self._limits,
            security=self._security,
            is_two_way=self._is_two_way,
            judge=self._judge,
            watch=self._watch,
        )
        try:
            while not self._is_stopped:
                self._dial_once(dialing)
                self._pause()
        finally:
            self._meter.forget_peer(self._peer, self._outbox.__len__)

    def _dial_once(self, dialing: Dialing) -> None:
        """Dial; when that succeeds, serve the link to its end."""
        self._is_nudged = False
        self._incarnation = 0
        try:
            link = dialing.dial(self._where(), self._next_counter)
        except WireError as error:
            self._failed(error)
            return
        self._link = link
        self._compare(link)
        if self._is_stopped:  # it was asked to before it could be told
            link.close_reason.give(StoppedError("this end is being stopped"))
        self._talk = talk = self._begin(link)
        ended: WireError = LocalFault("the dialer is broken")
        try:
            self._opened(link)
            ended = talk.run()
        except Exception:
            # A bug must not close the socket either before the owner knows.
            logger.exception("! %s: link %s", self._peer, link.number)
        self._close(link, talk, ended)

    def _compare(self, link: Dialed) -> None:
        """A link to an earlier process than the peer's latest is over."""
        theirs = link.welcome.incarnation
        if theirs < self._incarnation:
            link.close_reason.give(RestartedError(f"it goes to incarnation {theirs}; now it is {self._incarnation}"))

    def _begin(self, link: Dialed) -> Monologue | Dialogue:
        if not self._is_two_way:
            liveness_timer = LivenessTimer(self._limits, now_s(), is_two_way=False)
            sender = Sender(
                link.channel,
                link.connection,
                self._outbox,
                link.close_reason,
                liveness_timer,
                peer=self._peer,
                meter=self._meter,
                turned=self._log.settle,
            )
            return Monologue(sender)
        exchange = Exchange(
            link.channel,
            link.connection,
            link.close_reason,
            self._outbox,
            self._deliver,
            peer=self._peer,
            number=link.number,
            is_dialed=True,
            early=link.early,
            limits=self._limits,
            meter=self._meter,
            turned=self._log.settle,
        )
        return Dialogue(exchange, f"{self._name}-reader-{self._peer}")

    def _where(self) -> Address:
        try:
            return self._resolve()
        except (OSError, ValueError) as error:
            raise ResolveError(str(error)) from error

    def _failed(self, error: WireError) -> None:
        self._meter.add_dial(self._peer, error.reason)
        self._meter.add_handshake("out", error.reason)
        if self._is_stopped:
            return
        if isinstance(error, Refusal) and not error.is_retryable:
            self._backoff.give_up()
        self._log.failed(error)
        self._deliver(DialFailed(peer=self._peer, error=error))

    def _opened(self, link: Dialed) -> None:
        self._meter.add_dial(self._peer, "ok")
        self._meter.add_handshake("out", "ok")
        self._meter.add_connections("out", 1)
        self._opened_s = self._log.opened(f"link {link.number} to {link.remote}")
        self._outbox.open(link.number)
        self._deliver(
            LinkOpened(
                peer=self._peer,
                number=link.number,
                identity=link.welcome.identity,
                is_trusted=link.is_trusted,
                local=link.local,
                remote=link.remote,
            )
        )

    def _close(self, link: Dialed, talk: Monologue | Dialogue, error: WireError) -> None:
        """Tell the owner, wait for its word, close. When telling fails, the socket stays open and in this object."""
        talk.say_goodbye(error, self._bye)
        self._outbox.close()
        talk.hush()
        self._closing = done = threading.Event()
        if self._is_stopped:
            done.set()
        if now_s() - self._opened_s >= self._limits.backoff_max_s:  # or the next one may live no longer
            self._backoff.reset()
        self._deliver(LinkClosing(peer=self._peer, number=link.number, error=error, done=done, bye=talk.bye))
        self._log.ended(f"link {link.number} is closing: {talk.bye or error}", self._opened_s)
        done.wait()
        talk.leave()
        shut(link.sock)
        self._link = self._talk = self._closing = self._dialed = None
        self._meter.add_connections("out", -1)

    def _pause(self) -> None:
        """Wait before the next dial, unless nudged or stopped; until a link is open only a ring ends the wait."""
        deadline = Deadline(self._backoff.next_s())
        while not (self._is_stopped or self._is_nudged or deadline.is_over):
            self._outbox.take(deadline.remaining_s)
