"""LinkLog: the log lines about one peer's links. SharedLinkLog: those about the links of clients.

For a peer there is a line for each link that opens or ends. A peer that is away, or whose links do not last, has two
lines: one when that begins, and one when it is over. A peer that said Bye, that belongs to no cluster yet, or that
knows this node as a former peer has them only if that lasts for SETTLED_S.
"""

import logging
import threading
from collections.abc import Callable

from wire.common.deadline import now_s
from wire.common.failure_log import SETTLED_S, FailureLog
from wire.common.log import Log, LogThrottle, suppressed_suffix
from wire.io.open_link import OpenLink
from wire.links.refusal_log import is_passing
from wire.protocol.wire_errors import RemoteFault, UnreadError, WireError, WriteTimeoutError

SHORT_LINKS_MAX = 3
"""A few restarts of a peer make as many short links; more of them in a row are one lasting failure."""


class LinkLog:
    """The log of one peer's links in one direction; any thread may call it.

    Args:
        logger: the log that is written to; the records have the fields event, peer, direction and change.
        peer: its id.
        is_dialed: the links that this end dials; otherwise those that it accepts.
        clock: seconds that only rise.
    """

    def __init__(self, logger: Log, peer: str, *, is_dialed: bool, clock: Callable[[], float] = now_s) -> None:
        self._logger = logger
        self._subject = f"{'>' if is_dialed else '<'} {peer}"
        self._fields = {"event": "link", "peer": peer, "direction": "out" if is_dialed else "in"}
        self._clock = clock
        self._lock = threading.Lock()
        self._failure_log = FailureLog(logger, f"{self._subject}: linking", clock, self._fields)
        self._opened_s: float | None = None
        self._short = 0
        self._has_said_bye = False

    def failed(self, error: WireError) -> None:
        """Log a dial that failed, with its reason."""
        with self._lock:
            is_expected = self._has_said_bye or is_passing(error)
            self._failure_log.failed(error.reason, str(error), is_expected=is_expected)

    def opened(self, text: str) -> float:
        """Log an open link; return the time, for `ended`."""
        with self._lock:
            self._opened_s = opened_s = self._clock()
            self._has_said_bye = False
            if self._short <= SHORT_LINKS_MAX:
                self._failure_log.worked()
            self._log(text, "opened")
            return opened_s

    def note_bye(self, *, is_away: bool) -> None:
        """Note that the peer said Bye, so that it may be away for some time; or that it is back (False)."""
        with self._lock:
            self._has_said_bye = is_away

    def ended(self, text: str, opened_s: float, *, is_done: bool = False) -> None:
        """Log the end of a link that opened at this time; `is_done`: a short one has served its purpose, too."""
        with self._lock:
            if self._opened_s == opened_s:  # and no later one took over
                self._opened_s = None
            is_short = not is_done and self._clock() - opened_s < SETTLED_S
            self._short = self._short + 1 if is_short else 0
            if self._short > SHORT_LINKS_MAX:
                self._failure_log.failed("short", f"links do not last: {text}")
            else:
                self._log(text, "ended")

    def log_recovery(self) -> None:
        """Log that links work again once one has lasted for SETTLED_S; call it about once a second."""
        if not self._failure_log.is_on:
            return
        with self._lock:
            if self._opened_s is not None and self._clock() - self._opened_s >= SETTLED_S:
                self._short = 0
                self._failure_log.worked()

    def _log(self, text: str, change: str) -> None:
        level = logging.INFO if self._short <= SHORT_LINKS_MAX else logging.DEBUG
        self._logger.log(level, "%s: %s", self._subject, text, extra={**self._fields, "change": change})


class SharedLinkLog:
    """The log of many links, of as many peers: all is DEBUG but what a peer is to blame for, which is throttled.

    Args:
        logger: the log that is written to.
    """

    def __init__(self, logger: Log) -> None:
        self._logger = logger
        self._throttle = LogThrottle()

    def opened(self, link: OpenLink) -> None:
        """Log an open link."""
        self._logger.debug("< %s: link %s from %s", link.peer, link.number, link.remote)

    def ended(self, link: OpenLink, error: WireError | None, bye: str | None) -> None:
        """Log how a link ended."""
        is_fault = isinstance(error, (RemoteFault, UnreadError, WriteTimeoutError))
        held = self._throttle.admit_line(error.reason, now_s()) if error is not None and is_fault else None
        if held is None:
            self._logger.debug("< %s: link %s ended: %s", link.peer, link.number, bye or error or "end of stream")
        else:
            self._logger.warning("x %s at %s: %s%s", link.peer, link.remote, error, suppressed_suffix(held))
