"""The clock by which everything here waits, and a moment by which something must be done."""

import time


def now_s() -> float:
    """The time since this machine started, s.

    Libraries that freeze or shift the time of a test (freezegun, time-machine) replace `time.monotonic`, or what calls
    it. A wait that asked it would then never end; this clock runs on.
    """
    return time.clock_gettime(time.CLOCK_MONOTONIC)


class Deadline:
    """So many seconds from now; it does not move when there is progress."""

    __slots__ = ("_at",)

    def __init__(self, seconds: float) -> None:
        self._at = now_s() + seconds

    @property
    def remaining_s(self) -> float:
        """Seconds left, 0 when it is over."""
        return max(0.0, self._at - now_s())

    @property
    def is_over(self) -> bool:
        """Whether the moment has passed."""
        return now_s() >= self._at
