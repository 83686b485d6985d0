"""Listener: accepts connections, does their handshakes, and runs each link on a thread of its own.

Theory of operation. One thread accepts. Each connection gets a thread at once, and a slot until its handshake is over.
When all slots are taken, or one host has too many, the oldest connection that sent nothing gives way: so connections
that stay silent cannot keep a peer out. After the handshake the same thread reads the link until it ends.
"""

import os
import socket
import threading
from collections.abc import Callable, Collection, Mapping
from functools import partial

from wire.common import arguments
from wire.common.deadline import Deadline, now_s
from wire.common.failure_log import FailureLog
from wire.common.log import Log
from wire.common.native import check_native
from wire.common.reported_thread import ReportedThread
from wire.io.meter import Meter
from wire.io.sockets import listen, own_socket, shut, wake
from wire.io.unix_sockets import UnixListener
from wire.links.accepted_link import AcceptedLink
from wire.links.endpoint import Endpoint
from wire.links.listener_log import ListenerLog
from wire.links.registry import Registry
from wire.links.shared_links import SharedLinks
from wire.protocol.address import Address
from wire.protocol.handshake import PEER_KIND, Bye, Heard, Hello, Judge, accept_any_peer, judge_hello, welcome
from wire.protocol.identity import LinkNumber
from wire.protocol.schema import kind_of
from wire.protocol.wire_errors import (
    ForeignUserError,
    LocalFault,
    Refusal,
    RejectCode,
    StoppedError,
    WireError,
)
from wire.security.security import PLAIN

logger = Log(__name__)

BACKLOG = 1_024
"""A dialer that finds the backlog full tries again only a second later; this is more than any cluster dials at once."""

ACCEPT_TIMEOUT_S = 1.0
"""On a system where a shutdown does not wake a blocked accept, stopping waits for at most this time."""

ACCEPT_PAUSE_S = 0.05
"""After a failed accept, for want of a descriptor say, the connection stays in the backlog: the pause avoids a spin."""

EVICTION_TIMEOUT_S = 1.0
"""The thread of an evicted connection ends within milliseconds; a machine too busy for that accepts no more."""

PERIODIC_INTERVAL_S = 1.0
"""The interval at which recovered links and duplicate ids are checked and logged: it costs little."""


