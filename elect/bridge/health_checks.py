"""The application's health hook: a program that hangs should not lead.

The hook is called on a thread of its own. The orchestrator thread only reads its latest answer, and by how much the
next one is overdue.
"""

import threading
from collections.abc import Callable

from elect.clock import NS_PER_S, Clock
from wire.common import arguments
from wire.common.failure_log import FailureLog
from wire.common.log import Log, text_of


class Health:
    """Calls the hook and keeps its latest answer. The application counts as unhealthy until the first answer.

    Args:
        hook: of the application; a false result means unhealthy.
        interval_ns: between two calls.
        late_ns: a call that takes longer counts as unhealthy.
        clock: of the node.
        on_change: called when the answer changes; must not block.
    """

    def __init__(
        self,
        hook: Callable[[], object],
        *,
        interval_ns: int,
        late_ns: int,
        clock: Clock,
        on_change: Callable[[], object],
    ) -> None:
        self._hook = hook
        self._interval_s = interval_ns / NS_PER_S
        self._late_ns = late_ns
        self._clock = clock
        self._on_change = on_change
        self._is_stopped = threading.Event()
        self._failure_log = FailureLog(Log(__name__), "the health hook")
        self._is_good = False
        self._asked_at: int | None = None

    def is_good(self, now: int) -> bool:
        """Return whether the latest answer is good, and the next one is not late at `now` (ns)."""
        asked_at = self._asked_at
        return self._is_good and (asked_at is None or now - asked_at <= self._late_ns)

    def run(self) -> None:
        """Call the hook at each interval until stopped."""
        while not self._is_stopped.is_set():
            self._call_hook()
            self._is_stopped.wait(self._interval_s)

    def stop(self) -> None:
        """End the calls; a hook that hangs keeps its thread."""
        self._is_stopped.set()

    def _call_hook(self) -> None:
        asked_at = self._asked_at = self._clock()
        try:
            is_healthy = self._hook()
            arguments.check_returned("health", is_healthy)
            cause = "" if is_healthy else "it returned a false value"
        except BaseException as error:  # noqa: BLE001 - any exception means unhealthy
            cause = text_of(error)
        was_good = self.is_good(self._clock())
        took_ns = self._clock() - asked_at
        if not cause and took_ns > self._late_ns:
            cause = f"it took {took_ns / NS_PER_S:.1f} s"
        self._is_good = not cause
        self._asked_at = None
        if cause:
            self._failure_log.failed(cause)
        else:
            self._failure_log.worked()
        if self._is_good is not was_good:
            self._on_change()
