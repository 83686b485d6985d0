"""ChangeCallbacks: calls the program's `on_change` for each change, in order, on a thread of its own."""

import threading
from collections import deque
from collections.abc import Callable, Sequence

from elect.mirror.mirror_values import MirrorChange
from wire.common import arguments
from wire.common.deadline import now_s
from wire.common.log import Log, LogThrottle, suppressed_suffix
from wire.common.reported_thread import ReportedThread

logger = Log(__name__)

OnChange = Callable[[MirrorChange], object]

CHANGES_MAX = 4_096
"""Changes that wait for a slow program, about 2 MB, before the mirror applies no more, and the source pauses."""


class ChangeCallbacks:
    """The changes that wait, and their thread; without a function there is none.

    Args:
        on_change: the program's function.
    """

    def __init__(self, on_change: OnChange | None) -> None:
        self._on_change = on_change
        self._waiting: deque[MirrorChange] = deque()
        self._lock = threading.RLock()  # `with` of a Condition is no single step, and Ctrl-C may come in a stop
        self._changed = threading.Condition(self._lock)
        self._is_stopped = False
        self._thread = ReportedThread(self._run, name="elect-mirror-events")
        self._log_throttle = LogThrottle()

    def __len__(self) -> int:
        """The number of changes that wait."""
        return len(self._waiting)

    @property
    def has_room(self) -> bool:
        """Whether more changes may be put."""
        return len(self._waiting) < CHANGES_MAX

    @property
    def is_current(self) -> bool:
        """Whether this is called from within the program's function."""
        return threading.current_thread() is self._thread

    def start(self) -> None:
        """Begin to call the function.

        Raises:
            RuntimeError: there is no thread.
        """
        if self._on_change is not None:
            self._thread.start()

    def put(self, changes: Sequence[MirrorChange]) -> None:
        """Add changes; there is room for all that one batch brings."""
        if self._on_change is not None and changes:
            with self._lock:
                self._waiting.extend(changes)
                self._changed.notify()

    def stop(self, timeout: float) -> bool:
        """Drop what waits, and end; return whether the thread has ended in time (seconds)."""
        with self._lock:
            self._is_stopped = True
            self._waiting.clear()
            self._changed.notify()
        if self._thread.ident is not None and not self.is_current:
            self._thread.join(timeout)
        return not self._thread.is_alive() or self.is_current

    def _run(self) -> None:
        while (change := self._next()) is not None:
            try:
                assert self._on_change is not None
                arguments.check_returned("on_change", self._on_change(change))
            except BaseException:  # it is the program's: also of sys.exit, which would end this thread unseen
                held = self._log_throttle.admit_line("on_change", now_s())
                if held is not None:
                    logger.exception("! on_change raised an exception%s", suppressed_suffix(held))

    def _next(self) -> MirrorChange | None:
        with self._lock:
            while not self._waiting and not self._is_stopped:
                self._changed.wait()
            return None if self._is_stopped else self._waiting.popleft()
