"""Lines at the bottom of a terminal that are drawn again in place; what stood above stays."""

import shutil
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Self, TextIO

HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
CLEAR_LINE, CLEAR_BELOW = "\x1b[K", "\x1b[J"


class LiveDisplay:
    """Draws in place; the last picture stays when it is left.

    Args:
        stream: a terminal.
    """

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self._stream = stream
        self._drawn: list[str] = []

    @property
    def width(self) -> int:
        """Columns; one less than there are, for a full line makes some terminals begin another."""
        return shutil.get_terminal_size().columns - 1

    def __enter__(self) -> Self:
        self._stream.write(HIDE_CURSOR)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.write(SHOW_CURSOR)
        self._stream.flush()

    def draw(self, lines: Sequence[str]) -> None:
        """Show these lines instead of the last ones; in one write, so that nothing flickers."""
        if lines == self._drawn:
            return
        up = f"\x1b[{len(self._drawn)}A" if self._drawn else ""
        self._stream.write(f"\r{up}" + "".join(f"{line}{CLEAR_LINE}\n" for line in lines) + CLEAR_BELOW)
        self._stream.flush()
        self._drawn = list(lines)
