"""Virtual time: actions run in the order of their times, and at one time in the order in which they were added."""

from collections.abc import Callable
from functools import partial
from heapq import heappop, heappush
from typing import TypeVarTuple

Arguments = TypeVarTuple("Arguments")

Due = tuple[int, int, Callable[[], None]]
"""The time, the number in the order of adding, and the action."""


class Scheduler:
    """A queue of actions by time, ns from the start of the world.

    Attributes:
        now: the true time, which no node can read.
    """

    __slots__ = ("_count", "_queue", "now")

    def __init__(self) -> None:
        self.now = 0
        self._count = 0
        self._queue: list[Due] = []

    def at(self, when: int, action: Callable[[*Arguments], None], *arguments: *Arguments) -> None:
        """Run `action` at `when`, or now if that is past."""
        self._count += 1
        now = self.now
        due: Due = (when if when > now else now, self._count, partial(action, *arguments))
        heappush(self._queue, due)

    def after(self, delay: int, action: Callable[[*Arguments], None], *arguments: *Arguments) -> None:
        """Run `action` in `delay` ns."""
        self.at(self.now + delay, action, *arguments)

    def run_until(self, end: int) -> None:
        """Run all actions that are due up to `end`, and set the time to `end`."""
        queue = self._queue
        while queue and queue[0][0] <= end:
            self.now, _, action = heappop(queue)
            action()
        self.now = end
