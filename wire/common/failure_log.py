"""One log line when something breaks, and one when it is over: not one for each time that it is tried in between."""

import logging
import math
from collections.abc import Callable

from wire.common.deadline import now_s
from wire.common.log import Log

SETTLED_S = 60.0
"""What breaks again within this time after it was mended is one trouble: it is over when it has worked for so long."""

CAUSES_MAX = 8
"""Lines of one trouble; a cause with a number in it is another one each time."""


class FailureLog:
    """A trouble that may come and go; belongs to one thread.

    Args:
        logger: what is written to.
        subject: what fails.
        clock: seconds that only rise.

    Attributes:
        failures: how often it failed since it last worked.
    """

    def __init__(self, logger: Log, subject: str, clock: Callable[[], float] = now_s) -> None:
        self.failures = 0
        self._logger = logger
        self._subject = subject
        self._clock = clock
        self._causes: set[str] = set()
        self._untold = 0
        self._is_again = False
        self._failed_s = self._over_s = -math.inf

    @property
    def is_on(self) -> bool:
        """Whether it was said that it fails, and not yet that it works again."""
        return self._untold > 0

    def failed(self, cause: str, text: str = "") -> None:
        """It failed; WARNING once per cause, DEBUG from then on.

        Args:
            cause: what makes it another trouble than the one before.
            text: a sentence; default: the cause.
        """
        self._failed_s = self._clock()
        if not self._untold:
            self._is_again = self._failed_s - self._over_s < SETTLED_S
        self.failures += 1
        self._untold += 1
        is_new = cause not in self._causes and len(self._causes) < CAUSES_MAX
        if is_new:
            self._causes.add(cause)
        level = logging.WARNING if is_new else logging.DEBUG
        self._logger.log(level, "%s fails: %s", self._subject, text or cause)

    def worked(self) -> int:
        """It worked; WARNING with the count, if it had failed. Returns how often, since it last worked."""
        failures, self.failures = self.failures, 0
        if self._untold:
            now_s = self._clock()
            if not self._is_again or now_s - self._failed_s >= SETTLED_S:
                self._logger.warning("%s works again after %d failures", self._subject, self._untold)
                self._untold, self._over_s = 0, now_s
                self._causes.clear()
        return failures
