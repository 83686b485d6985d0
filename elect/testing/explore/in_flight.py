"""Messages by number, and the frames in flight from one node to another: by link, oldest link first."""

from dataclasses import replace

from elect.core.membership_messages import Message
from elect.core.messages import Heartbeat
from elect.testing.explore.renaming import Places, names, renamed

LinkNumber = tuple[int, int]
"""A link or a session: incarnation and counter."""

NO_LINK: LinkNumber = (0, 0)

END, RESET = 0, 1
"""Frames that are no messages: the end of a stream, and the end of a broken link."""


class Frames:
    """All messages so far, each with a number.

    Attributes:
        messages: by number.
    """

    def __init__(self) -> None:
        self.messages: list[Message | None] = [None, None]
        self._numbers: dict[Message, int] = {}
        self._renamed: dict[tuple[int, Places], int] = {}

    def number(self, message: Message) -> int:
        """Return the number of a message, without a heartbeat's fields about Knowledge, which is not delivered here."""
        if isinstance(message, Heartbeat):
            message = replace(message, said=0, heard=0)
        number = self._numbers.get(message)
        if number is None:
            number = self._numbers[message] = len(self.messages)
            self.messages.append(message)
        return number

    def renamed(self, frame: int, places: Places) -> int:
        """Return the same with its places permuted."""
        key = (frame, places)
        other = self._renamed.get(key)
        if other is None:
            message = self.messages[frame]
            other = frame if message is None else self.number(renamed(message, names(places)))
            self._renamed[key] = other
        return other


Held = tuple[LinkNumber, bool, tuple[int, ...]]
"""A link, whether it is broken (its dialer has not noticed), and its frames in order."""

Way = tuple[Held, ...]

EMPTY = 0


class InFlight:
    """All combinations of frames in flight from one node to another, each with a number.

    Attributes:
        held: the links of each.
    """

    def __init__(self, frames: Frames) -> None:
        self._frames = frames
        self.held: list[Way] = [()]
        self._numbers: dict[Way, int] = {(): EMPTY}
        self._sent: dict[tuple[int, LinkNumber, tuple[int, ...]], int] = {}
        self._without: dict[tuple[int, int, int], int] = {}
        self._renamed: dict[tuple[int, Places], int] = {}

    def _number(self, way: Way) -> int:
        way = tuple([held for held in way if held[1] or held[2]])
        number = self._numbers.get(way)
        if number is None:
            number = self._numbers[way] = len(self.held)
            self.held.append(way)
        return number

    def sent(self, way: int, link: LinkNumber, frames: tuple[int, ...]) -> int:
        """Add frames to a link. Frames on a broken link are lost."""
        key = (way, link, frames)
        after = self._sent.get(key)
        if after is None:
            links = {number: (is_broken, held) for number, is_broken, held in self.held[way]}
            is_broken, held = links.get(link, (False, ()))
            links[link] = (is_broken, held if is_broken else held + frames)
            after = self._sent[key] = self._number(tuple([(number, *rest) for number, rest in links.items()]))
        return after

    def without(self, way: int, place: int, position: int) -> int:
        """Remove one frame from one link."""
        key = (way, place, position)
        after = self._without.get(key)
        if after is None:
            links = list(self.held[way])
            number, is_broken, frames = links[place]
            links[place] = (number, is_broken, frames[:position] + frames[position + 1 :])
            after = self._without[key] = self._number(tuple(links))
        return after

    def is_broken(self, way: int, link: LinkNumber) -> bool:
        """Return whether a link is broken."""
        return any(number == link and is_broken for number, is_broken, _ in self.held[way])

    def closed(self, way: int, link: LinkNumber) -> int:
        """Close a link by its dialer: the end of its stream comes last, unless the link was broken before."""
        if not self.is_broken(way, link):
            return self.sent(way, link, (END,))
        return self._number(
            tuple([(number, number != link and broken, held) for number, broken, held in self.held[way]])
        )

    def reset(self, way: int, link: LinkNumber) -> int:
        """Break a link: the frames on it are lost."""
        others = tuple([held for held in self.held[way] if held[0] != link])
        return self._number((*others, (link, True, (RESET,))))

    def abandoned(self, link: LinkNumber | None) -> int:
        """Return the frames in flight after the reader died: none, and an open link is broken."""
        return EMPTY if link is None else self._number(((link, True, ()),))

    def renamed(self, way: int, places: Places) -> int:
        """Return the same with its places permuted."""
        if way == EMPTY:
            return way
        key = (way, places)
        other = self._renamed.get(key)
        if other is None:
            other = self._renamed[key] = self._number(tuple([self._held(held, places) for held in self.held[way]]))
        return other

    def _held(self, held: Held, places: Places) -> Held:
        link, is_broken, frames = held
        return link, is_broken, tuple([self._frames.renamed(frame, places) for frame in frames])
