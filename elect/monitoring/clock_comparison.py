"""Compares a peer's clock with this node's: bounds of the difference in speed, from the stamps of heartbeats.

A heartbeat that acknowledges one of this node's holds three times: that heartbeat left at `sent` (this clock), the peer
read `stamp` (its clock) later, and this node read `now` (this clock) later still. So the peer's clock showed `stamp`
somewhere between `sent` and `now`. Two such intervals bound the speed between them, and no delay makes a bound wrong.
"""

from dataclasses import dataclass

WINDOW_NS = 600_000_000_000
"""The comparison reaches back to between one and two windows: a clock that changes its speed is seen within an hour,
and a round trip of 200 ms makes an error of 0.03 % at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockDrift:
    """The difference between the speeds of two clocks, as a fraction; the true value is between both.

    Attributes:
        least: the smallest possible; negative: the peer's clock is slower.
        most: the largest possible.
    """

    least: float
    most: float

    @property
    def proven(self) -> float:
        """The smallest absolute difference that explains what was measured."""
        return max(self.least, -self.most, 0.0)


class ClockComparison:
    """The stamps of one peer since its latest start. Belongs to one thread; another one may call `drift`."""

    __slots__ = ("_latest", "_newer", "_older")

    def __init__(self) -> None:
        self._older: tuple[int, int, int] | None = None
        self._newer = self._latest = (0, 0, 0)

    def reset(self) -> None:
        """Forget everything: the peer may have another clock from now on."""
        self._older = None

    def note(self, sent: int, stamp: int, now: int) -> None:
        """Note the three times of a heartbeat that acknowledges one of this node's, ns.

        Args:
            sent: this clock, when the acknowledged heartbeat left.
            stamp: the peer's clock, when its heartbeat left.
            now: this clock, when that was read.
        """
        self._latest = sent, stamp, now
        if self._older is None:
            self._older = self._newer = self._latest
        elif now - self._newer[2] >= WINDOW_NS:
            self._older, self._newer = self._newer, self._latest

    def drift(self) -> ClockDrift | None:
        """Return the bounds, or None: there was no time between two stamps yet."""
        older, (sent, stamp, now) = self._older, self._latest
        if older is None or sent <= older[2] or stamp < older[1]:
            return None
        passed = stamp - older[1]
        return ClockDrift(least=passed / (now - older[0]) - 1, most=passed / (sent - older[2]) - 1)
