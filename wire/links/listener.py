"""Listener: takes connections, lets the right ones through the handshake, and reads each on a thread of its own."""

import logging
import socket
import threading
from collections.abc import Callable, Collection
from functools import partial

from wire.common import arguments
from wire.common.deadline import Deadline, now_s
from wire.common.failure_log import FailureLog
from wire.common.log import Log, LogThrottle, suppressed_suffix
from wire.common.native import check_native
from wire.common.reported_thread import ReportedThread
from wire.io.link_events import Event, LinkAccepted
from wire.io.meter import Meter
from wire.io.sockets import lifted, listen, shut, wake
from wire.links.accepted_link import AcceptedLink
from wire.links.link_arguments import check_end
from wire.links.link_log import LinkLog
from wire.links.registry import Registry
from wire.protocol.address import Address
from wire.protocol.codec import Codec
from wire.protocol.handshake import PEER_KIND, Bye, Heard, Hello, Judge, accept_any_peer, judge_hello, welcome
from wire.protocol.identity import Identity, LinkNumber
from wire.protocol.limits import DEFAULT_LIMITS, Limits
from wire.protocol.schema import kind_of
from wire.protocol.wire_errors import LocalFault, Refusal, RejectCode, ResetError, StoppedError, WireError
from wire.security.security import PLAIN, Security

logger = Log(__name__)

BACKLOG = 1_024
"""Where it overflows, the next try of a peer that dials is a second later."""

ACCEPT_TIMEOUT_S = 1.0
"""Where stopping does not wake a blocked accept, it ends after so long."""

ACCEPT_PAUSE_S = 0.05
"""After a failed accept (no descriptor left, for one): the connection stays in the backlog, so don't spin."""

EVICTION_TIMEOUT_S = 1.0

SETTLE_INTERVAL_S = 1.0

LOGS_MAX = 4_096
"""Peers and kinds whose links are told apart in the log."""


