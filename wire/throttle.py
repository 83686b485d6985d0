"""Throttle: what strangers can cause is logged now and then, not each time."""

import threading
from collections.abc import Hashable

INTERVAL_S = 10.0

SUBJECTS_MAX = 64
"""Lines in an interval, whoever causes them."""


class Throttle:
    """Lets one of a kind pass in each interval, and counts the others; from any thread.

    Time is given, in seconds of any clock that only rises.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._passed_s: dict[Hashable, float] = {}
        self._held: dict[Hashable, int] = {}

    def take(self, subject: Hashable, now_s: float) -> int | None:
        """None when something of this kind passed a short while ago; else how many did not pass before this one."""
        with self._lock:
            last_s = self._passed_s.get(subject)
            is_new = last_s is None and self._has_room(now_s)
            if is_new or (last_s is not None and now_s - last_s >= INTERVAL_S):
                self._passed_s[subject] = now_s
                return self._held.pop(subject, 0)
            if last_s is not None:
                self._held[subject] = self._held.get(subject, 0) + 1
            return None

    def _has_room(self, now_s: float) -> bool:
        if len(self._passed_s) >= SUBJECTS_MAX:
            for subject in [each for each, last_s in self._passed_s.items() if now_s - last_s >= INTERVAL_S]:
                del self._passed_s[subject]
                self._held.pop(subject, None)
        return len(self._passed_s) < SUBJECTS_MAX
