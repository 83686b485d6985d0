"""LinkLog: the log lines about one peer's links.

There is a line for each link that opens or ends. A peer that is away, or whose links do not last, has two lines: one
when that begins, and one when it is over.
"""

import logging
import threading
from collections.abc import Callable

from wire.common.deadline import now_s
from wire.common.failure_log import SETTLED_S, FailureLog
from wire.common.log import Log
from wire.protocol.wire_errors import WireError

SHORT_LINKS_MAX = 3
"""A few restarts of a peer make as many short links; more of them in a row are one lasting failure."""


class LinkLog:
    """The log of one peer's links in one direction; any thread may call it.

    Args:
        logger: the log that is written to.
        subject: the direction and the peer; the start of each line.
        clock: seconds that only rise.
    """

    def __init__(self, logger: Log, subject: str, clock: Callable[[], float] = now_s) -> None:
        self._logger = logger
        self._subject = subject
        self._clock = clock
        self._lock = threading.Lock()
        self._failure_log = FailureLog(logger, f"{subject}: linking", clock)
        self._opened_s: float | None = None
        self._short = 0

    def failed(self, error: WireError) -> None:
        """Log a dial that failed, with its reason."""
        with self._lock:
            self._failure_log.failed(error.reason, str(error))

    def opened(self, text: str) -> float:
        """Log an open link; return the time, for `ended`."""
        with self._lock:
            self._opened_s = opened_s = self._clock()
            if self._short <= SHORT_LINKS_MAX:
                self._failure_log.worked()
            self._log(text)
            return opened_s

    def ended(self, text: str, opened_s: float) -> None:
        """Log the end of a link that opened at this time."""
        with self._lock:
            if self._opened_s == opened_s:  # and no later one took over
                self._opened_s = None
            self._short = self._short + 1 if self._clock() - opened_s < SETTLED_S else 0
            if self._short > SHORT_LINKS_MAX:
                self._failure_log.failed("short", f"links do not last: {text}")
            else:
                self._log(text)

    def log_recovery(self) -> None:
        """Log that links work again once one has lasted for SETTLED_S; call it about once a second."""
        if not self._failure_log.is_on:
            return
        with self._lock:
            if self._opened_s is not None and self._clock() - self._opened_s >= SETTLED_S:
                self._short = 0
                self._failure_log.worked()

    def _log(self, text: str) -> None:
        level = logging.INFO if self._short <= SHORT_LINKS_MAX else logging.DEBUG
        self._logger.log(level, "%s: %s", self._subject, text)
