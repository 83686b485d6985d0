"""The node's clock: integer nanoseconds that cannot be set. On Linux they also count while the machine is suspended.

The time of day is never read: it may be set back or forward while a lease is valid.

Source: PROTOCOL.md, section 3.
"""

import time
from collections.abc import Callable

NS_PER_S = 1_000_000_000

Clock = Callable[[], int]
"""Returns nanoseconds, never less than at an earlier call."""

CLOCK_ID = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def now_ns() -> int:
    """Return the nanoseconds since this machine started."""
    return time.clock_gettime_ns(CLOCK_ID)
