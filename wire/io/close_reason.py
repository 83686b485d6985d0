"""CloseReason: why a connection ends."""

import threading

from wire.protocol.wire_errors import WireError


class CloseReason:
    """Of all the reasons that are given for a connection's end, by any thread, the first.

    Attributes:
        why: that one; None while nobody gave any.
    """

    def __init__(self) -> None:
        self.why: WireError | None = None
        self._lock = threading.Lock()

    def give(self, why: WireError) -> WireError:
        """Give a reason; the one that stands."""
        with self._lock:
            self.why = self.why or why
            return self.why
