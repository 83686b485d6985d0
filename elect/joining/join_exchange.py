"""One request to one address, and its answer: the dialing end of a link of kind `join`.

Each dial has a thread of its own, as a name can take longer to resolve than a seed is waited for, and nothing ends
that call. Such a thread is left behind, and its address is not dialed again before it ends. At most THREADS_MAX of them
exist at once. The dial of an IP address ends in time, so it needs no such bound.

Source: FORMAT.md, section 13.6.
"""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from elect.joining.join_messages import JOIN_KIND, JOIN_MESSAGES, Answer, Request
from elect.joining.start_choice import Reply
from wire.common.deadline import Deadline
from wire.common.reported_thread import ReportedThread
from wire.io.open_link import OpenLink
from wire.io.sockets import shut, wake
from wire.links.connect import Dialing
from wire.protocol.address import Address, ip_of
from wire.protocol.codec import Codec
from wire.protocol.handshake import Bye, Heard
from wire.protocol.identity import Identity, printable
from wire.protocol.limits import Limits
from wire.protocol.wire_errors import (
    ClosedError,
    HandshakeTimeoutError,
    LocalFault,
    ResetError,
    ResolveError,
    StoppedError,
    WireError,
)
from wire.security.security import PLAIN, Security

WELCOME_S = 1.0
"""For a connection and its handshake, which take milliseconds: a seed that cannot be reached costs this time."""

ANSWER_S = 2.0
"""For the answer: the leader's change needs the disks of a quorum, and may wait for a change before it."""

THREADS_MAX = 16
"""Names that hang, as many as a client has: a member can name another one as the leader with each answer."""

UNANSWERED = "no answer to the request in time"


class JoinExchange:
    """Asks one address after another. One thread calls `ask`; any thread may call `cancel`.

    Args:
        identity: of this end.
        security: how the two ends prove who they are.
        welcome_s: for a connection and its handshake, seconds.
        answer_s: for the answer, seconds.
        clock: returns nanoseconds that rise also when the store of this node is lost.
    """

    def __init__(
        self,
        identity: Identity,
        security: Security = PLAIN,
        *,
        welcome_s: float = WELCOME_S,
        answer_s: float = ANSWER_S,
        clock: Callable[[], int] = time.time_ns,  # noqa: TID251 - no other clock goes on after a reboot
    ) -> None:
        # The incarnation of a node begins again when its store is lost. The acceptor would refuse the lower number.
        self._identity = replace(identity, incarnation=0)
        self._security = security
        self._welcome_s, self._answer_s = welcome_s, answer_s
        self._clock = clock
        self._counter = 0
        self._attempt: _Attempt | None = None
        self._threads: dict[Address, threading.Thread] = {}
        self._is_cancelled = threading.Event()

    @property
    def is_cancelled(self) -> bool:
        """Return whether `cancel` was called."""
        return self._is_cancelled.is_set()

    def cancel(self) -> None:
        """End the wait of `ask` or `wait`, and each later one."""
        self._is_cancelled.set()
        attempt = self._attempt
        if attempt is not None:
            attempt.abandon(StoppedError("the join was cancelled"))

    def wait(self, seconds: float) -> None:
        """Wait, or until it is cancelled."""
        self._is_cancelled.wait(seconds)

    def ask(self, address: Address, node_id: str, request: Request) -> Reply:
        """Send a request, and return the answer, or why there is none.

        Args:
            address: the address to dial.
            node_id: the id of the node that has to answer there; empty: any.
            request: the request.
        """
        is_name = ip_of(address.host) is None
        self._threads = {each: thread for each, thread in self._threads.items() if thread.is_alive()}
        if address in self._threads:
            return ResolveError("the name is still being looked up")
        if is_name and len(self._threads) >= THREADS_MAX:
            return ResolveError(f"{len(self._threads)} names are being looked up; this one was not tried")
        dialing = Dialing(
            to=node_id,
            kind=JOIN_KIND,
            identity=self._identity,
            codec=Codec(*JOIN_MESSAGES, Bye, Heard),
            limits=Limits(connect_timeout_s=self._welcome_s, handshake_timeout_s=self._welcome_s),
            security=self._security,
            is_two_way=True,
        )
        self._attempt = attempt = _Attempt(dialing, address, request, self._answer_s)
        if self.is_cancelled:
            return StoppedError("the join was cancelled")
        thread = ReportedThread(lambda: attempt.run(self._next_counter), name="elect-join-link")
        try:
            thread.start()
        except RuntimeError as error:
            return LocalFault(f"no thread to dial with: {error}")
        if is_name:
            self._threads[address] = thread
        return attempt.wait(self._welcome_s)

    def _next_counter(self) -> int:
        self._counter = max(self._counter + 1, self._clock())
        return self._counter


class _Attempt:
    """One dial."""

    def __init__(self, dialing: Dialing, address: Address, request: Request, answer_s: float) -> None:
        self._dialing = replace(dialing, watch=self._watch)
        self._address = address
        self._request = request
        self._answer_s = answer_s
        self._socket: socket.socket | None = None
        self._is_welcomed = threading.Event()
        self._is_over = threading.Event()
        self._reply: Reply | None = None

    def wait(self, welcome_s: float) -> Reply:
        """Return the reply, as soon as there is one; after the time for it, why there is none."""
        if not self._is_welcomed.wait(welcome_s):
            self.abandon(HandshakeTimeoutError(f"no Welcome within {welcome_s:g} s"))
        elif not self._is_over.wait(self._answer_s):
            self.abandon(HandshakeTimeoutError(UNANSWERED))
        assert self._reply is not None
        return self._reply

    def abandon(self, reason: WireError) -> None:
        """End it from another thread."""
        self._end(reason)
        if self._socket is not None:
            wake(self._socket)

    def run(self, next_counter: Callable[[], int]) -> None:
        """Dial, ask and close."""
        try:
            self._end(self._ask(next_counter))
        except WireError as error:
            self._end(error)
        except TimeoutError:
            self._end(HandshakeTimeoutError(UNANSWERED))
        except OSError as error:
            self._end(ResetError(str(error)))

    def _end(self, reply: Reply) -> None:
        if self._reply is None:
            self._reply = reply
        self._is_welcomed.set()
        self._is_over.set()

    def _watch(self, sock: socket.socket) -> None:
        self._socket = sock
        if self._is_over.is_set():
            raise OSError("it was given up")

    def _ask(self, next_counter: Callable[[], int]) -> Answer:
        link = self._dialing.dial(self._address, next_counter)
        self._is_welcomed.set()
        try:
            link.channel.write(link.connection.send(self._request))
            return self._read_answer(link)
        finally:
            with suppress(OSError, WireError):
                link.channel.write(link.connection.close("answered"))
            shut(link.channel.sock)

    def _read_answer(self, link: OpenLink) -> Answer:
        deadline, messages = Deadline(self._answer_s), link.early
        while True:
            for message in messages:
                if isinstance(message, Answer):
                    return message
                if isinstance(message, Bye):
                    raise ClosedError(f"the other end closed: {printable(message.reason)}")
            data = link.channel.read_before(deadline)
            if not data:
                raise ClosedError("the other end closed")
            messages = link.connection.receive(data)
