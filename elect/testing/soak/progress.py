"""The progress of a long run in one line: it moves on a terminal, else a new line comes every ten seconds."""

from typing import TextIO

from wire.common.deadline import now_s

_TERMINAL_S = 0.5
_PLAIN_S = 10.0
"""Time between two lines: short on a terminal, long in a log."""


_BAR_CELLS = 30


def bar(done: float) -> str:
    """Return a bar and a percentage for the part that is done, from 0 to 1."""
    full = int(done * _BAR_CELLS)
    return f"[{'#' * full}{'.' * (_BAR_CELLS - full)}] {done:4.0%}"


class Progress:
    """Writes the latest state to a stream.

    Args:
        stream: a terminal or not.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._interval_s = _TERMINAL_S if self._is_terminal else _PLAIN_S
        self._shown_at = now_s()
        self._width = 0

    def show(self, text: str) -> None:
        """Write the progress, unless it was written a moment ago."""
        now = now_s()
        if now - self._shown_at < self._interval_s:
            return
        self._shown_at = now
        if self._is_terminal:
            self._stream.write(f"\r{text:<{self._width}}")
            self._width = len(text)
        else:
            self._stream.write(f"{text}\n")
        self._stream.flush()

    def say(self, text: str) -> None:
        """Write lines that stay, above the line that moves."""
        self.clear()
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def clear(self) -> None:
        """Remove the line that moves."""
        if self._width:
            self._stream.write(f"\r{'':<{self._width}}\r")
            self._stream.flush()
            self._width = 0
