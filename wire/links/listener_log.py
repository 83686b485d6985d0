"""ListenerLog: the log lines of a listener: about refused connections, about links, and about ids used twice."""

import threading

from wire.common.deadline import now_s
from wire.common.log import Log, LogThrottle, release_held, suppressed_suffix
from wire.links.accepted_link import AcceptedLink
from wire.links.link_log import LinkLog
from wire.links.refusal_log import RefusalLog
from wire.protocol.handshake import Hello
from wire.protocol.wire_errors import ResetError, WireError

LOGS_MAX = 4_096
"""Peers and kinds with a LinkLog of their own: more than any cluster has, and a bound for strangers."""


class ListenerLog:
    """The log of one listener; `note_refused` and `of_links` may be called from any thread.

    Args:
        logger: the log that is written to.
    """

    def __init__(self, logger: Log) -> None:
        self._logger = logger
        self._log_throttle = LogThrottle()
        self._refusals = RefusalLog(logger)
        self._lock = threading.Lock()
        self._logs: dict[tuple[str, str], LinkLog] = {}
        self._doubled: dict[str, str] = {}

    def note_refused(self, link: AcceptedLink, error: WireError) -> None:
        """Log that a connection was refused."""
        self._refusals.note(link.remote, error, is_silent=link.is_silent)

    def note_unread(self, error: Exception) -> str:
        """Log why a connection ended before anything was read from it; return the reason, for a meter."""
        if not isinstance(error, WireError):
            self._logger.debug("a connection ended before its handshake: %s", error)
            return ResetError.reason
        held = self._log_throttle.admit_line(error.reason, now_s())
        if held is not None:
            self._logger.warning("x %s%s", error, suppressed_suffix(held))
        return error.reason

    def of_links(self, hello: Hello) -> LinkLog:
        """Return the log of the links of this peer and kind."""
        with self._lock:  # each link has a thread
            if len(self._logs) >= LOGS_MAX:
                self._logs.pop(next(iter(self._logs)), None)
            return self._logs.setdefault((hello.node, hello.kind), LinkLog(self._logger, hello.node, is_dialed=False))

    def log_recoveries(self) -> None:
        """Log which peers' links work again, and the lines that were held back; call it about once a second."""
        for log in list(self._logs.values()):
            log.log_recovery()
        release_held()

    def note_doubled(self, doubled: dict[str, str]) -> None:
        """Log a WARNING when two processes begin to use an id, and when one of them no longer does."""
        for node in doubled.keys() - self._doubled.keys():
            self._logger.warning("! %s; stop one of them, or give it another id", doubled[node])
        for node in self._doubled.keys() - doubled.keys():
            self._logger.warning("! one process uses the id %r again", node)
        self._doubled = doubled
