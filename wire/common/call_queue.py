"""CallQueue: makes calls that may block or raise on a thread of its own, so that the calling threads never wait."""

import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable

from wire.common.deadline import Deadline
from wire.common.signal_safe_condition import SignalSafeCondition

CALLS_MAX = 10_000
"""A log record takes about 1 kB, so 10 MB at most: three changes of leader in each of a thousand elections."""

IDLE_S = 0.2
"""A thread without calls for this long ends, and the next call starts another one."""

PAUSE_S = 0.01
"""After it was idle the thread lets other threads run first for this long, about the time of an election."""

Call = Callable[[], object]


class CallQueue:
    """A bounded queue of calls, made in order. Any thread may add one, in a signal handler too.

    A call that finds the queue full is dropped. The thread starts with the first call and ends when it is idle. The
    queue is empty in a forked child.

    Args:
        name: the name of the thread.
        on_dropped: called with the number of calls dropped since its last call, when the queue is empty again; must not
            block.
        calls_max: the number of calls that may wait.
        idle_s: the idle time after which the thread ends; None: never.

    Attributes:
        dropped: the number of calls that were not made, or raised.
    """

    def __init__(
        self,
        name: str,
        on_dropped: Callable[[int], None],
        *,
        calls_max: int = CALLS_MAX,
        idle_s: float | None = IDLE_S,
    ) -> None:
        self._name = name
        self._on_dropped = on_dropped
        self._calls_max = calls_max
        self._idle_s = idle_s
        self.reset()
        _living.add(self)

    def reset(self) -> None:
        """Reset everything: no thread of the parent runs in a forked child, and one of them may have held the lock."""
        self.dropped = self._unreported = 0
        self._asked = self._made = 0
        self._calls: deque[Call] = deque()
        self._thread: threading.Thread | None = None
        # Reentrant: a signal handler may interrupt `put` and call it. And `with` of a lock is a single step, while that
        # of a Condition is code: an interrupt in it would leave it locked for all threads.
        self._lock = threading.RLock()
        self._changed = SignalSafeCondition(self._lock)

    def put(self, call: Call) -> bool:
        """Queue a call without waiting; return False when it was dropped, as there was no room or no thread."""
        with self._lock:
            if len(self._calls) < self._calls_max and self._has_thread():
                self._calls.append(call)
                self._asked += 1
                self._changed.notify_all()
                return True
            self.dropped += 1
            self._unreported += 1
            return False

    def flush(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds until all calls queued by now are made; return whether they are."""
        deadline = Deadline(timeout)
        with self._lock:
            last = self._asked
            while self._made < last and not deadline.is_over and threading.current_thread() is not self._thread:
                self._changed.wait(deadline.remaining_s)
            return self._made >= last

    def _has_thread(self) -> bool:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            try:
                self._thread.start()
            except RuntimeError:  # the system has no more threads now; the next call tries again
                self._thread = None
        return self._thread is not None

    def _run(self) -> None:
        time.sleep(PAUSE_S)
        while (call := self._next()) is not None:
            is_made = False
            try:
                call()
                is_made = True
            except BaseException:  # noqa: BLE001, S110 - the application's code; it cannot be logged, as this is the log
                pass
            with self._lock:
                self._made += 1
                self.dropped += not is_made
                self._changed.notify_all()

    def _next(self) -> Call | None:
        """Return the next call, or None when there was none for `idle_s` and the thread ends."""
        with self._lock:
            if not self._calls and self._unreported:
                unreported, self._unreported = self._unreported, 0
                self._on_dropped(unreported)
            is_idle = not self._calls
            if is_idle:
                self._changed.wait(self._idle_s)
            if not self._calls:
                self._thread = None
                return None
        if is_idle:
            time.sleep(PAUSE_S)
        with self._lock:
            return self._calls.popleft()  # no other thread removes any


_living: "weakref.WeakSet[CallQueue]" = weakref.WeakSet()


def _reset_all() -> None:
    for queue in list(_living):
        queue.reset()


os.register_at_fork(after_in_child=_reset_all)
