"""Asks the application whether it is well: a program that hangs should not lead.

The application's answer is asked for on a thread of its own. The protocol's thread only looks at the latest answer,
and at how long the one asked for is overdue.
"""

import threading
from collections.abc import Callable

from elect.clock import Clock
from wire.common import arguments
from wire.common.failure_log import FailureLog
from wire.common.log import Log, text_of

NS_PER_S = 1_000_000_000


class Health:
    """The hook and its latest answer. Until the first one came, the application does not count as well.

    Args:
        hook: the application's; whatever it returns counts by its truth.
        interval_ns: between two questions.
        late_ns: an answer that takes longer counts as a no.
        clock: the node's.
        tell: called when the answer changed; must not block.
    """

    def __init__(
        self,
        hook: Callable[[], object],
        *,
        interval_ns: int,
        late_ns: int,
        clock: Clock,
        tell: Callable[[], object],
    ) -> None:
        self._hook = hook
        self._interval_s = interval_ns / NS_PER_S
        self._late_ns = late_ns
        self._clock = clock
        self._tell = tell
        self._is_stopped = threading.Event()
        self._failure_log = FailureLog(Log(__name__), "the healthy hook")
        self._is_good = False
        self._asked_at: int | None = None

    def is_good(self, now: int) -> bool:
        """Whether the latest answer is good, and the next one not late."""
        asked_at = self._asked_at
        return self._is_good and (asked_at is None or now - asked_at <= self._late_ns)

    def run(self) -> None:
        """Ask until stopped."""
        while not self._is_stopped.is_set():
            self._ask()
            self._is_stopped.wait(self._interval_s)

    def stop(self) -> None:
        """Ask no more; a hook that hangs keeps its thread."""
        self._is_stopped.set()

    def _ask(self) -> None:
        asked_at = self._asked_at = self._clock()
        try:
            is_well = self._hook()
            arguments.check_returned("health", is_well)
            cause = "" if is_well else "it says no"
        except BaseException as error:  # noqa: BLE001 - whatever it raises, the application is not well
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
            self._tell()
