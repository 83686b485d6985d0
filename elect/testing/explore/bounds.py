"""The bounds of a search: the number of steps of each kind on one path."""

from dataclasses import dataclass, fields

from wire.common import arguments

COUNT_MAX = 1_000_000_000
"""A search with a count as high as this never ends."""

Left = tuple[int, ...]
"""The counts that are left, in the order of the fields of `Bounds`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The number of steps of each kind that one path may have.

    Arrivals, writes and ticks are not counted: they are always tried.

    >>> print(Bounds(candidacies=2, losses=1))
    2 candidacies, 1 losses

    Attributes:
        candidacies: nodes that begin a campaign.
        abandonments: campaigns that end unsuccessfully, without waiting for that.
        moments: moves of the clock by one heartbeat interval, half a support duration.
        losses: messages lost.
        copies: messages that arrive twice.
        overtakings: messages that arrive before the one that was sent before them.
        failures: writes that fail.
        resignations: leaders that give up.
        closes: links closed by the node that dialed them; it can dial again.
        resets: links broken by the network; the frames on them are lost.
        crashes: processes killed at any point of their writes and started again; their links are dialed one by one.
        restarts: the same, with all links dialed again at once.
        lowerings: votes that came to nothing, and are written as lowered; only a restart reads that.
        delays: moves of the clock while a message or a write is under way; counted in prompt searches only.
        changes: voters that a leader demotes to observers, removes, or makes of observers.
    """

    candidacies: int = 0
    abandonments: int = 0
    moments: int = 0
    losses: int = 0
    copies: int = 0
    overtakings: int = 0
    failures: int = 0
    resignations: int = 0
    closes: int = 0
    resets: int = 0
    crashes: int = 0
    restarts: int = 0
    lowerings: int = 0
    delays: int = 0
    changes: int = 0

    def __post_init__(self) -> None:
        for name in self.names():
            arguments.integer(name, getattr(self, name), 0, COUNT_MAX)

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of all counts."""
        return tuple(field.name for field in fields(cls))

    def left(self) -> Left:
        """Return all counts, before the first step."""
        return tuple(int(getattr(self, name)) for name in self.names())

    def __str__(self) -> str:
        allowed = [f"{count} {name}" for name, count in zip(self.names(), self.left(), strict=True) if count]
        return ", ".join(allowed) or "nothing"


class Budgets:
    """The counts that paths have left, each combination by a number; number 0 is the full bounds.

    Attributes:
        left: by number.
        moment: by number, the moves of the clock so far.
    """

    def __init__(self, bounds: Bounds) -> None:
        self._names = {name: index for index, name in enumerate(bounds.names())}
        self._moments = bounds.moments
        self.left: list[Left] = []
        self.moment: list[int] = []
        self._numbers: dict[Left, int] = {}
        self._spent: dict[tuple[int, str], int | None] = {}
        self._number(bounds.left())

    def _number(self, left: Left) -> int:
        number = self._numbers.get(left)
        if number is None:
            number = self._numbers[left] = len(self.left)
            self.left.append(left)
            self.moment.append(self._moments - left[self._names["moments"]])
        return number

    def spent(self, budget: int, name: str) -> int | None:
        """Return the number of the budget after one more step of a kind, or None if no such step is left."""
        key = (budget, name)
        if key not in self._spent:
            index, left = self._names[name], self.left[budget]
            after = (*left[:index], left[index] - 1, *left[index + 1 :])
            self._spent[key] = None if left[index] == 0 else self._number(after)
        return self._spent[key]
