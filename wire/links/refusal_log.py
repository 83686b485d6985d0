"""RefusalLog: the log lines of a listener about connections that it refused."""

import logging
import threading

from wire.common.deadline import now_s
from wire.common.failure_log import SETTLED_S
from wire.common.log import Log, LogThrottle, suppressed_suffix
from wire.protocol.wire_errors import Refusal, RejectCode, StoppedError, WireError

PASSING = (RejectCode.UNFORMED, RejectCode.REMOVED, RejectCode.UNKNOWN_PEER)
"""Each join and each removal causes some of these: for a moment one of the two nodes knows less than the other."""


def is_passing(error: WireError) -> bool:
    """Return whether an error is a refusal that passes by itself when nothing is wrong."""
    return isinstance(error, Refusal) and error.code in PASSING


class RefusalLog:
    """Logs each refusal: a WARNING an hour for each reason, the others as DEBUG. Any thread calls it.

    Args:
        logger: the log that is written to.
    """

    def __init__(self, logger: Log) -> None:
        self._logger = logger
        self._log_throttle = LogThrottle()
        self._lock = threading.Lock()
        self._passing: dict[str, tuple[float, float]] = {}

    def note(self, remote: str, error: WireError, *, is_silent: bool) -> None:
        """Log that a connection was refused.

        Args:
            remote: the other end's address.
            error: the reason.
            is_silent: it sent nothing, so it may be a probe of the port.
        """
        is_probe = is_silent and not isinstance(error, Refusal)
        is_own_stop = isinstance(error, StoppedError)
        is_quiet = is_probe or is_own_stop or (is_passing(error) and not self._is_lasting(error.reason))
        held = None if is_quiet else self._log_throttle.admit_line(error.reason, now_s())
        level = logging.DEBUG if held is None else logging.WARNING
        self._logger.log(level, "x %s: %s%s", remote, error, suppressed_suffix(held or 0))

    def _is_lasting(self, reason: str) -> bool:
        """Return whether this reason has come for SETTLED_S, without a pause of that length."""
        now = now_s()
        with self._lock:
            began_s, last_s = self._passing.get(reason, (now, now))
            if now - last_s >= SETTLED_S:
                began_s = now
            self._passing[reason] = began_s, now
        return now - began_s >= SETTLED_S
