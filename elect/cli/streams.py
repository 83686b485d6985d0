"""The standard streams of the command: open from the start, never waited for by a node, flushed at the end."""

import errno
import io
import math
import os
import select
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TextIO

from elect.cli.exit_codes import ExitCode, complain
from elect.storage.data_lock import fill_standard
from wire.common import log
from wire.common.call_queue import CallQueue
from wire.common.deadline import Deadline
from wire.common.log import Log

FLUSH_S = 1.0
"""Limits the wait of the ending command for its last lines to be read."""

logger = Log(__name__)


def open_streams() -> bool:
    """Open /dev/null in the place of each stream that is closed; return whether stdout was open."""
    is_open = sys.stdout is not None  # Python has None in the place of a closed one
    fill_standard()
    if sys.stdout is None:
        sys.stdout = _open_null()
    if sys.stderr is None:
        sys.stderr = _open_null()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a character that the terminal lacks is no reason to end
    return is_open


def flush_streams(code: int) -> int:
    """Write the rest of the output.

    Args:
        code: the exit code if that succeeds.

    Returns:
        The exit code.
    """
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = ExitCode.BROKEN_PIPE
    except OSError as error:
        code = code or complain(f"cannot write the output: {error.strerror}", ExitCode.FAILED)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            # Python flushes once more at exit and would end with status 120, so this goes to /dev/null.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return code


@contextmanager
def unblocked() -> Iterator[None]:
    """In this block a write to stdout or stderr returns at once; a thread writes to the descriptor.

    Lines are dropped while 10,000 wait to be read, and while the disk of a file is full; a warning in the log says how
    many of the first ones, and `elect_log_records_dropped_total` counts both. At the end the last lines, also
    those that the log holds back, have FLUSH_S to be read.
    """
    outputs: list[_QueuedOutput] = []
    with ExitStack() as stack:
        for name in ("stdout", "stderr"):
            stream: TextIO | None = getattr(sys, name)
            if stream is not None and _has_descriptor(stream):
                stream.flush()
                output = _QueuedOutput(name, stream.fileno())
                outputs.append(output)
                stack.enter_context(log.counting_drops(output.calls))
                stack.callback(setattr, sys, name, stream)
                setattr(sys, name, io.TextIOWrapper(output, stream.encoding, stream.errors, line_buffering=True))
        try:
            yield
        finally:
            deadline = Deadline(FLUSH_S)
            log.release_held(math.inf)  # at the exit of the process nothing would write them any more
            for flush in (log.flush, *(output.calls.flush for output in outputs)):
                flush(deadline.remaining_s)


class _QueuedOutput(io.RawIOBase):
    """Accepts bytes at once; its own thread writes them to the descriptor."""

    def __init__(self, name: str, descriptor: int) -> None:
        self._descriptor = descriptor
        self._is_broken = self._is_torn = False
        on_dropped = partial(logger.warning, "%s: %d lines were dropped, as the reader was too slow", name)
        self.calls = CallQueue(f"elect-{name}", on_dropped, idle_s=None)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, data: bytes | bytearray | memoryview) -> int:  # type: ignore[override]  # typeshed has any buffer
        self.calls.put(partial(self._write, bytes(data)))
        return len(data)

    def _write(self, data: bytes) -> None:
        """Write all of it; an error is counted, and the next call tries again, as a full disk gets room again."""
        if self._is_broken:
            raise BrokenPipeError
        left = b"\n" + data if self._is_torn else data
        try:
            while left:
                try:
                    left = left[os.write(self._descriptor, left) :]
                except BlockingIOError:  # another process that has the same pipe made it non-blocking
                    select.select([], [self._descriptor], [])
        except OSError as error:
            self._is_broken = error.errno in (errno.EPIPE, errno.EBADF)
            raise
        finally:
            self._is_torn = 0 < len(left) < len(data) or (self._is_torn and bool(left))


def _has_descriptor(stream: TextIO) -> bool:
    try:
        stream.fileno()
    except OSError:
        return False
    return True


def _open_null() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")
