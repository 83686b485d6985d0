"""RecentMaximum: the greatest of the latest values."""

WINDOW_NS = 600_000_000_000


class RecentMaximum:
    """The greatest value of the last one to two windows of ten minutes; 0 without one. One thread notes, any reads."""

    __slots__ = ("_began", "_former", "_most")

    def __init__(self) -> None:
        self._began = self._former = self._most = 0

    def note(self, value: int, now: int) -> None:
        """Note a value at a time, ns."""
        if now - self._began >= WINDOW_NS:
            is_adjacent = now - self._began < 2 * WINDOW_NS
            self._began, self._former, self._most = now, self._most if is_adjacent else 0, 0
        self._most = max(self._most, value)

    @property
    def value(self) -> int:
        """The greatest value."""
        return max(self._former, self._most)
