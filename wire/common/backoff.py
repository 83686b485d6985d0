"""How long to wait before the next attempt."""

import random


class Backoff:
    """Doubling waits up to a bound, each shortened at random by up to half, so that many don't return in step."""

    def __init__(self, initial_s: float, max_s: float, rng: random.Random) -> None:
        self._initial_s = initial_s
        self._max_s = max_s
        self._rng = rng
        self._next_s = initial_s

    def next_s(self) -> float:
        """The next wait."""
        wait_s = self._next_s
        self._next_s = min(2 * wait_s, self._max_s)
        return wait_s * self._rng.uniform(0.5, 1.0)

    def reset(self) -> None:
        """An attempt succeeded: start from the shortest wait."""
        self._next_s = self._initial_s

    def give_up(self) -> None:
        """An attempt failed for good: from now on only the longest wait."""
        self._next_s = self._max_s
