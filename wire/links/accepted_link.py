"""AcceptedLink: one accepted connection, from its first byte to its end. One thread runs it."""

import socket
from collections.abc import Callable, Collection, Iterator
from typing import TypeVar

from wire.common.deadline import Deadline
from wire.common.log import Log
from wire.io.link_events import Event, LinkEnded
from wire.io.link_runner import LinkRunner
from wire.io.meter import Meter
from wire.io.open_link import CloseReason, OpenLink
from wire.io.outbox import Outbox
from wire.io.sockets import block_reads, block_writes, shut, stop_reading, tune, views
from wire.io.unix_sockets import check_user, peer_uid
from wire.protocol.address import Address
from wire.protocol.codec import Codec
from wire.protocol.connection import Connection, Phase
from wire.protocol.handshake import Hello, Reject, Welcome, are_views_equal
from wire.protocol.identity import LinkNumber
from wire.protocol.limits import Limits
from wire.protocol.wire_errors import (
    ForeignUserError,
    HandshakeTimeoutError,
    MagicError,
    Refusal,
    RejectCode,
    ResetError,
    StoppedError,
    WireError,
)
from wire.security.security import NO_CREDENTIALS, HandshakeCredentials

logger = Log(__name__)

Value = TypeVar("Value")


class AcceptedLink:
    """One accepted connection.

    Args:
        sock: its socket.
        codec: the messages, with Bye and Heard among them.
        limits: the bounds.
        meter: counts what is sent and received.
        credentials: those of its handshake.

    Raises:
        OSError: the other end has closed.

    Attributes:
        credentials: those of its handshake.
        local: this end's address, as this end sees it.
        remote: the other end's address, as this end sees it.
        host: the network of the other end, or its user where it is on this host; for the bounds per host.
        open_link: the link, once its handshake is over.
    """

    def __init__(
        self,
        sock: socket.socket,
        codec: Codec,
        limits: Limits,
        meter: Meter,
        credentials: HandshakeCredentials = NO_CREDENTIALS,
    ) -> None:
        self.credentials = credentials
        self.open_link: OpenLink | None = None
        self._sock = sock
        self._limits = limits
        self._meter = meter
        self._channel = credentials.channel(sock, is_dialer=False)
        self._connection = Connection(codec, limits.frame_bytes_max, is_dialer=False, ring=credentials.ring)
        self._deadline = Deadline(limits.handshake_timeout_s)
        self._close_reason = CloseReason()
        tune(sock, limits.write_timeout_s)
        self.local, self.remote = views(sock)
        is_unix = sock.family == socket.AF_UNIX
        self.host = f"uid {peer_uid(sock)}" if is_unix else Address.parse(self.remote).network

    @property
    def is_silent(self) -> bool:
        """Return whether no byte came yet, not even one of TLS."""
        return self._channel.is_silent

    @property
    def is_cut(self) -> bool:
        """Return whether there is a reason to end it."""
        return self._close_reason.value is not None

    def cut(self, reason: WireError) -> None:
        """End it from any thread; the thread that reads closes the socket."""
        # The reason comes first: otherwise the end of stream that follows would pass for the other end's.
        self._close_reason.set_once(reason)
        link = self.open_link
        if link is not None and link.is_two_way:
            link.outbox.ring()
        else:
            stop_reading(self._sock)

    def send(self, number: LinkNumber, message: object, replaces: str | None) -> bool:
        """Put a message into the outbox of a two-way link; return False if it was dropped. Never blocks."""
        link = self.open_link
        return link is not None and link.is_two_way and link.outbox.put(number, message, replaces=replaces)

    def close(self) -> None:
        """Close the socket; this proves nothing to the other end."""
        shut(self._sock)

    def check_user(self, uids: Collection[int]) -> None:
        """Refuse the user of the other end of a Unix socket, unless it is one of these, before anything is read.

        Raises:
            ForeignUserError: it was refused.
        """
        try:
            check_user(self._sock, uids)
        except ForeignUserError as error:
            self.reject(Refusal(RejectCode.USER, str(error), is_retryable=False))
            raise

    def await_hello(self) -> Hello:
        """Read until the Hello is complete, and the other end proved its id; one deadline holds for all of it.

        Raises:
            WireError: the handshake failed.
        """
        self._in_time(self._channel.shake_hands)
        while True:
            # To the end: a frame between a Hello and its answer is a fault, and must not be lost.
            for hello in list(self._connection.receive(self._read_in_time())):
                if isinstance(hello, Hello):
                    self._channel.review(hello.node, hello.cluster)
                    return hello

    def welcome(self, answer: Welcome, hello: Hello, outbox: Outbox | None = None) -> None:
        """Send the Welcome, read the other end's proof where there is a key, and open the link.

        Args:
            answer: the Welcome.
            hello: the Hello that it answers.
            outbox: of the link; None: one for a thread that waits for messages.

        Raises:
            WireError: the handshake failed.
        """
        data = self._connection.accept(answer)
        self._in_time(lambda _: self._channel.write(data))
        early: Iterator[object] = iter(())
        while self._connection.phase is not Phase.OPEN:
            early = self._connection.receive(self._read_in_time())
            next(early, None)
        block_reads(self._sock, self._limits.idle_timeout_s)
        if outbox is None:
            outbox = Outbox(self._limits.outbox_messages_max, hello.node, self._meter)
        if hello.is_two_way:
            block_writes(self._sock, self._limits.write_timeout_s)
            outbox.open(hello.number)
        self.open_link = OpenLink(
            channel=self._channel,
            connection=self._connection,
            peer=hello.node,
            number=hello.number,
            identity=hello.identity,
            is_trusted=are_views_equal(hello, local=self.local, remote=self.remote),
            local=self.local,
            remote=self.remote,
            is_dialed=False,
            is_two_way=hello.is_two_way,
            early=early,
            outbox=outbox,
            limits=self._limits,
            meter=self._meter,
            close_reason=self._close_reason,
        )

    def reject(self, error: WireError) -> None:
        """Send the reason why there is no link, if the other end can understand it and takes it at once."""
        is_overtaken = self.open_link is not None and self.open_link.is_two_way
        if isinstance(error, MagicError) or (self._connection.is_answered and not is_overtaken):
            return
        try:
            self._sock.settimeout(0)
            self._channel.write(self._refusal_frame(error))
        except (OSError, WireError) as problem:
            logger.debug("%s: could not send the refusal: %s", self.remote, problem)

    def _refusal_frame(self, error: WireError) -> bytes:
        """Return a Reject; or a Bye on a two-way link that another one overtook between its Welcome and its claim."""
        if self._connection.is_answered:
            return self._connection.close(error.reason)
        return self._connection.reject(Reject.of(_refusal(error)))

    def run(
        self, link: OpenLink, deliver: Callable[[Event], None], name: str, after_read: Callable[[], object]
    ) -> LinkEnded:
        """Deliver every message until the link ends; return the event of its end.

        Args:
            link: the open link.
            deliver: takes the messages.
            name: the name of the thread that writes, if there is one.
            after_read: called after each read.
        """
        runner = LinkRunner(link, deliver, name, after_read=after_read)
        try:
            runner.read()
        finally:
            link.outbox.close()
        receiver = runner.receiver
        return LinkEnded(
            peer=link.peer,
            number=link.number,
            is_end_of_stream=receiver.is_end_of_stream,
            error=receiver.error,
            bye=receiver.bye,
        )

    def _in_time(self, step: Callable[[Deadline], Value]) -> Value:
        """Do a step of the handshake before its deadline, unless there is a reason to end it."""
        reason = self._close_reason
        try:
            result = step(self._deadline)
        except TimeoutError:
            raise reason.value or HandshakeTimeoutError("the handshake took too long") from None
        except OSError as error:
            raise reason.value or ResetError(str(error)) from error
        except WireError as error:
            raise reason.value or error from None
        if reason.value is not None:
            raise reason.value
        if self._deadline.is_over:
            raise HandshakeTimeoutError("the handshake took too long")
        return result

    def _read_in_time(self) -> bytes:
        """Return the bytes that came before the deadline of the handshake; never b""."""
        data = self._in_time(self._channel.read_before)
        if not data:
            self._connection.receive_end()
        return data


def _refusal(error: WireError) -> Refusal:
    match error:
        case Refusal():
            return error
        case HandshakeTimeoutError():
            return Refusal(RejectCode.TIMEOUT, str(error), is_retryable=True)
        case StoppedError():
            return Refusal(RejectCode.STOPPING, str(error), is_retryable=True)
        case _:
            return Refusal(RejectCode.MALFORMED, str(error), is_retryable=False)
