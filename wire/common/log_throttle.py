"""LogThrottle: what strangers can cause is logged now and then, not each time."""

import math
import threading
from collections.abc import Hashable

INTERVAL_S = 3_600.0

SUBJECTS_MAX = 64
"""Lines in an interval, whoever causes them."""


def more(held: int) -> str:
    """What a line says at its end of those that did not pass before it."""
    return f" (and {held} before it)" if held else ""


class LogThrottle:
    """Lets one of a kind pass in each interval, and counts the others; from any thread.

    Time is given, in seconds of any clock that only rises.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[Hashable, tuple[float, int]] = {}

    def take(self, subject: Hashable, now_s: float) -> int | None:
        """None when something of this kind passed a short while ago; else how many did not pass before this one."""
        with self._lock:
            known = self._known.get(subject)
            if known is None and not self._has_room(now_s):
                return None
            passed_s, held = known or (-math.inf, 0)
            if now_s - passed_s < INTERVAL_S:
                self._known[subject] = passed_s, held + 1
                return None
            self._known[subject] = now_s, 0
            return held

    def _has_room(self, now_s: float) -> bool:
        if len(self._known) >= SUBJECTS_MAX:
            self._known = {each: known for each, known in self._known.items() if now_s - known[0] < INTERVAL_S}
        return len(self._known) < SUBJECTS_MAX
