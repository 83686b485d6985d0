"""One log line when something breaks, and one when it is over; what wire logs by, too."""

from wire.outage import Outage

__all__ = ["Outage"]
