"""Colours by name, where they are wanted."""

import os
from typing import TextIO

CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}


class Colors:
    """Puts a text in a colour, or leaves it.

    Args:
        is_coloured: whether to.
    """

    def __init__(self, *, is_coloured: bool) -> None:
        self._is_coloured = is_coloured

    def __call__(self, text: str, colour: str) -> str:
        """The text in a colour: bold, dim, red, green or yellow."""
        return f"\x1b[{CODES[colour]}m{text}\x1b[0m" if self._is_coloured and text else text

    @classmethod
    def of(cls, stream: TextIO) -> "Colors":
        """As the stream and the person like it (https://no-color.org)."""
        return cls(is_coloured=is_live(stream) and not os.environ.get("NO_COLOR"))


def is_live(stream: TextIO) -> bool:
    """Whether the stream is a terminal that can be drawn on."""
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
