"""The clock for all waits, and a point in time on it."""

import time


def now_s() -> float:
    """Return the seconds since this machine started.

    Libraries that freeze or shift time in tests (freezegun, time-machine) replace `time.monotonic`. A wait that used it
    would never end under them; this clock runs on.
    """
    return time.clock_gettime(time.CLOCK_MONOTONIC)


class Deadline:
    """The point in time `seconds` from now; progress does not postpone it."""

    __slots__ = ("_at",)

    def __init__(self, seconds: float) -> None:
        self._at = now_s() + seconds

    @property
    def remaining_s(self) -> float:
        """Return the seconds left, 0 when it has passed."""
        return max(0.0, self._at - now_s())

    @property
    def is_over(self) -> bool:
        """Return whether the deadline has passed."""
        return now_s() >= self._at
