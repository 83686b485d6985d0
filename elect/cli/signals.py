"""Signals of the command: handled in a block, and waited for by a node in the foreground."""

import os
import select
import signal
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
CHECK_INTERVAL_MS = 500
"""The interval at which the caller checks that the node runs: no signal and no descriptor shows its end."""


class StopSignals:
    """Waits for a signal, or for the reader of a pipe to close it.

    Args:
        wake_fd: readable after a signal.
        watched_fd: a pipe whose reader is watched, or None.
    """

    def __init__(self, wake_fd: int, watched_fd: int | None) -> None:
        self._poll = select.poll()
        self._poll.register(wake_fd, select.POLLIN)
        self._wake_fd = wake_fd
        if watched_fd is not None and _is_pipe(watched_fd):
            self._poll.register(watched_fd, 0)  # errors are always reported

    def wait(self, longest_ms: float = CHECK_INTERVAL_MS) -> str | None:
        """Return "signal", "reader" when the reader has closed, or None after `longest_ms`."""
        ready = [fd for fd, _ in self._poll.poll(longest_ms)]
        if self._wake_fd in ready:
            return "signal"
        return "reader" if ready else None


@contextmanager
def handled_signals(numbers: Sequence[int], handle: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Handle the signals in the block, also those that the parent process blocks.

    Signals that the parent ignores stay ignored, as nohup means it. Those that it blocks arrive, also in programs that
    are started: otherwise only SIGKILL would end them. One that waits calls `handle` before the block is entered.
    SIGCHLD has its default: where it is ignored, the system keeps no exit codes of child processes.
    """
    before = {number: signal.getsignal(number) for number in (*numbers, signal.SIGCHLD)}
    caught = [number for number in numbers if before[number] is not signal.SIG_IGN]
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number in caught:
            signal.signal(number, handle)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [*numbers, signal.SIGCHLD])
        yield
    finally:
        for number in (*caught, signal.SIGCHLD):
            signal.signal(number, before[number])
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@contextmanager
def stop_signals(watched_fd: int | None = None) -> Iterator[StopSignals]:
    """Catch the signals that end a program; a second one ends it at once.

    Args:
        watched_fd: a pipe whose reader is watched, or None.
    """
    read_fd, write_fd = os.pipe()
    os.set_blocking(write_fd, False)

    def catch(_number: int, _frame: FrameType | None) -> None:
        for each in ENDING:
            if signal.getsignal(each) is catch:
                signal.signal(each, signal.SIG_DFL)

    wake_before = signal.set_wakeup_fd(write_fd, warn_on_full_buffer=False)
    try:
        with handled_signals(ENDING, catch):
            yield StopSignals(read_fd, watched_fd)
    finally:
        signal.set_wakeup_fd(wake_before)
        os.close(read_fd)
        os.close(write_fd)


def _is_pipe(fd: int) -> bool:
    mode = os.fstat(fd).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
