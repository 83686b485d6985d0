"""Sender: writes what an outbox gets to one link, until the link is over; on the thread that writes."""

import logging
from collections.abc import Callable

from wire.common.deadline import now_s
from wire.common.log import Log
from wire.io.channel import Channel
from wire.io.close_reason import CloseReason
from wire.io.meter import Meter
from wire.io.outbox import Outbox, Taken
from wire.io.sockets import block_writes, failure
from wire.protocol.connection import Connection
from wire.protocol.handshake import Heard
from wire.protocol.liveness_timer import LivenessTimer
from wire.protocol.wire_errors import (
    ClosedError,
    EncodeError,
    OrderError,
    ResetError,
    RestartedError,
    StoppedError,
    UnreadError,
    WireError,
    WriteTimeoutError,
)

logger = Log(__name__)

CHUNK_BYTES = 65_536
"""Frames that wait are written together, up to about this size."""

FAREWELL_TIMEOUT_S = 0.5
"""For what still waits, and the Bye, when this end stops: a peer that reads takes them at once."""


class Sender:
    """Writes to one link.

    Args:
        channel: the link's; left open in the end.
        connection: the link's.
        outbox: what to send; rung when there is something else to look at.
        close_reason: why the link ends.
        liveness_timer: when a sign of life is due.
        peer: the other end's id.
        meter: told of what is sent.
        taken: on a two-way link, how many frames were read; on a one-way link nothing is read, or it is over.
        turned: called after each wait, and so once in a keepalive interval at least; must be quick.

    Attributes:
        sock: the channel's.
    """

    def __init__(
        self,
        channel: Channel,
        connection: Connection,
        outbox: Outbox,
        close_reason: CloseReason,
        liveness_timer: LivenessTimer,
        *,
        peer: str,
        meter: Meter,
        taken: Callable[[], int] | None = None,
        turned: Callable[[], object] = lambda: None,
    ) -> None:
        self.sock = channel.sock
        self._channel = channel
        self._connection = connection
        self._outbox = outbox
        self._close_reason = close_reason
        self._liveness_timer = liveness_timer
        self._peer = peer
        self._meter = meter
        self._taken = taken
        self._turned = turned
        self._unsendable: set[type] = set()
        self._is_cut_short = False
        channel.is_hopeless = self._is_hopeless

    def run(self) -> WireError:
        """Write until there is a reason to end; that reason."""
        try:
            while (why := self._close_reason.why) is None:
                taken = self._outbox.take(self._liveness_timer.until_keepalive_s(now_s()))
                self._check()
                self._turned()
                if taken is not None and (chunk := self._chunk(taken)):
                    self._write(*chunk)
                if not self._liveness_timer.until_keepalive_s(now_s()):
                    self._write(*self._sign(), is_sign=True)
        except WireError as error:
            return self._close_reason.give(error)
        return why

    def say_goodbye(self, bye: str, *, is_flushing: bool) -> bool:
        """Write a Bye, and before it what still waits if that is wanted; whether the link took it in time."""
        if self._is_cut_short:  # it would be read as the rest of a frame
            return False
        try:
            block_writes(self.sock, FAREWELL_TIMEOUT_S)
            while is_flushing and (taken := self._outbox.take()) is not None:
                if chunk := self._chunk(taken):
                    self._write(*chunk)
            self._write(self._connection.close(bye), 1, is_sign=True)
        except (OSError, WireError) as error:
            logger.debug("- %s: it was not said goodbye to: %s", self._peer, error)
            return False
        return True

    def part(self, why: WireError, bye: str) -> bool:
        """Say goodbye as befits the reason for which a two-way link ends; whether it was said."""
        match why:
            case StoppedError():
                return self.say_goodbye(bye, is_flushing=True)
            case ClosedError() | ResetError() | RestartedError():  # nobody hears it
                return False
            case _:
                return self.say_goodbye(why.reason, is_flushing=False)

    def _is_hopeless(self, stalled_s: float) -> bool:
        """Whoever reads takes what is under way at once: nothing else is waited for once the link is to end."""
        return self._close_reason.why is not None or self._liveness_timer.is_write_stalled(stalled_s)

    def _chunk(self, taken: Taken | None) -> tuple[bytes, int] | None:
        """Frames that wait, together, and how many; None when there is none that can be sent."""
        frames: list[bytes] = []
        size = 0
        while taken is not None:
            try:
                frames.append(self._connection.send(taken.message))
                size += len(frames[-1])
            except EncodeError as error:
                self._note_unsendable(type(taken.message), error)
                self._outbox.drop(taken.message)
            taken = self._outbox.take() if size < CHUNK_BYTES else None
        return (b"".join(frames), len(frames)) if frames else None

    def _note_unsendable(self, kind: type, error: EncodeError) -> None:
        """Once for each kind of message: there may be ten of them a second."""
        level = logging.DEBUG if kind in self._unsendable else logging.ERROR
        self._unsendable.add(kind)
        logger.log(level, "- %s: a message can't be sent", self._peer, error=error)

    def _sign(self) -> tuple[bytes, int]:
        """A sign of life, and how many frames with a payload that is: what the other end counts."""
        if self._taken is None:
            return self._connection.keepalive(), 0
        return self._connection.send(Heard(frames=self._taken())), 1

    def _write(self, data: bytes, frames: int, *, is_sign: bool = False) -> None:
        """Write all of it, or learn that the link is over; a part of it makes the link useless."""
        self._liveness_timer.note_sent(frames, now_s(), is_keepalive=is_sign)
        self._is_cut_short = True
        try:
            self._channel.write(data)
        except BlockingIOError:
            raise WriteTimeoutError(f"{len(data)} bytes were not taken in time") from None
        except OSError as error:
            raise failure(error) from error
        self._is_cut_short = False
        self._meter.add_frames("out", frames, len(data))
        if not is_sign:
            self._meter.add_sent(self._peer, frames)

    def _check(self) -> None:
        """Whether the link is still worth writing to."""
        if self._taken is None:
            self._check_open()
        elif self._liveness_timer.is_unread(now_s()):
            raise UnreadError("the other end talks and reads nothing")

    def _check_open(self) -> None:
        """The acceptor says nothing after its Welcome: whatever can be read is the end of the link."""
        try:
            data = self._channel.poll()
        except OSError as error:
            raise failure(error) from error
        if data is None:
            return
        if not data:
            raise ClosedError("the acceptor closed")
        raise OrderError("the acceptor spoke after its Welcome")
