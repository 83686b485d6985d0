"""Backoff: the waits between attempts that fail."""

import random


class Backoff:
    """Doubling waits up to a bound, each shortened at random by up to half, so that many nodes don't retry in step."""

    def __init__(self, initial_s: float, max_s: float, rng: random.Random) -> None:
        self._initial_s = initial_s
        self._max_s = max_s
        self._rng = rng
        self._next_s = initial_s

    def next_s(self) -> float:
        """Return the next wait, in seconds."""
        wait_s = self._next_s
        self._next_s = min(2 * wait_s, self._max_s)
        return wait_s * self._rng.uniform(0.5, 1.0)

    def reset(self) -> None:
        """Start again from the shortest wait, after a success."""
        self._next_s = self._initial_s

    def give_up(self) -> None:
        """Return only the longest wait from now on, after a failure that a retry is unlikely to mend."""
        self._next_s = self._max_s