class Listener:
    """The accepting end of links.

    Args:
        address: where to listen: port 0 for any port, or a Unix socket.
        endpoint: this end. Its `deliver` is called on the listener's threads.
        is_known_peer: given the id of a node, returns whether it may connect; called on any thread.
        judge: given who the dialer says it is; a refusal ends the handshake. Called on any thread.
        kinds: the kinds of peers that only send.
        two_way: the kinds of peers that are sent to as well.
        judge_two_way: in place of `judge` for the kinds in `two_way`.
        shared: more kinds of peers that are sent to, and what runs their links after the handshake; their ids have a
            slash (FORMAT.md, section 4.4). Its owner starts and stops it.
        pace: called with the id of a peer after each read from it; reading waits while it blocks.
        uids: the users that may connect to a Unix socket, which is their only proof; default: this process's and root.

    Raises:
        TypeError: an argument is of another type, or a coroutine function.

    Attributes:
        bound: the IP address and the port where it listens; set by `open`.
    """

    bound: Address

    def __init__(
        self,
        address: Address,
        endpoint: Endpoint,
        *,
        is_known_peer: Callable[[str], bool],
        judge: Judge = accept_any_peer,
        kinds: Collection[str] = (PEER_KIND,),
        two_way: Collection[str] = (),
        judge_two_way: Judge | None = None,
        shared: Mapping[str, SharedLinks] | None = None,
        pace: Callable[[str], object] = lambda _: None,
        uids: Collection[int] | None = None,
    ) -> None:
        arguments.check_type("address", address, Address, "an Address")
        arguments.check_type("endpoint", endpoint, Endpoint, "an Endpoint")
        arguments.check_callable("is_known_peer", is_known_peer)
        arguments.check_callable("judge", judge)
        arguments.check_callable("judge_two_way", judge_two_way or judge)
        arguments.check_callable("pace", pace)
        _check_kinds("kinds", kinds)
        _check_kinds("two_way", two_way)
        _check_kinds("shared", shared or ())
        self._address = address
        self._endpoint = endpoint
        self._codec = endpoint.codec.extended(Bye, Heard)
        self._is_known_peer = is_known_peer
        self._judge_identity = judge
        self._judge_two_way = judge_two_way or judge
        self._deliver = endpoint.deliver
        self._kinds = kinds
        self._shared = dict(shared or {})
        self._two_way = {*two_way, *self._shared}
        self._pace = pace
        self._uids = {os.geteuid(), 0} if uids is None else {*uids}
        self._security = PLAIN if address.is_unix else endpoint.security
        self._unix: UnixListener | None = None
        self._limits = limits = endpoint.limits
        self._meter = endpoint.metrics or Meter()
        self._name = endpoint.name
        self._registry = Registry(limits)
        self._slots = threading.Semaphore(limits.pending_max)
        self._accepting = ReportedThread(self._accept_all, name=f"{self._name}-listener")
        self._reading: set[threading.Thread] = set()
        self._socket: socket.socket | None = None
        self._stopped = threading.Event()
        self._log = ListenerLog(logger)
        self._failure_log = FailureLog(logger, "! accepting")
        self._periodic_s = 0.0

    @property
    def address(self) -> Address:
        """The address where it listens, with the real port."""
        return self._address

    @property
    def is_alive(self) -> bool:
        """Return whether it was started and still accepts."""
        return self._accepting.is_alive()

    @property
    def doubled(self) -> dict[str, str]:
        """The ids with which two processes dial in now; for each a sentence that names the two."""
        return self._registry.doubled()

    def open(self) -> None:
        """Bind and listen; nothing is accepted before `start`.

        Raises:
            OSError: the address is in use, not this machine's, or a name without an address.
            RuntimeError: gevent or eventlet has replaced threads, sockets, queues or select in this process.
        """
        check_native()
        if self._address.is_unix:
            self._unix = UnixListener(self._address.host, BACKLOG)
            self._socket, self.bound = self._unix.sock, self._address
        else:
            self._socket = sock = listen(self._address, BACKLOG)
            self._address = Address(self._address.host, sock.getsockname()[1])
            self.bound = Address.of_socket(sock.getsockname())
        self._socket.settimeout(ACCEPT_TIMEOUT_S)

    def start(self) -> None:
        """Begin to accept; opens first, if it is not open.

        Raises:
            OSError: see `open`.
            RuntimeError: there is no thread, it was started before, or see `open`.
        """
        self._accepting.check_new()
        if self._socket is None:
            self.open()
        self._accepting.start()

    def forget(self, peer: str, kind: str | None = None) -> None:
        """Accept a peer's next link of this kind, or of any, whatever its number, and end its open ones."""
        self._registry.forget(peer, kind)

    def send(
        self, peer: str, number: LinkNumber | tuple[int, int], message: object, *, replaces: str | None = None
    ) -> bool:
        """Put a message into the outbox of a peer's two-way link. Never blocks.

        Args:
            peer: the id of the node that dialed the link.
            number: the link's, as LinkAccepted gave it.
            message: one of the codec's.
            replaces: a text; the message replaces a waiting one that was put with the same text.

        Returns:
            False when it was dropped: the outbox is full, or there is no such link.

        Raises:
            TypeError: the message is none of the codec's.
        """
        self._endpoint.codec.check(message)
        number = LinkNumber(*number)
        link = self._registry.live(peer, number)
        if link is None:
            self._meter.add_dropped(peer, kind_of(type(message)))
            return False
        return link.send(number, message, replaces)

    def stop(self, timeout: float | None) -> bool:
        """Stop accepting and end every link.

        Args:
            timeout: seconds to wait for the threads; None for no limit.

        Returns:
            Whether all threads have ended.

        Raises:
            TypeError, ValueError: `timeout` is no number of seconds, or below 0.
        """
        deadline = Deadline(arguments.bounded_seconds("timeout", timeout))
        self._stopped.set()
        if self._socket is not None:
            wake(self._socket)
            if self._accepting.ident is None:
                self._close(self._socket)
        for link in self._registry.all():
            link.cut(StoppedError("this end is being stopped"))
        # The accepting thread comes first: after its end no thread is added.
        return self._join(self._accepting, deadline) and all(self._join(one, deadline) for one in list(self._reading))

    def _join(self, thread: threading.Thread, deadline: Deadline) -> bool:
        if thread.ident is None or thread is threading.current_thread():
            return True
        thread.join(deadline.remaining_s)
        return not thread.is_alive()

    def _accept_all(self) -> None:
        sock = self._socket
        assert sock is not None
        try:
            while not self._stopped.is_set():
                self._accept(sock)
                self._security.poll_files(self._meter)
                self._run_periodic()
        finally:
            self._close(sock)

    def _close(self, sock: socket.socket) -> None:
        if self._unix is not None:
            self._unix.remove_file()  # while it listens: afterwards it would look like that of a dead process
        shut(sock)

    def _accept(self, sock: socket.socket) -> None:
        try:
            connection = own_socket(sock.accept()[0])
        except TimeoutError:
            return
        except OSError as error:
            if not self._stopped.wait(ACCEPT_PAUSE_S):
                self._failure_log.failed(str(error))
            return
        try:
            link = AcceptedLink(connection, self._codec, self._limits, self._meter, self._security.credentials)
            if self._unix is not None:
                link.check_user(self._uids)
            self._admit(link)
        except (OSError, ValueError, ForeignUserError) as error:
            self._meter.add_handshake("in", self._log.note_unread(error))
            connection.close()

    def _admit(self, link: AcceptedLink) -> None:
        """Give the connection a thread, or that of the oldest silent connection if there are too many."""
        crowding = self._registry.oldest_pending(link.host)
        if crowding is not None:
            crowding.cut(Refusal(RejectCode.FULL, "too many unfinished handshakes of one address", is_retryable=True))
        if not self._slots.acquire(blocking=False):
            oldest = self._registry.oldest_pending()
            if crowding is None and oldest is not None:  # otherwise one address would cost the others a second one
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
            self._registry.finish_handshake(link)
            self._slots.release()
            self._turn_away(link, LocalFault.reason)
        else:
            self._failure_log.worked()

    def _turn_away(self, link: AcceptedLink, why: str) -> None:
        """Close without a Reject: there is no thread to send it."""
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
        hello, shared = None, None
        try:
            hello = self._shake_hands(link)
            if hello is not None:
                self._slots.release()
                shared = self._shared.get(hello.kind)
                if shared is None:
                    self._read(link, hello)
        finally:
            if shared is None or hello is None:
                link.close()
            else:
                shared.serve(hello, link)
            self._reading.discard(threading.current_thread())
            if hello is None:
                self._slots.release()

    def _shake_hands(self, link: AcceptedLink) -> Hello | None:
        """Return the Hello of a connection that is now a link; None if it was refused."""
        try:
            hello = self._judge(link)
        except WireError as error:
            self._log.note_refused(link, error)
            self._meter.add_handshake("in", error.reason)
            link.reject(error)
            return None
        finally:
            self._registry.finish_handshake(link)
        self._meter.add_handshake("in", "ok")
        return hello

    def _run_periodic(self) -> None:
        if now_s() >= self._periodic_s:
            self._periodic_s = now_s() + PERIODIC_INTERVAL_S
            self._log.log_recoveries()
            self._registry.forget_claims()
            self._log.note_doubled(self.doubled)

    def _judge(self, link: AcceptedLink) -> Hello:
        hello = link.await_hello()
        ring, shared = link.credentials.ring, self._shared.get(hello.kind)
        judge = self._judge_two_way if hello.is_two_way else self._judge_identity
        judge_hello(
            hello,
            self._endpoint.identity,
            kinds=self._kinds,
            two_way=self._two_way,
            is_known_peer=self._is_known_peer,
            many=self._shared,
            judge=judge if shared is None else shared.judge,
            ring=ring,
        )
        registry = self._registry if shared is None else shared.registry
        nonce = link.credentials.nonce()
        answer = welcome(self._endpoint.identity, hello, local=link.local, remote=link.remote, nonce=nonce, ring=ring)
        registry.check(hello, link, is_proven=ring is None)
        try:
            link.welcome(answer, hello, shared.outbox() if shared is not None else None)
            registry.claim(hello, link)
        finally:
            registry.release(link)
        return hello

    def _read(self, accepted: AcceptedLink, hello: Hello) -> None:
        link = accepted.open_link
        assert link is not None
        threading.current_thread().name = f"{self._name}-reader-{link.peer}"
        depth = link.outbox.__len__ if link.is_two_way else None
        self._meter.add_connections("in", 1)
        self._meter.watch_peer(link.peer, depth)
        self._deliver(link.accepted(hello.kind))
        log = self._log.of_links(hello)
        try:
            opened_s = log.opened(f"link {link.number} from {link.remote}")
            name = f"{self._name}-writer-{link.peer}"
            ended = accepted.run(link, self._deliver, name, partial(self._pace, link.peer))
            self._deliver(ended)  # before the log: an election may wait for it
            text = f"link {link.number} ended: {ended.bye or ended.error or 'end of stream'}"
            log.ended(text, opened_s, is_done=link.is_two_way and ended.bye is not None)  # one question, one answer
        finally:
            self._registry.remove(hello, accepted)
            self._meter.add_connections("in", -1)
            self._meter.forget_peer(link.peer, depth)


def _check_kinds(name: str, kinds: Collection[str]) -> None:
    if isinstance(kinds, str) or not isinstance(kinds, Collection):
        raise TypeError(f"{name} is {kinds!r}; a collection of texts is needed")
    for kind in kinds:
        arguments.text(f"{name} with", kind)
