"""A pipe that wakes the main thread of `elect exec`, for signals and for callbacks on other threads."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Self

from elect.cli.signals import handled_signals

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
FORWARDED = (*ENDING, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH)
SIGNALS_MAX = 256


class Wakeup:
    """A pipe that wakes the loop: signals write their number, and other threads 0. Ignored signals stay ignored."""

    def __init__(self) -> None:
        self.read_end, self._write_end = os.pipe()
        for descriptor in (self.read_end, self._write_end):
            os.set_blocking(descriptor, False)

    def wake(self) -> None:
        """Wake the loop. Any thread may call it."""
        with suppress(OSError):  # it is full or closed
            os.write(self._write_end, b"\0")

    def take(self) -> list[int]:
        """Return the signals that came."""
        try:
            return [number for number in os.read(self.read_end, SIGNALS_MAX) if number]
        except BlockingIOError:
            return []

    def close(self) -> None:
        """Close both ends."""
        os.close(self.read_end)
        os.close(self._write_end)

    def note(self, _number: int, _frame: FrameType | None) -> None:
        """Handle a signal: Python has written its number to the pipe."""

    @classmethod
    @contextmanager
    def catching(cls) -> Iterator[Self]:
        """Catch the signals in the block."""
        wakeup = cls()
        fd_before = signal.set_wakeup_fd(wakeup._write_end, warn_on_full_buffer=False)
        try:
            with handled_signals(FORWARDED, wakeup.note):
                yield wakeup
        finally:
            signal.set_wakeup_fd(fd_before)
            wakeup.close()
