"""One log line when something breaks, and one when it is over: not one for each time that it is tried in between."""

import logging


class Outage:
    """A trouble that may come and go; belongs to one thread.

    Attributes:
        failures: how often it failed since it last worked.
    """

    def __init__(self, logger: logging.Logger, subject: str) -> None:
        self.failures = 0
        self._logger = logger
        self._subject = subject
        self._cause = ""

    def failed(self, cause: str) -> None:
        """It failed; WARNING once per cause."""
        self.failures += 1
        if cause != self._cause:
            self._cause = cause
            self._logger.warning("%s fails: %s", self._subject, cause)

    def worked(self) -> int:
        """It worked; WARNING with the count, if it had failed. Returns that count."""
        failures, self.failures, self._cause = self.failures, 0, ""
        if failures:
            self._logger.warning("%s works again after %d failures", self._subject, failures)
        return failures
