"""AcceptedLink: the socket side of one accepted connection, from its first byte to its end. One thread reads it."""

import logging
import socket
from collections.abc import Callable, Iterator
from typing import TypeVar

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
from wire.handshake import Bye, Hello, Reject, Welcome, are_views_equal
from wire.limits import Limits
from wire.meter import Meter
from wire.security import NO_GUARD, Guard
from wire.sockets import block_reads, shut, stop_reading, tune, views

logger = logging.getLogger(__name__)

Value = TypeVar("Value")


class AcceptedLink:
    """One accepted connection.

    Attributes:
        is_silent: not a byte came yet.
        guard: what its handshake goes by.
        local: this end's address, as this end sees it.
        remote: the other end's.
    """

    def __init__(
        self, sock: socket.socket, codec: Codec, limits: Limits, meter: Meter, guard: Guard = NO_GUARD
    ) -> None:
        self.is_silent = True
        self.guard = guard
        self._sock = sock
        self._limits = limits
        self._meter = meter
        self._channel = guard.channel(sock, is_dialer=False)
        self._connection = Connection(codec, limits.frame_bytes_max, is_dialer=False, ring=guard.ring)
        self._deadline = Deadline(limits.handshake_timeout_s)
        self._early: Iterator[object] = iter(())
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
        """Read until the Hello is complete, and the other end proved to be who it says; one deadline for all of it.

        Raises:
            WireError: whatever ends the handshake.
        """
        self._in_time(self._channel.shake_hands)
        while True:
            for message in self._connection.receive(self._read_in_time()):
                if isinstance(message, Hello):
                    self._channel.review(message.node, message.cluster)
                    return message

    def welcome(self, answer: Welcome) -> None:
        """Say yes, hear the other end's proof where there is a key, and turn to reading.

        Raises:
            WireError: whatever ends the handshake.
        """
        said = self._connection.accept(answer)
        self._in_time(lambda _: self._channel.write(said))
        while self._connection.phase is not Phase.OPEN:
            self._early = self._connection.receive(self._read_in_time())
            next(self._early, None)
        block_reads(self._sock, self._limits.idle_timeout_s)

    def reject(self, error: WireError) -> None:
        """Say why not, if the other end can understand it and takes it at once."""
        if isinstance(error, MagicError) or self._connection.is_answered:
            return
        try:
            self._sock.settimeout(0)
            self._channel.write(self._connection.reject(Reject.of(_refusal(error))))
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
            self._pass_on(link, self._early, 0, deliver)
            while data := self._read():
                self._pass_on(link, self._connection.receive(data), len(data), deliver)
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

    def _pass_on(
        self, link: LinkAccepted, messages: Iterator[object], size: int, deliver: Callable[[Event], None]
    ) -> None:
        frames = 0
        try:
            for message in messages:
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
            self._meter.add_frames("in", frames, size)

    def _read(self) -> bytes:
        """What came; b"" at the end of the stream, which then is the other end's own."""
        try:
            data = self._channel.read()
        except BlockingIOError:
            raise self._cut_for or IdleTimeoutError(f"not a byte for {self._limits.idle_timeout_s} s") from None
        except OSError as error:
            raise self._cut_for or ResetError(str(error)) from error
        if self._cut_for is not None:
            raise self._cut_for
        return data

    def _in_time(self, step: Callable[[Deadline], Value]) -> Value:
        """A step of the handshake, before its deadline and unless this end was cut."""
        try:
            result = step(self._deadline)
        except TimeoutError:
            raise self._cut_for or HandshakeTimeoutError("the handshake took too long") from None
        except OSError as error:
            raise self._cut_for or ResetError(str(error)) from error
        except WireError as error:
            raise self._cut_for or error from None
        if self._cut_for is not None:
            raise self._cut_for
        if self._deadline.is_over:
            raise HandshakeTimeoutError("the handshake took too long")
        return result

    def _read_in_time(self) -> bytes:
        """What came before the deadline of the handshake; never b""."""
        data = self._in_time(self._channel.read_before)
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
