"""Virtual time: what is due next happens next; what is due at once happens in the order in which it was asked for."""

from collections.abc import Callable
from functools import partial
from heapq import heappop, heappush
from typing import TypeVarTuple

Arguments = TypeVarTuple("Arguments")


class Scheduler:
    """A queue of actions by time, ns from the start of the world.

    Attributes:
        now: the true time, which no node can read.
    """

    __slots__ = ("_actions", "_count", "_heap", "now")

    def __init__(self) -> None:
        self.now = 0
        self._count = 0
        self._heap: list[tuple[int, int]] = []
        self._actions: dict[int, Callable[[], None]] = {}

    def at(self, when: int, action: Callable[[*Arguments], None], *arguments: *Arguments) -> None:
        """Do `action` at `when`, at once if that is past."""
        self._count += 1
        now = self.now
        self._actions[self._count] = partial(action, *arguments)
        heappush(self._heap, (when if when > now else now, self._count))

    def after(self, delay: int, action: Callable[[*Arguments], None], *arguments: *Arguments) -> None:
        """Do `action` in `delay` ns."""
        self.at(self.now + delay, action, *arguments)

    def run_until(self, end: int) -> None:
        """Do everything that is due up to `end`, and let it be `end`."""
        heap, actions = self._heap, self._actions
        while heap and heap[0][0] <= end:
            self.now, number = heappop(heap)
            actions.pop(number)()
        self.now = end
