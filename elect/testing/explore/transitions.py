"""What is under way between two nodes: the links from one to the other that still hold something, oldest first."""

from elect.testing.explore.facts import LinkNumber
from elect.testing.explore.frames import END, RESET, Frames
from elect.testing.explore.naming import Places

Held = tuple[LinkNumber, bool, tuple[int, ...]]
"""A link, whether it is broken though its dialer has not noticed, and its frames in order."""

Way = tuple[Held, ...]

EMPTY = 0


class Transitions:
    """All ways met so far, by number.

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
        """With more frames on a link; what is sent on a broken one is gone."""
        key = (way, link, frames)
        after = self._sent.get(key)
        if after is None:
            links = {number: (is_broken, held) for number, is_broken, held in self.held[way]}
            is_broken, held = links.get(link, (False, ()))
            links[link] = (is_broken, held if is_broken else held + frames)
            after = self._sent[key] = self._number(tuple([(number, *rest) for number, rest in links.items()]))
        return after

    def without(self, way: int, place: int, position: int) -> int:
        """Without one frame of one of its links."""
        key = (way, place, position)
        after = self._without.get(key)
        if after is None:
            links = list(self.held[way])
            number, is_broken, frames = links[place]
            links[place] = (number, is_broken, frames[:position] + frames[position + 1 :])
            after = self._without[key] = self._number(tuple(links))
        return after

    def is_broken(self, way: int, link: LinkNumber) -> bool:
        """Whether a link is."""
        return any(number == link and is_broken for number, is_broken, _ in self.held[way])

    def closed(self, way: int, link: LinkNumber) -> int:
        """With a link closed by its dialer: the end of its stream comes last, unless it was broken before."""
        if not self.is_broken(way, link):
            return self.sent(way, link, (END,))
        return self._number(
            tuple([(number, number != link and broken, held) for number, broken, held in self.held[way]])
        )

    def reset(self, way: int, link: LinkNumber) -> int:
        """With a link broken: what it held is lost."""
        others = tuple([held for held in self.held[way] if held[0] != link])
        return self._number((*others, (link, True, (RESET,))))

    def abandoned(self, link: LinkNumber | None) -> int:
        """After its reader died: a link still open is broken, the others are gone."""
        return EMPTY if link is None else self._number(((link, True, ()),))

    def renamed(self, way: int, places: Places) -> int:
        """The same in a world whose places are others."""
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
