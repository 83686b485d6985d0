"""Output to a terminal: colours, and lines at the bottom that are drawn again in place."""

import os
import shutil
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Self, TextIO

CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}
HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
CLEAR_LINE, CLEAR_BELOW, CLEAR_ALL = "\x1b[K", "\x1b[J", "\x1b[H\x1b[2J"


def is_live(stream: TextIO) -> bool:
    """Return whether the stream is a terminal that can be drawn on."""
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"


class Colors:
    """Adds colours to text, or leaves it as it is.

    Args:
        is_coloured: whether to add them.
    """

    def __init__(self, *, is_coloured: bool) -> None:
        self._is_coloured = is_coloured

    def __call__(self, text: str, colour: str) -> str:
        """Return the text in a colour: bold, dim, red, green or yellow."""
        return f"\x1b[{CODES[colour]}m{text}\x1b[0m" if self._is_coloured and text else text

    @classmethod
    def of(cls, stream: TextIO) -> "Colors":
        """Return colours for a terminal unless NO_COLOR is set (https://no-color.org)."""
        return cls(is_coloured=is_live(stream) and not os.environ.get("NO_COLOR"))


class LiveDisplay:
    """Draws lines in place; the last ones stay after the block.

    Args:
        stream: a terminal.
    """

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self._stream = stream
        self._drawn: list[str] = []
        self._size = shutil.get_terminal_size()

    @property
    def height(self) -> int:
        """The lines to use: the cursor is below the last one."""
        return shutil.get_terminal_size().lines - 1

    @property
    def width(self) -> int:
        """The columns to use: one less than there are, as a full line makes some terminals begin another."""
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
        """Replace the lines drawn before, in one write to avoid flicker; the last ones say how many do not fit."""
        size, height = shutil.get_terminal_size(), self.height
        if len(lines) > height:
            lines = [*lines[: height - 1], f"… {len(lines) - height + 1} more lines"[: self.width]]
        if lines == self._drawn and size == self._size:
            return
        up = f"\x1b[{len(self._drawn)}A" if self._drawn else ""
        if size != self._size:  # the terminal has broken the lines in another way
            self._size, up = size, CLEAR_ALL
        self._stream.write(f"\r{up}" + "".join(f"{line}{CLEAR_LINE}\n" for line in lines) + CLEAR_BELOW)
        self._stream.flush()
        self._drawn = list(lines)
