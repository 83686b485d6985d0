"""AcceptedLink: the socket side of one accepted connection, from its first byte to its end.

One thread reads it; a two-way one has another that writes.
"""

import socket
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

from wire.common.deadline import Deadline
from wire.common.log import Log
from wire.common.reported_thread import ReportedThread
from wire.io.close_reason import CloseReason
from wire.io.exchange import Exchange
from wire.io.link_events import Event, LinkAccepted, LinkEnded
from wire.io.meter import Meter
from wire.io.outbox import Outbox
from wire.io.receiver import Receiver
from wire.io.sockets import block_reads, block_writes, shut, stop_reading, tune, views
from wire.protocol.address import Address
from wire.protocol.codec import Codec
from wire.protocol.connection import Connection, Phase
from wire.protocol.handshake import Hello, Reject, Welcome, are_views_equal
from wire.protocol.identity import LinkNumber
from wire.protocol.limits import Limits
from wire.protocol.wire_errors import (
    HandshakeTimeoutError,
    LocalFault,
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

BYE = "stopping"
"""What the other end of a two-way link hears when this one stops."""


class AcceptedLink:
    """One accepted connection.

    Attributes:
        guard: what its handshake goes by.
        local: this end's address, as this end sees it.
        remote: the other end's.
        host: whose that is, for the bounds.
    """

    def __init__(
        self,
        sock: socket.socket,
        codec: Codec,
        limits: Limits,
        meter: Meter,
        guard: HandshakeCredentials = NO_CREDENTIALS,
    ) -> None:
        self.guard = guard
        self._sock = sock
        self._limits = limits
        self._meter = meter
        self._channel = guard.channel(sock, is_dialer=False)
        self._connection = Connection(codec, limits.frame_bytes_max, is_dialer=False, ring=guard.ring)
        self._deadline = Deadline(limits.handshake_timeout_s)
        self._early: Iterator[object] = iter(())
        self._close_reason = CloseReason()
        self._outbox: Outbox | None = None
        tune(sock, limits.write_timeout_s)
        self.local, self.remote = views(sock)
        self.host = Address.parse(self.remote).network

    @property
    def is_silent(self) -> bool:
        """Whether not a byte came yet, be it of TLS."""
        return self._channel.is_silent

    @property
    def is_cut(self) -> bool:
        """Whether there is a reason to end it."""
        return self._close_reason.why is not None

    def cut(self, why: WireError) -> None:
        """End it from any thread; the reading thread closes the socket."""
        # The reason comes first: the end of stream that this makes must not be taken for the other end's.
        self._close_reason.give(why)
        if self._outbox is None:
            stop_reading(self._sock)
        else:
            self._outbox.ring()

    def send(self, number: LinkNumber, message: object, replaces: str | None) -> bool:
        """Put a message for the other end of a two-way link; whether it waits. Never blocks."""
        return self._outbox is not None and self._outbox.put(number, message, replaces=replaces)

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
            # To its end: what follows a Hello before the answer is a fault, and must not be lost.
            for hello in list(self._connection.receive(self._read_in_time())):
                if isinstance(hello, Hello):
                    self._channel.review(hello.node, hello.cluster)
                    return hello

    def welcome(self, answer: Welcome, hello: Hello) -> None:
        """Say yes, hear the other end's proof where there is a key, and turn to what comes after the handshake.

        Raises:
            WireError: whatever ends the handshake.
        """
        said = self._connection.accept(answer)
        self._in_time(lambda _: self._channel.write(said))
        while self._connection.phase is not Phase.OPEN:
            self._early = self._connection.receive(self._read_in_time())
            next(self._early, None)
        block_reads(self._sock, self._limits.idle_timeout_s)
        if hello.is_two_way:
            block_writes(self._sock, self._limits.write_timeout_s)
            self._outbox = Outbox(self._limits.outbox_messages_max, hello.node, self._meter)
            self._outbox.open(hello.number)

    def reject(self, error: WireError) -> None:
        """Say why not, if the other end can understand it and takes it at once."""
        if isinstance(error, MagicError) or (self._connection.is_answered and self._outbox is None):
            return
        try:
            self._sock.settimeout(0)
            self._channel.write(self._no(error))
        except (OSError, WireError) as problem:
            logger.debug("%s: the refusal did not leave: %s", self.remote, problem)

    def _no(self, error: WireError) -> bytes:
        """A Reject; or a Bye on a two-way link that a higher one overtook between its Welcome and its place."""
        if self._connection.is_answered:
            return self._connection.close(error.reason)
        return self._connection.reject(Reject.of(_refusal(error)))

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

    def run(self, link: LinkAccepted, deliver: Callable[[Event], None], name: str) -> LinkEnded:
        """Deliver every message until it ends; how it ended.

        Args:
            link: what was told of it.
            deliver: takes the messages.
            name: first part of the name of the writing thread, if there is one.
        """
        receiver = (self._listen if self._outbox is None else self._converse)(link, deliver, name)
        return LinkEnded(
            peer=link.peer,
            number=link.number,
            is_end_of_stream=receiver.is_end_of_stream,
            error=receiver.error,
            bye=receiver.bye,
        )

    def _listen(self, link: LinkAccepted, deliver: Callable[[Event], None], _: str) -> Receiver:
        receiver = Receiver(
            self._channel,
            self._connection,
            self._close_reason,
            deliver,
            peer=link.peer,
            number=link.number,
            is_dialed=False,
            early=self._early,
            meter=self._meter,
        )
        receiver.run()
        return receiver

    def _converse(self, link: LinkAccepted, deliver: Callable[[Event], None], name: str) -> Receiver:
        """Both ways at once: this thread reads, another one writes."""
        outbox = self._outbox
        assert outbox is not None
        exchange = Exchange(
            self._channel,
            self._connection,
            self._close_reason,
            outbox,
            deliver,
            peer=link.peer,
            number=link.number,
            is_dialed=False,
            early=self._early,
            limits=self._limits,
            meter=self._meter,
        )
        writing = ReportedThread(partial(_write, exchange), name=f"{name}-writer-{link.peer}")
        self._meter.watch_peer(link.peer, outbox.__len__)
        try:
            writing.start()
            exchange.read()
            writing.join()
        except RuntimeError as error:
            logger.debug("! no thread to write to %s: %s", link.peer, error)
            exchange.receiver.error = LocalFault("no thread to write with")
        finally:
            outbox.close()
            self._meter.forget_peer(link.peer, outbox.__len__)
        return exchange.receiver

    def _in_time(self, step: Callable[[Deadline], Value]) -> Value:
        """A step of the handshake, before its deadline and unless this end was cut."""
        try:
            result = step(self._deadline)
        except TimeoutError:
            raise self._close_reason.why or HandshakeTimeoutError("the handshake took too long") from None
        except OSError as error:
            raise self._close_reason.why or ResetError(str(error)) from error
        except WireError as error:
            raise self._close_reason.why or error from None
        if self._close_reason.why is not None:
            raise self._close_reason.why
        if self._deadline.is_over:
            raise HandshakeTimeoutError("the handshake took too long")
        return result

    def _read_in_time(self) -> bytes:
        """What came before the deadline of the handshake; never b""."""
        data = self._in_time(self._channel.read_before)
        if not data:
            self._connection.receive_end()
        return data


def _write(exchange: Exchange) -> None:
    """What the writing thread does."""
    try:
        exchange.say_goodbye(exchange.write(), BYE)
    finally:
        exchange.leave()


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
