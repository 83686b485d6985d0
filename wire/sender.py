"""Sender: writes what an outbox gets to one dialed link, until the link is over."""

import logging
import select

from wire.bell import Bell
from wire.deadline import Deadline
from wire.dialing import Dialed
from wire.errors import ClosedError, LocalFault, OrderError, ResetError, StoppedError, WireError, WriteTimeoutError
from wire.limits import Limits
from wire.meter import Meter
from wire.outbox import Outbox

logger = logging.getLogger(__name__)

CHUNK_BYTES = 65_536
"""Frames that wait are written together, up to about this size."""

READ_BYTES = 4_096


class Sender:
    """Writes to one link.

    Args:
        link: the link; left open in the end.
        outbox: what to send.
        bell: rung when the outbox fills.
        peer: the dialed node's id.
        limits: the bounds.
        meter: told of what is sent.
    """

    def __init__(self, link: Dialed, outbox: Outbox, bell: Bell, *, peer: str, limits: Limits, meter: Meter) -> None:
        self._peer = peer
        self._link = link
        self._outbox = outbox
        self._bell = bell
        self._limits = limits
        self._meter = meter
        self._unsent = b""
        self._silence = Deadline(limits.keepalive_interval_s)

    def run(self) -> WireError:
        """Write until the link fails or the bell is stopped; why it ended."""
        try:
            while not self._bell.is_stopped:
                if self._bell.wait(self._silence.remaining_s, self._link.sock, select.POLLIN):
                    self._hear()
                self._write_waiting()
                if self._silence.is_over:
                    self._write(self._link.connection.keepalive(), 1, Deadline(self._limits.write_timeout_s))
        except WireError as error:
            return error
        return StoppedError("this end is being stopped")

    def finish(self, bye: str, deadline: Deadline) -> None:
        """Write what still waits, and a Bye; a link that doesn't take them before the deadline goes without."""
        try:
            while (chunk := self._chunk())[1]:
                self._write(*chunk, deadline)
            self._write(self._link.connection.close(bye), 1, deadline)
        except WireError as error:
            logger.info("> %s: it was not said goodbye to: %s", self._peer, error)

    def _write_waiting(self) -> None:
        # What was taken out is written, whatever happens meanwhile: a stop sends it, too.
        while not self._bell.is_stopped and (chunk := self._chunk())[1]:
            self._write(*chunk, Deadline(self._limits.write_timeout_s))

    def _chunk(self) -> tuple[bytes, int]:
        """Frames that wait, together, and how many."""
        frames: list[bytes] = []
        size = 0
        while size < CHUNK_BYTES and (taken := self._outbox.take()):
            try:
                frames.append(self._link.connection.send(taken.message))
                size += len(frames[-1])
            except LocalFault as fault:
                logger.warning("! %s: a message can't be sent: %s", self._peer, fault)
                self._meter.add_dropped(self._peer, type(taken.message).__name__.lower())
        return b"".join(frames), len(frames)

    def _write(self, data: bytes, frames: int, deadline: Deadline) -> None:
        self._unsent += data
        while self._unsent:
            sent = self._send_some(self._unsent)
            self._unsent = self._unsent[sent:]
            if self._unsent:
                self._await_room(deadline)
        self._silence = Deadline(self._limits.keepalive_interval_s)
        self._meter.add_frames("out", frames, len(data))

    def _send_some(self, data: bytes) -> int:
        try:
            return self._link.sock.send(data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise ResetError(str(error)) from error

    def _await_room(self, deadline: Deadline) -> None:
        """Wait until the socket takes more. A stop ends that: `finish` goes on from there by its own deadline."""
        was_stopped = self._bell.is_stopped
        while not deadline.is_over:
            events = self._bell.wait(deadline.remaining_s, self._link.sock, select.POLLOUT | select.POLLIN)
            if events & select.POLLIN:
                self._hear()
            if events:
                return
            if self._bell.is_stopped and not was_stopped:
                raise StoppedError("this end is being stopped")
        raise WriteTimeoutError(f"{len(self._unsent)} bytes were not taken in time")

    def _hear(self) -> None:
        """The socket has something to read, which can only be the end of the link."""
        try:
            data = self._link.sock.recv(READ_BYTES)
        except OSError as error:
            raise ResetError(str(error)) from error
        if not data:
            raise ClosedError("the acceptor closed")
        raise OrderError("the acceptor spoke after its Welcome")
