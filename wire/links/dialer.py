"""Dialer: keeps one link to a peer open, and sends on it. One thread dials and writes; another reads a two-way link.

Theory of operation. The other end takes the end of the stream as proof that this end no longer counts on the link. So a
link that got its Welcome is closed in this order, whatever the reason:

1. the owner is told (LinkClosing);
2. the owner stops counting on the link, and sets `done`;
3. the socket is shut down and closed;
4. only then comes the next dial.

A link without a Welcome may be closed at any time.

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
from wire.io.link_events import DialFailed, LinkClosing, LinkOpened
from wire.io.link_runner import BYE, LinkRunner
from wire.io.meter import Meter
from wire.io.open_link import OpenLink
from wire.io.outbox import Outbox
from wire.io.sockets import reserve_link_descriptors, shut, wake
from wire.links.connect import Dialing
from wire.links.endpoint import Endpoint
from wire.links.link_log import LinkLog
from wire.protocol.address import Address
from wire.protocol.handshake import PEER_KIND, Bye, Heard, Judge, accept_any_peer
from wire.protocol.identity import LinkNumber
from wire.protocol.wire_errors import LocalFault, Refusal, ResolveError, RestartedError, StoppedError, WireError

logger = Log(__name__)


class Dialer:
    """The dialing end of the links to one peer.

    Args:
        peer_id: the id of the node to reach; 1 to 64 printable characters.
        resolve: returns the peer's address; called at every dial. It may raise OSError or ValueError.
        endpoint: this end. Its `deliver` is called on the dialer's threads.
        next_counter: returns the number of the next link, above those of all earlier links to this peer, those of
            other kinds too; called at every dial.
        kind: the kind of peer that this end is to the other one. A node has one link of each kind to another node.
        is_two_way: the peer sends on the link, too; its Listener must have the kind in `two_way`.
        judge: given who the peer says it is; a refusal fails the dial.

    Raises:
        TypeError: an argument is of another type, or a coroutine function.
    """

    def __init__(
        self,
        peer_id: str,
        resolve: Callable[[], Address],
        endpoint: Endpoint,
        *,
        next_counter: Callable[[], int],
        kind: str = PEER_KIND,
        is_two_way: bool = False,
        judge: Judge = accept_any_peer,
    ) -> None:
        arguments.text("peer_id", peer_id)
        arguments.check_callable("resolve", resolve)
        arguments.check_type("endpoint", endpoint, Endpoint, "an Endpoint")
        arguments.check_callable("next_counter", next_counter)
        arguments.text("kind", kind)
        arguments.flag("is_two_way", is_two_way)
        arguments.check_callable("judge", judge)
        self._peer, self._resolve = peer_id, resolve
        self._check = endpoint.codec.check
        self._next_counter = next_counter
        self._deliver = endpoint.deliver
        self._limits = limits = endpoint.limits
        self._meter = endpoint.metrics or Meter()
        self._backoff = Backoff(limits.backoff_initial_s, limits.backoff_max_s, random.Random())  # noqa: S311
        self._outbox = Outbox(limits.outbox_messages_max, peer_id, self._meter)
        self._dialing = Dialing(
            to=peer_id,
            kind=kind,
            identity=endpoint.identity,
            codec=endpoint.codec.extended(Bye, Heard),
            limits=limits,
            security=endpoint.security,
            is_two_way=is_two_way,
            judge=judge,
            watch=self._watch,
            outbox=self._outbox,
            meter=self._meter,
        )
        self._name = endpoint.name
        self._thread = ReportedThread(self._run, name=f"{self._name}-dialer-{peer_id}")
        self._socket: socket.socket | None = None
        self._link: OpenLink | None = None
        self._runner: LinkRunner | None = None
        self._closing: threading.Event | None = None
        self._bye = ""
        self._is_stopped = self._is_nudged = False
        self._incarnation = 0
        self._log = LinkLog(logger, peer_id, is_dialed=True)
        self._opened_s = 0.0

    def start(self) -> None:
        """Begin to dial.

        Raises:
            RuntimeError: there is no thread, it was started before, or gevent or eventlet has replaced threads,
                sockets, queues or select.
        """
        check_native()
        self._thread.check_new()
        if not self._dialing.is_two_way:
            reserve_link_descriptors()
        self._meter.watch_peer(self._peer, self._outbox.__len__)
        try:
            self._thread.start()
        except RuntimeError:
            self._meter.forget_peer(self._peer, self._outbox.__len__)
            raise

    def send(self, number: LinkNumber | tuple[int, int], message: object, *, replaces: str | None = None) -> bool:
        """Put a message into the outbox of the link with this number. Never blocks.

        Args:
            number: the open link's, as LinkOpened gave it.
            message: one of the codec's.
            replaces: a text; the message replaces a waiting one that was put with the same text.

        Returns:
            False when it was dropped: the outbox is full, or that link is not open.

        Raises:
            TypeError: the message is none of the codec's.
        """
        self._check(message)
        return self._outbox.put(number, message, replaces=replaces)

    def nudge(self, incarnation: int = 0) -> None:
        """Dial without waiting if the link is down; check the link if it is open.

        Args:
            incarnation: the peer's, if it is known from a link that it dialed just now. An open link to an earlier
                incarnation ends, even if its host failed without closing it.
        """
        self._is_nudged = True
        self._incarnation = incarnation
        link = self._link
        if link is not None:
            self._end_if_outdated(link)
        self._outbox.ring()

    def note_bye(self, *, is_away: bool) -> None:
        """Note that the peer said Bye on a link that it dialed, or that it has dialed again (False).

        While it is away, dials that fail are logged as DEBUG for a minute: it stops, and may come back.
        """
        self._log.note_bye(is_away=is_away)

    @property
    def is_alive(self) -> bool:
        """Return whether it was started and its thread has not ended."""
        return self._thread.is_alive()

    def ask_stop(self, bye: str = BYE) -> None:
        """Begin to stop, without waiting: several dialers can stop at the same time, and `stop` then waits for each.

        Args:
            bye: the reason in the Bye that the peer gets.

        Raises:
            TypeError: `bye` is no text.
        """
        arguments.text("bye", bye)
        self._bye = self._bye or bye
        self._is_stopped = True
        closing, link = self._closing, self._link
        if link is not None:
            link.close_reason.set_once(StoppedError("this end is being stopped"))
        self._outbox.ring()
        if closing is not None:
            closing.set()
        if link is None:
            self._wake()

    def stop(self, timeout: float | None, bye: str = BYE) -> bool:
        """Send the waiting messages and a Bye, close the link, and end.

        The owner must count on no link of this dialer when it calls this: `done` is not waited for. A link to a peer
        that reads nothing is closed after half the time.

        Args:
            timeout: seconds; None for no limit.
            bye: the reason in the Bye that the peer gets.

        Returns:
            Whether the dialer's threads have ended.

        Raises:
            TypeError, ValueError: `timeout` is no number of seconds, or `bye` is no text.
        """
        timeout = arguments.bounded_seconds("timeout", timeout)
        self.ask_stop(bye)
        second = self._runner.thread if self._runner is not None else None
        if self._thread.ident is None or threading.current_thread() in (self._thread, second):
            return True
        self._thread.join(timeout / 2)
        if timeout > 0 and self._thread.is_alive():
            self._wake()
            self._thread.join(timeout / 2)
        return not self._thread.is_alive()

    def _wake(self) -> None:
        sock = self._socket
        if sock is not None:
            wake(sock)

    def _watch(self, sock: socket.socket) -> None:
        self._socket = sock
        if self._is_stopped:
            raise OSError("this end is being stopped")

    def _run(self) -> None:
        try:
            while not self._is_stopped:
                self._dial_once()
                self._pause()
        finally:
            self._meter.forget_peer(self._peer, self._outbox.__len__)

    def _dial_once(self) -> None:
        """Dial; if there is a link, run it to its end."""
        self._is_nudged = False
        self._incarnation = 0
        try:
            link = self._dialing.dial(self._address(), self._next_counter)
        except WireError as error:
            self._note_failed(error)
            return
        self._link = link
        self._end_if_outdated(link)
        if self._is_stopped:  # `ask_stop` was called before it could see the link
            link.close_reason.set_once(StoppedError("this end is being stopped"))
        thread = f"{self._name}-reader-{self._peer}"
        self._runner = runner = LinkRunner(link, self._deliver, thread, self._log.log_recovery)
        reason: WireError = LocalFault("the dialer has a bug")
        try:
            self._note_opened(link)
            reason = runner.write()
        except Exception:
            # After a bug, too, the owner must know before the socket is closed.
            logger.exception("! %s: link %s failed", self._peer, link.number)
        self._close(link, runner, reason)

    def _end_if_outdated(self, link: OpenLink) -> None:
        """End a link to an earlier process than the peer's latest."""
        theirs = link.identity.incarnation
        if theirs < self._incarnation:
            outdated = RestartedError(f"it goes to incarnation {theirs}; the peer's is now {self._incarnation}")
            link.close_reason.set_once(outdated)

    def _address(self) -> Address:
        try:
            return self._resolve()
        except (OSError, ValueError) as error:
            raise ResolveError(str(error)) from error

    def _note_failed(self, error: WireError) -> None:
        self._meter.add_dial(self._peer, error.reason)
        self._meter.add_handshake("out", error.reason)
        if self._is_stopped:
            return
        if isinstance(error, Refusal) and not error.is_retryable:
            self._backoff.give_up()
        self._log.failed(error)
        self._deliver(DialFailed(peer=self._peer, error=error))

    def _note_opened(self, link: OpenLink) -> None:
        self._meter.add_dial(self._peer, "ok")
        self._meter.add_handshake("out", "ok")
        self._meter.add_connections("out", 1)
        self._opened_s = self._log.opened(f"link {link.number} to {link.remote}")
        self._outbox.open(link.number)
        self._deliver(
            LinkOpened(
                peer=self._peer,
                number=link.number,
                identity=link.identity,
                is_trusted=link.is_trusted,
                local=link.local,
                remote=link.remote,
            )
        )

    def _close(self, link: OpenLink, runner: LinkRunner, reason: WireError) -> None:
        """Ask the owner, wait for its answer, close; if `deliver` raises, the socket stays open in this object."""
        runner.send_bye(reason, self._bye)
        self._outbox.close()
        runner.mute()
        self._closing = done = threading.Event()
        if self._is_stopped:
            done.set()
        if now_s() - self._opened_s >= self._limits.backoff_max_s:  # or the next one may live no longer
            self._backoff.reset()
        bye = runner.receiver.bye
        self._deliver(LinkClosing(peer=self._peer, number=link.number, error=reason, done=done, bye=bye))
        self._log.ended(f"link {link.number} is closing: {bye or reason}", self._opened_s)
        done.wait()
        runner.leave()
        shut(link.channel.sock)
        self._link = self._runner = self._closing = self._socket = None
        self._meter.add_connections("out", -1)

    def _pause(self) -> None:
        """Wait before the next dial, unless nudged or stopped; without an open link only a ring ends the wait."""
        deadline = Deadline(self._backoff.next_s())
        while not (self._is_stopped or self._is_nudged or deadline.is_over):
            self._outbox.take_message(deadline.remaining_s)