class Listener:
    """The accepting end.

    Args:
        address: where to listen; port 0 for any.
        identity: who this end is.
        codec: the messages that may come.
        kinds: the kinds of peers that are served, and only listened to.
        two_way: the kinds of peers that are served, and spoken to.
        is_known_peer: whether a node of this id may connect; asked on any thread.
        judge: asked of who the dialer says it is; asked on any thread.
        deliver: takes the events, on any thread; must not raise.
        limits: the bounds.
        security: what both ends go by to know each other.
        metrics: told of what happens.
        name: first part of the threads' names.

    Raises:
        TypeError: an argument is of another type, or a coroutine function.

    Attributes:
        bound: where it listens, as an IP address; after `open`.
    """

    bound: Address

    def __init__(
        self,
        address: Address,
        identity: Identity,
        codec: Codec,
        *,
        is_known_peer: Callable[[str], bool],
        judge: Judge = accept_any_peer,
        deliver: Callable[[Event], None],
        kinds: Collection[str] = (PEER_KIND,),
        two_way: Collection[str] = (),
        limits: Limits = DEFAULT_LIMITS,
        security: Security = PLAIN,
        metrics: Meter | None = None,
        name: str = "wire",
    ) -> None:
        arguments.check_type("address", address, Address, "an Address")
        _check_kinds("kinds", kinds)
        _check_kinds("two_way", two_way)
        arguments.check_callable("is_known_peer", is_known_peer)
        arguments.check_callable("deliver", deliver)
        check_end(identity, codec, limits, security, metrics)
        arguments.text("name", name)
        self._address = address
        self._identity = identity
        self._check = codec.check
        self._codec = codec.extended(Bye, Heard)
        self._is_known_peer = is_known_peer
        self._judge_identity = judge
        self._deliver = deliver
        self._kinds = kinds
        self._two_way = two_way
        self._limits = limits
        self._security = security
        self._meter = metrics or Meter()
        self._name = name
        self._registry = Registry(limits)
        self._slots = threading.Semaphore(limits.pending_max)
        self._accepting: threading.Thread | None = None
        self._reading: set[threading.Thread] = set()
        self._socket: socket.socket | None = None
        self._stopped = threading.Event()
        self._log_throttle = LogThrottle()
        self._failure_log = FailureLog(logger, "! accepting")
        self._logs: dict[tuple[str, str], LinkLog] = {}
        self._settle_s = 0.0
        self._doubled: dict[str, str] = {}

    @property
    def address(self) -> Address:
        """Where it listens, with the real port."""
        return self._address

    @property
    def is_alive(self) -> bool:
        """Whether it was started and still accepts."""
        return self._accepting is not None and self._accepting.is_alive()

    @property
    def doubled(self) -> dict[str, str]:
        """The peers as which two processes dial in now, and a sentence that says who these are."""
        return self._registry.doubled()

    def open(self) -> None:
        """Bind and listen; OSError at once when that can't be. Nothing is accepted before `start`.

        Raises:
            RuntimeError: gevent or eventlet has replaced threads, sockets or queues in this process.
        """
        check_native()
        self._socket = sock = listen(self._address, BACKLOG)
        sock.settimeout(ACCEPT_TIMEOUT_S)
        self._address = Address(self._address.host, sock.getsockname()[1])
        self.bound = Address.of_socket(sock.getsockname())

    def start(self) -> None:
        """Begin to accept."""
        if self._socket is None:
            self.open()
        self._accepting = ReportedThread(self._accept_all, name=f"{self._name}-listener")
        self._accepting.start()

    def forget(self, peer: str) -> None:
        """Take the peer's links whatever their numbers: it numbers them from the start again."""
        self._registry.forget(peer)

    def send(
        self, peer: str, number: LinkNumber | tuple[int, int], message: object, *, replaces: str | None = None
    ) -> bool:
        """Put a message into the outbox of a peer's two-way link. Never blocks.

        Args:
            peer: whose.
            number: the link's, as LinkAccepted gave it.
            message: one of the codec's.
            replaces: a word; a waiting message that was put with the same word is replaced in its place.

        Returns:
            False when it was dropped: the outbox is full, or there is no such link.

        Raises:
            TypeError: the message is none of the codec's.
        """
        self._check(message)
        number = LinkNumber(*number)
        link = self._registry.live(peer, number)
        if link is None:
            self._meter.add_dropped(peer, kind_of(type(message)))
            return False
        return link.send(number, message, replaces)

    def stop(self, timeout: float | None) -> bool:
        """Close everything; whether all threads have ended within so many seconds, None for ever."""
        deadline = Deadline(arguments.bounded_seconds("timeout", timeout))
        self._stopped.set()
        if self._socket is not None:
            wake(self._socket)
            if self._accepting is None or self._accepting.ident is None:
                self._socket.close()
        for link in self._registry.all():
            link.cut(StoppedError("this end is being stopped"))
        # The accepting thread first: after it, no thread is added.
        return self._join(self._accepting, deadline) and all(self._join(one, deadline) for one in list(self._reading))

    def _join(self, thread: threading.Thread | None, deadline: Deadline) -> bool:
        if thread is None or thread.ident is None or thread is threading.current_thread():
            return True
        thread.join(deadline.remaining_s)
        return not thread.is_alive()

    def abandon(self) -> None:
        """In a forked child: give back the copies of the sockets, without a word to the other ends."""
        self._registry.abandon()
        if self._socket is not None:
            self._socket.close()

    def _accept_all(self) -> None:
        sock = self._socket
        assert sock is not None
        try:
            while not self._stopped.is_set():
                self._accept(sock)
                self._security.poll_files(self._meter)
                self._settle()
        finally:
            shut(sock)

    def _accept(self, sock: socket.socket) -> None:
        try:
            connection = lifted(sock.accept()[0])
        except TimeoutError:
            return
        except OSError as error:
            if not self._stopped.wait(ACCEPT_PAUSE_S):
                self._failure_log.failed(str(error))
            return
        try:
            self._admit(AcceptedLink(connection, self._codec, self._limits, self._meter, self._security.credentials))
        except (OSError, ValueError) as error:
            logger.debug("a connection was gone before it was greeted: %s", error)
            self._meter.add_handshake("in", ResetError.reason)
            connection.close()

    def _admit(self, link: AcceptedLink) -> None:
        """Give the connection a thread, if need be that of the oldest silent one."""
        crowding = self._registry.oldest_pending(link.host)
        if crowding is not None:
            crowding.cut(Refusal(RejectCode.FULL, "too many unfinished handshakes of one address", is_retryable=True))
        if not self._slots.acquire(blocking=False):
            oldest = self._registry.oldest_pending()
            if crowding is None and oldest is not None:  # or one address would cost the others a second one
                oldest.cut(Refusal(RejectCode.FULL, "too many unfinished handshakes", is_retryable=True))
            if not self._slots.acquire(timeout=EVICTION_TIMEOUT_S):
                self._turn_away(link, RejectCode.FULL)
                return
        self._registry.add(link)
        if self._stopped.is_set():
            link.cut(StoppedError("this end is being stopped"))
        try:
            self._spawn(link)
        except RuntimeError as error:
            self._failure_log.failed(f"no thread for a connection: {error}")
            self._registry.settle(link)
            self._slots.release()
            self._turn_away(link, LocalFault.reason)
        else:
            self._failure_log.worked()

    def _turn_away(self, link: AcceptedLink, why: str) -> None:
        """Without a word: nobody is free to say one."""
        self._meter.add_handshake("in", why)
        link.close()

    def _spawn(self, link: AcceptedLink) -> None:
        thread = ReportedThread(partial(self._serve, link), name=f"{self._name}-handshake")
        self._reading.add(thread)
        try:
            thread.start()
        except RuntimeError:
            self._reading.discard(thread)
            raise

    def _serve(self, link: AcceptedLink) -> None:
        hello = None
        try:
            hello = self._shake_hands(link)
            if hello is not None:
                self._slots.release()
                self._read(link, hello)
        finally:
            link.close()
            self._reading.discard(threading.current_thread())
            if hello is None:
                self._slots.release()

    def _shake_hands(self, link: AcceptedLink) -> Hello | None:
        """Let it in, or say why not."""
        try:
            hello = self._judge(link)
        except WireError as error:
            self._note_refused(link, error)
            self._meter.add_handshake("in", error.reason)
            link.reject(error)
            return None
        finally:
            self._registry.settle(link)
        self._meter.add_handshake("in", "ok")
        return hello

    def _note_refused(self, link: AcceptedLink, error: WireError) -> None:
        """WARNING now and then for each reason, whoever causes it; one that said nothing is a probe of the port."""
        is_probe = link.is_silent and not isinstance(error, Refusal)
        is_ours = isinstance(error, StoppedError)
        held = None if is_probe or is_ours else self._log_throttle.admit_line(error.reason, now_s())
        level = logging.DEBUG if held is None else logging.WARNING
        logger.log(level, "x %s: %s%s", link.remote, error, suppressed_suffix(held or 0))

    def _settle(self) -> None:
        if now_s() >= self._settle_s:
            self._settle_s = now_s() + SETTLE_INTERVAL_S
            for log in list(self._logs.values()):
                log.settle()
            self._registry.forget_claims()
            self._note_doubled(self.doubled)

    def _note_doubled(self, doubled: dict[str, str]) -> None:
        """WARNING when it begins, and when it is over."""
        for node in doubled.keys() - self._doubled.keys():
            logger.warning("! %s; stop one of them, or give it an id of its own", doubled[node])
        for node in self._doubled.keys() - doubled.keys():
            logger.warning("! one process uses the id %r again", node)
        self._doubled = doubled

    def _log_of(self, hello: Hello) -> LinkLog:
        if len(self._logs) >= LOGS_MAX:
            self._logs.pop(next(iter(self._logs)), None)
        return self._logs.setdefault((hello.node, hello.kind), LinkLog(logger, f"< {hello.node}"))

    def _judge(self, link: AcceptedLink) -> Hello:
        hello = link.await_hello()
        ring = link.guard.ring
        judge_hello(
            hello,
            self._identity,
            kinds=self._kinds,
            two_way=self._two_way,
            is_known_peer=self._is_known_peer,
            judge=self._judge_identity,
            ring=ring,
        )
        self._registry.check(hello, link, is_proven=ring is None)
        nonce = link.guard.nonce()
        answer = welcome(self._identity, hello, local=link.local, remote=link.remote, nonce=nonce, ring=ring)
        link.welcome(answer, hello)
        self._registry.claim(hello, link)
        return hello

    def _read(self, link: AcceptedLink, hello: Hello) -> None:
        accepted = link.accepted(hello)
        threading.current_thread().name = f"{self._name}-reader-{accepted.peer}"
        self._meter.add_connections("in", 1)
        self._meter.watch_peer(accepted.peer)
        self._deliver(accepted)
        try:
            self._finish(link, accepted, self._log_of(hello))
        finally:
            self._registry.remove(hello, link)
            self._meter.add_connections("in", -1)
            self._meter.forget_peer(accepted.peer)

    def _finish(self, link: AcceptedLink, accepted: LinkAccepted, log: LinkLog) -> None:
        opened_s = log.opened(f"link {accepted.number} from {accepted.remote}")
        ended = link.run(accepted, self._deliver, self._name)
        self._deliver(ended)  # first: an election may wait for it
        log.ended(f"link {ended.number} ended: {ended.bye or ended.error or 'end of stream'}", opened_s)


def _check_kinds(name: str, kinds: Collection[str]) -> None:
    if isinstance(kinds, str) or not isinstance(kinds, Collection):
        raise TypeError(f"{name} is {kinds!r}; a collection of texts is needed")
    for kind in kinds:
        arguments.text(f"{name} with", kind)
