"""How far an exploration goes: how often each kind of thing may happen on one path."""

from dataclasses import dataclass, fields

from wire.common import arguments

COUNT_MAX = 1_000_000_000
"""No exploration ends that may do anything as often."""

Left = tuple[int, ...]
"""What may still happen, in the order of the bounds' fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What may happen how often. What is not counted here (arrivals, writes, clocks looked at) happens whenever it can.

    Attributes:
        candidacies: nodes that begin a campaign.
        moments: times that the clock moves on by a heartbeat interval, half a support duration.
        losses: messages lost.
        copies: messages that arrive twice.
        overtakings: messages that arrive before the one that was sent before them.
        failures: writes that fail.
        resignations: leaders that give up.
        closes: links closed by the node that dialed them; it can dial again.
        resets: links broken by somebody else; what they held is lost.
        crashes: processes killed at any point of their writes and started again, their links to be dialed one by one.
        restarts: the same, with all links dialed again at once.
    """

    candidacies: int = 0
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

    def __post_init__(self) -> None:
        for name in self.names():
            arguments.integer(name, getattr(self, name), 0, COUNT_MAX)

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Of all of them."""
        return tuple(field.name for field in fields(cls))

    def left(self) -> Left:
        """All of them, nothing spent."""
        return tuple(int(getattr(self, name)) for name in self.names())

    def __str__(self) -> str:
        allowed = [f"{count} {name}" for name, count in zip(self.names(), self.left(), strict=True) if count]
        return ", ".join(allowed) or "nothing"


class Budgets:
    """What is left of the bounds on some path, by number; 0 is all of them.

    Attributes:
        left: by number.
        moment: by number, how often the clock has moved on.
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
        """What is left after one more of these; None if there is none left."""
        key = (budget, name)
        if key not in self._spent:
            index, left = self._names[name], self.left[budget]
            after = (*left[:index], left[index] - 1, *left[index + 1 :])
            self._spent[key] = None if left[index] == 0 else self._number(after)
        return self._spent[key]
