"""Sender: writes what an outbox gets to one dialed link, until the link is over."""

import logging
from collections.abc import Callable

from wire.deadline import Deadline
from wire.dialing import Dialed
from wire.errors import ClosedError, LocalFault, OrderError, ResetError, StoppedError, WireError, WriteTimeoutError
from wire.limits import Limits
from wire.meter import Meter
from wire.outbox import Outbox, Taken
from wire.sockets import block_writes

logger = logging.getLogger(__name__)

CHUNK_BYTES = 65_536
"""Frames that wait are written together, up to about this size."""

FAREWELL_TIMEOUT_S = 0.5
"""For what still waits, and the Bye, when this end stops: a peer that reads takes them at once."""


class Sender:
    """Writes to one link.

    Args:
        link: the link; left open in the end.
        outbox: what to send; rung when there is something else to look at.
        is_stopped: whether this end is being stopped.
        peer: the dialed node's id.
        limits: the bounds.
        meter: told of what is sent.
    """

    def __init__(
        self,
        link: Dialed,
        outbox: Outbox,
        is_stopped: Callable[[], bool],
        *,
        peer: str,
        limits: Limits,
        meter: Meter,
    ) -> None:
        self._link = link
        self._outbox = outbox
        self._is_stopped = is_stopped
        self._peer = peer
        self._limits = limits
        self._meter = meter
        self._silence = Deadline(limits.keepalive_interval_s)

    def run(self) -> WireError:
        """Write until the link fails or this end stops; why it ended."""
        try:
            while not self._is_stopped():
                taken = self._outbox.take(self._silence.remaining_s)
                self._check_open()
                if taken is not None:
                    self._write(*self._chunk(taken))
                elif self._silence.is_over:
                    self._write(self._link.connection.keepalive(), 1)
        except WireError as error:
            return error
        return StoppedError("this end is being stopped")

    def finish(self, bye: str) -> None:
        """Write what still waits, and a Bye; a link that does not take them in time goes without."""
        try:
            block_writes(self._link.sock, FAREWELL_TIMEOUT_S)
            while (taken := self._outbox.take()) is not None:
                self._write(*self._chunk(taken))
            self._write(self._link.connection.close(bye), 1)
        except (OSError, WireError) as error:
            logger.info("> %s: it was not said goodbye to: %s", self._peer, error)

    def _chunk(self, taken: Taken | None) -> tuple[bytes, int]:
        """Frames that wait, together, and how many."""
        frames: list[bytes] = []
        size = 0
        while taken is not None:
            try:
                frames.append(self._link.connection.send(taken.message))
                size += len(frames[-1])
            except LocalFault:
                logger.exception("> %s: a message can't be sent", self._peer)
                self._meter.add_dropped(self._peer, type(taken.message).__name__.lower())
            taken = self._outbox.take() if size < CHUNK_BYTES else None
        return b"".join(frames), len(frames)

    def _write(self, data: bytes, frames: int) -> None:
        """Write all of it, or learn that the link is over; a part of it makes the link useless."""
        try:
            self._link.channel.write(data)
        except (BlockingIOError, TimeoutError):
            raise WriteTimeoutError(f"{len(data)} bytes were not taken in time") from None
        except OSError as error:
            raise ResetError(str(error)) from error
        self._silence = Deadline(self._limits.keepalive_interval_s)
        self._meter.add_frames("out", frames, len(data))

    def _check_open(self) -> None:
        """The acceptor says nothing after its Welcome: whatever can be read is the end of the link."""
        try:
            data = self._link.channel.poll()
        except OSError as error:
            raise ResetError(str(error)) from error
        if data is None:
            return
        if not data:
            raise ClosedError("the acceptor closed")
        raise OrderError("the acceptor spoke after its Welcome")
