"""Messages by number, the same one always by the same."""

from dataclasses import replace

from elect.core.messages import Heartbeat, Message
from elect.testing.explore.naming import Places, names, renamed

END, RESET = 0, 1
"""Frames that are no messages: the end of a stream, and that of a broken link."""


class Frames:
    """All messages met so far.

    Attributes:
        messages: by number.
    """

    def __init__(self) -> None:
        self.messages: list[Message | None] = [None, None]
        self._numbers: dict[Message, int] = {}
        self._renamed: dict[tuple[int, Places], int] = {}

    def number(self, message: Message) -> int:
        """The number of a message; a heartbeat's words about Knowledge, which is not delivered here, are left out."""
        if isinstance(message, Heartbeat):
            message = replace(message, said=0, heard=0)
        number = self._numbers.get(message)
        if number is None:
            number = self._numbers[message] = len(self.messages)
            self.messages.append(message)
        return number

    def renamed(self, frame: int, places: Places) -> int:
        """The same in a world whose places are others."""
        key = (frame, places)
        other = self._renamed.get(key)
        if other is None:
            message = self.messages[frame]
            other = frame if message is None else self.number(renamed(message, names(places)))
            self._renamed[key] = other
        return other
