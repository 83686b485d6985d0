"""LineLimit: at most one log line of a cause in ten seconds, whatever happens; pure, as time is given.

The first line of a cause passes at once. Of those that follow, the latest one is kept, and passes when the ten seconds
are over, with the number of the others. So the last state of something that flaps is in the log, ten seconds late.
"""

import math
import threading
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

INTERVAL_S = 10.0

SUBJECTS_MAX = 64
"""Subjects of one text in an interval that have lines of their own: when 10,000 elections change for one cause, the
others share one line."""

Line = TypeVar("Line")

_OTHERS = object()


@dataclass(slots=True)
class _Cause(Generic[Line]):
    """A cause with a line in this interval; `held` lines came after it, `latest` is the last of them."""

    ends_s: float
    held: int = 0
    latest: Line | None = None


class LineLimit(Generic[Line]):
    """Belongs to a log; any thread calls it. Time is in seconds of any clock that only rises."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything; in a forked child another thread may have had the lock."""
        self._lock = threading.RLock()
        self._causes: dict[tuple[Hashable, Hashable], _Cause[Line]] = {}  # those that end first are first
        self._subjects: Counter[Hashable] = Counter()

    def admit(self, text: Hashable, subject: Hashable, line: Line, now_s: float) -> bool:
        """Return whether a line passes now; one that does not is kept, or replaced by a later one.

        Args:
            text: the kind of line.
            subject: what it is about.
            line: returned by `take_due` if it is the latest.
            now_s: call `take_due` with this time before.
        """
        with self._lock:
            cause = self._causes.get((text, subject))
            if cause is None and self._subjects[text] >= SUBJECTS_MAX:
                subject = _OTHERS
                cause = self._causes.get((text, subject))
            if cause is None:
                self._subjects[text] += 1
                self._causes[text, subject] = _Cause(ends_s=now_s + INTERVAL_S)
                return True
            cause.held += 1
            cause.latest = line
            return False

    def take_due(self, now_s: float) -> list[tuple[Line, int]]:
        """Return the kept lines whose interval is over, each with the number of those that it replaced.

        At infinity all of them are due, and nothing is remembered.
        """
        due: list[tuple[Line, int]] = []
        with self._lock:
            while self._causes:
                key, cause = next(iter(self._causes.items()))
                if cause.ends_s > now_s:
                    break
                del self._causes[key]
                if cause.latest is not None:
                    due.append((cause.latest, cause.held - 1))
                if cause.latest is None or math.isinf(now_s):
                    self._subjects[key[0]] -= 1
                else:
                    self._causes[key] = _Cause(ends_s=now_s + INTERVAL_S)
            self._subjects += Counter()  # drops those at zero
        return due
