"""The node's clock: integer nanoseconds that run on through a suspend where the system can, and are never set.

A wall clock may be set back or forth while a lease lives, so it is never asked.

Source: PROTOCOL.md, section 3.
"""

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Returns ns, never less than the time before."""

CLOCK_ID = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def now_ns() -> int:
    """The time since this machine started, ns, the time asleep included where the system counts it."""
    return time.clock_gettime_ns(CLOCK_ID)
