"""FailureLog: one log line when something begins to fail and one when it works again, none for each retry between."""

import logging
import math
from collections.abc import Callable, Mapping

from wire.common.deadline import now_s
from wire.common.log import Log

SETTLED_S = 60.0
"""A failure within this time after a recovery belongs to the same outage, which is over after this time without one."""

CAUSES_MAX = 8
"""Lines about one outage: a cause with a number in it is a new one each time."""


class FailureLog:
    """The log of the outages of one subject; belongs to one thread.

    Args:
        logger: the log that is written to.
        subject: the name of what fails.
        clock: returns seconds that only rise.
        fields: attributes of the records; they get `change`, too: "failed" or "recovered".

    Attributes:
        failures: the number of failures since the last success.
    """

    def __init__(
        self,
        logger: Log,
        subject: str,
        clock: Callable[[], float] = now_s,
        fields: Mapping[str, object] | None = None,
    ) -> None:
        self.failures = 0
        self._logger = logger
        self._subject = subject
        self._fields = fields
        self._clock = clock
        self._causes: set[str] = set()
        self._unlogged = 0
        self._is_again = False
        self._began_s = self._failed_s = self._over_s = -math.inf

    @property
    def is_on(self) -> bool:
        """Return whether there was a failure, and its recovery was not logged yet."""
        return self._unlogged > 0

    def failed(self, cause: str, text: str = "", *, is_expected: bool = False) -> None:
        """Note a failure and log it: WARNING for the first of its cause, DEBUG for the others.

        Args:
            cause: a short name; failures with the same name have the same cause.
            text: a sentence; default: the cause.
            is_expected: it belongs to a course in which nothing is wrong. It is DEBUG until the outage has lasted for
                SETTLED_S; an outage that is over by then has no line.
        """
        self._failed_s = self._clock()
        if not self._unlogged:
            self._is_again = self._failed_s - self._over_s < SETTLED_S
            self._began_s = self._failed_s
        self.failures += 1
        self._unlogged += 1
        is_early = is_expected and self._failed_s - self._began_s < SETTLED_S
        is_new = not is_early and cause not in self._causes and len(self._causes) < CAUSES_MAX
        if is_new:
            self._causes.add(cause)
        level = logging.WARNING if is_new else logging.DEBUG
        extra = None if self._fields is None else {**self._fields, "change": "failed", "reason": cause}
        self._logger.log(level, "%s fails: %s", self._subject, text or cause, extra=extra)

    def worked(self) -> int:
        """Note a success, and log it after an outage. Return the number of failures since the last success."""
        failures, self.failures = self.failures, 0
        if not self._causes:  # no line has said that anything fails
            self._unlogged = 0
        if self._unlogged:
            now_s = self._clock()
            if not self._is_again or now_s - self._failed_s >= SETTLED_S:
                extra = None if self._fields is None else {**self._fields, "change": "recovered"}
                text = "%s works again after %d failure" + ("" if self._unlogged == 1 else "s")
                self._logger.warning(text, self._subject, self._unlogged, extra=extra)
                self._unlogged, self._over_s = 0, now_s
                self._causes.clear()
        return failures
