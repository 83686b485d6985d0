"""AcceptedLink: the socket side of one accepted connection, from its first byte to its end. One thread reads it."""

import logging
import socket
from collections.abc import Callable

from wire.codec import Codec
from wire.connection import Connection, Phase
from wire.deadline import Deadline
from wire.errors import (
    HandshakeTimeoutError,
    IdleTimeoutError,
    LocalFault,
    MagicError,
    Refusal,
    RejectCode,
    RemoteFault,
    ResetError,
    StoppedError,
    UnknownKindError,
    WireError,
)
from wire.events import Event, LinkAccepted, LinkEnded, MessageReceived
from wire.handshake import HELLO_BYTES_MAX, Bye, Hello, Reject, Welcome, are_views_equal
from wire.limits import Limits
from wire.meter import Meter
from wire.sockets import block_reads, shut, stop_reading, tune, views

logger = logging.getLogger(__name__)

READ_BYTES = 65_536


class AcceptedLink:
    """One accepted connection.

    Attributes:
        is_silent: not a byte came yet.
        local: this end's address, as this end sees it.
        remote: the other end's.
    """

    def __init__(self, sock: socket.socket, codec: Codec, limits: Limits, meter: Meter) -> None:
        self.is_silent = True
        self._sock = sock
        self._limits = limits
        self._meter = meter
        self._connection = Connection(codec, limits.frame_bytes_max, is_dialer=False)
        self._cut_for: WireError | None = None
        self._bye: str | None = None
        tune(sock, limits.write_timeout_s)
        self.local, self.remote = views(sock)

    def cut(self, why: WireError) -> None:
        """End it from any thread; the reading thread closes the socket."""
        # The reason comes first: the end of stream that this makes must not be taken for the other end's.
        self._cut_for = self._cut_for or why
        stop_reading(self._sock)

    def abandon(self) -> None:
        """In a forked child: give back the copy of the socket."""
        self._sock.close()

    def close(self) -> None:
        """Close the socket; it proves nothing to the other end."""
        shut(self._sock)

    def await_hello(self) -> Hello:
        """Read until the Hello is complete, within one deadline for all of it."""
        deadline = Deadline(self._limits.handshake_timeout_s)
        while True:
            for message in self._connection.receive(self._read_before(deadline)):
                if isinstance(message, Hello):
                    return message

    def welcome(self, answer: Welcome) -> None:
        """Say yes, and turn to reading."""
        self._sock.sendall(self._connection.accept(answer))
        block_reads(self._sock, self._limits.idle_timeout_s)

    def reject(self, error: WireError) -> None:
        """Say why not, if the other end can understand it and takes it at once."""
        if isinstance(error, MagicError) or self._connection.phase is Phase.OPEN:
            return
        try:
            self._sock.settimeout(0)
            self._sock.send(self._connection.reject(Reject.of(_refusal(error))))
        except OSError as problem:
            logger.debug("%s: the refusal did not leave: %s", self.remote, problem)

    def accepted(self, hello: Hello) -> LinkAccepted:
        """The event that tells of this link."""
        return LinkAccepted(
            peer=hello.node,
            number=hello.number,
            kind=hello.kind,
            identity=hello.identity,
            is_trusted=are_views_equal(hello, local=self.local, remote=self.remote),
            local=self.local,
            remote=self.remote,
        )

    def run(self, link: LinkAccepted, deliver: Callable[[Event], None]) -> LinkEnded:
        """Deliver every message until it ends; how it ended."""
        is_end_of_stream = False
        error: WireError | None = None
        try:
            while data := self._read():
                self._pass_on(link, data, deliver)
            is_end_of_stream = True
            self._connection.receive_end()
        except WireError as ended:
            error = ended
        except Exception:
            logger.exception("! %s: link %s", link.peer, link.number)  # The owner must hear of its end all the same.
            error = LocalFault("reading it failed")
        return LinkEnded(
            peer=link.peer, number=link.number, is_end_of_stream=is_end_of_stream, error=error, bye=self._bye
        )

    def _pass_on(self, link: LinkAccepted, data: bytes, deliver: Callable[[Event], None]) -> None:
        frames = 0
        try:
            for message in self._connection.receive(data):
                frames += 1
                if isinstance(message, Bye):
                    self._bye = message.reason
                elif isinstance(message, UnknownKindError):
                    self._meter.add_rejected_frame(message.reason)
                else:
                    deliver(MessageReceived(peer=link.peer, number=link.number, message=message))
        except RemoteFault as fault:
            self._meter.add_rejected_frame(fault.reason)
            raise
        finally:
            self._meter.add_frames("in", frames, len(data))

    def _read(self) -> bytes:
        """What came; b"" at the end of the stream, which then is the other end's own."""
        try:
            data = self._sock.recv(READ_BYTES)
        except BlockingIOError:
            raise self._cut_for or IdleTimeoutError(f"not a byte for {self._limits.idle_timeout_s} s") from None
        except OSError as error:
            raise self._cut_for or ResetError(str(error)) from error
        if self._cut_for is not None:
            raise self._cut_for
        return data

    def _read_before(self, deadline: Deadline) -> bytes:
        """What came before the deadline of the handshake; never b""."""
        try:
            self._sock.settimeout(deadline.remaining_s or 1e-3)
            data = self._sock.recv(HELLO_BYTES_MAX)
        except TimeoutError:
            raise self._cut_for or HandshakeTimeoutError("no complete Hello") from None
        except OSError as error:
            raise self._cut_for or ResetError(str(error)) from error
        if self._cut_for is not None:
            raise self._cut_for
        if deadline.is_over:
            raise HandshakeTimeoutError("no complete Hello")
        if not data:
            self._connection.receive_end()
        self.is_silent = False
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
