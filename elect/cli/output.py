"""stdout and stderr of a node in the foreground: nothing waits for whoever reads them, or does not."""

import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TextIO

from wire.common import log
from wire.common.call_queue import CallQueue
from wire.common.deadline import Deadline
from wire.common.log import Log

FLUSH_S = 1.0
"""How long the end of the command waits for its last lines to be taken."""

logger = Log(__name__)


@contextmanager
def unblocked() -> Iterator[None]:
    """While this lasts, what is written to stdout and stderr is written to the descriptor by another thread.

    Lines that nobody takes are dropped when 10,000 wait; a warning in the log tells how many. The last lines have a
    second in the end.
    """
    outputs: list[_Output] = []
    with ExitStack() as stack:
        for name in ("stdout", "stderr"):
            stream: TextIO | None = getattr(sys, name)
            if stream is not None and _has_descriptor(stream):
                stream.flush()
                output = _Output(name, stream.fileno())
                outputs.append(output)
                stack.callback(setattr, sys, name, stream)
                setattr(sys, name, io.TextIOWrapper(output, stream.encoding, stream.errors, line_buffering=True))
        try:
            yield
        finally:
            deadline = Deadline(FLUSH_S)
            for flush in (log.flush, *(output.calls.flush for output in outputs)):
                flush(deadline.remaining_s)


class _Output(io.RawIOBase):
    """Takes bytes at once; a thread of its own writes them to the descriptor."""

    def __init__(self, name: str, descriptor: int) -> None:
        self._descriptor = descriptor
        self._is_broken = False
        told = partial(logger.warning, "%s: %d lines were dropped: nobody read the ones before them", name)
        self.calls = CallQueue(f"elect-{name}", told, idle_s=None)

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
        """Write all of it, unless nobody reads any more."""
        while data and not self._is_broken:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:  # another process that has the same pipe made it so
                select.select([], [self._descriptor], [])
            except OSError:
                self._is_broken = True


def _has_descriptor(stream: TextIO) -> bool:
    try:
        stream.fileno()
    except OSError:
        return False
    return True
