"""One log line when something breaks, and one when it is over; what wire logs by, too."""

from wire.common.failure_log import FailureLog

__all__ = ["FailureLog"]
