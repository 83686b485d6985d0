"""CallQueue: makes calls that may block or raise, on a thread of its own, so that the threads that ask never wait."""

import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable

from wire.common.deadline import Deadline

CALLS_MAX = 10_000
"""A log record takes about 1 kB, so 10 MB at most; a thousand elections can change hands three times meanwhile."""

IDLE_S = 0.2
"""A thread that had nothing to do for this long ends, and the next call starts another."""

PAUSE_S = 0.01
"""After it was idle the thread lets the others go first for this long: an election takes about as long."""

Call = Callable[[], object]


class CallQueue:
    """Takes calls from any thread, in a signal handler too, and makes them in order. What finds it full is dropped.

    The thread starts with the first call and ends when it is idle. A forked child begins with an empty queue.

    Args:
        name: of the thread.
        on_dropped: told the number of calls dropped since the last time, once the queue is empty again; must not block.
        calls_max: how many may wait.
        idle_s: after which the thread ends; None: never.

    Attributes:
        dropped: calls that were not made, or raised.
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
        self.begin()
        _living.add(self)

    def begin(self) -> None:
        """Forget everything: in a forked child no thread of the parent's lives, and each lock may be held by one."""
        self.dropped = self._untold = 0
        self._asked = self._made = 0
        self._calls: deque[Call] = deque()
        self._thread: threading.Thread | None = None
        self._changed = threading.Condition()  # a reentrant lock: a signal handler may interrupt `put` and call it

    def put(self, call: Call) -> bool:
        """Have a call made, soon; never waits. False: it was dropped, for want of room or of a thread."""
        with self._changed:
            if len(self._calls) < self._calls_max and self._has_thread():
                self._calls.append(call)
                self._asked += 1
                self._changed.notify_all()
                return True
            self.dropped += 1
            self._untold += 1
            return False

    def flush(self, timeout: float) -> bool:
        """Wait until all calls put by now are made, `timeout` seconds at most; whether they are."""
        deadline = Deadline(timeout)
        with self._changed:
            last = self._asked
            while self._made < last and not deadline.is_over and threading.current_thread() is not self._thread:
                self._changed.wait(deadline.remaining_s)
            return self._made >= last

    def _has_thread(self) -> bool:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            try:
                self._thread.start()
            except RuntimeError:  # the system has no thread for us now; the next call tries again
                self._thread = None
        return self._thread is not None

    def _run(self) -> None:
        time.sleep(PAUSE_S)
        while (call := self._next()) is not None:
            is_made = False
            try:
                call()
                is_made = True
            except BaseException:  # noqa: BLE001, S110 - somebody else's code; the log that would tell of it is what failed
                pass
            with self._changed:
                self._made += 1
                self.dropped += not is_made
                self._changed.notify_all()

    def _next(self) -> Call | None:
        """The next call; None: there was none for a while, and the thread ends."""
        with self._changed:
            if not self._calls and self._untold:
                untold, self._untold = self._untold, 0
                self._on_dropped(untold)
            is_idle = not self._calls
            if is_idle:
                self._changed.wait(self._idle_s)
            if not self._calls:
                self._thread = None
                return None
        if is_idle:
            time.sleep(PAUSE_S)
        with self._changed:
            return self._calls.popleft()  # nobody else takes any


_living: "weakref.WeakSet[CallQueue]" = weakref.WeakSet()


def _begin_all() -> None:
    for queue in list(_living):
        queue.begin()


os.register_at_fork(after_in_child=_begin_all)
