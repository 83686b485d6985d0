"""Turns: lets one call at a time do something, and leaves nothing locked when Ctrl-C ends it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from wire.common.deadline import Deadline
from wire.common.signal_safe_condition import SignalSafeCondition


class Turns:
    """The turns of calls. Any thread may take one.

    A lock with a timeout would stay locked if Ctrl-C came between its `acquire` and the `try` after it.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # `with` of a Condition is no single step
        self._changed = SignalSafeCondition(self._lock)
        self._callers: set[object] = set()

    @contextmanager
    def take(self, timeout_s: float) -> Iterator[bool]:
        """Wait until no other call has its turn; yield whether that was in time (seconds)."""
        deadline, caller = Deadline(timeout_s), object()
        try:
            with self._lock:
                while self._callers and not deadline.is_over:
                    self._changed.wait(deadline.remaining_s)
                is_free = not self._callers
                if is_free:
                    self._callers.add(caller)
            yield is_free
        finally:
            with self._lock:
                self._callers.discard(caller)
                self._changed.notify_all()
