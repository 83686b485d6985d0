"""At most one deadline a name, in order of time."""

from sortedcontainers import SortedList

from elect.core.quorum import FOREVER


class Deadlines:
    """Names and the time (ns) at which each is due."""

    def __init__(self) -> None:
        self._at: dict[str, int] = {}
        self._order: SortedList[tuple[int, str]] = SortedList()

    @property
    def next_at(self) -> int:
        """The earliest deadline, or FOREVER."""
        return self._order[0][0] if self._order else FOREVER

    def set(self, name: str, at: int) -> None:
        """Set the only time at which `name` is due; FOREVER clears it."""
        if self._at.get(name, FOREVER) == at:
            return
        self.clear(name)
        if at < FOREVER:
            self._at[name] = at
            self._order.add((at, name))

    def clear(self, name: str) -> None:
        """Remove the time at which `name` is due."""
        at = self._at.pop(name, None)
        if at is not None:
            self._order.remove((at, name))

    def take_due(self, now: int) -> list[str]:
        """Remove and return the names due at or before `now`, earliest first."""
        due = []
        while self.next_at <= now:
            _, name = self._order.pop(0)
            del self._at[name]
            due.append(name)
        return due
