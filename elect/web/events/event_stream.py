"""One listener: the bytes that it is owed. Any WSGI server can iterate over it; elect's own server need not."""

import time
from typing import TYPE_CHECKING

from elect.errors import Forked, Stopped
from elect.web.events.encoding import HEARTBEAT, RETRY
from wire.common.deadline import now_s

if TYPE_CHECKING:
    from elect.web.events.event_source import EventSource

SETTLE_S = 0.05
"""A failover takes about 10 ms: its events are told together, when the threads that elect have no more to do. A person
sees no difference, and 200 listeners take a few milliseconds of a processor."""

HEARTBEAT_S = 5.0


class EventStream:
    """Belongs to one thread at a time. It keeps no bytes: a listener that reads slowly gets what is new when it reads.

    Args:
        source: makes the events.
        position: the number of the last change that the listener had; None: it is to get the state.
    """

    def __init__(self, source: "EventSource", position: int | None) -> None:
        self.source = source
        self._position = position
        self._report = 0
        self._heartbeat_s = 0.0
        self._is_begun = False
        self._is_over = False

    def __iter__(self) -> "EventStream":
        return self

    def __next__(self) -> bytes:
        while not self._is_over:
            try:
                if self._is_begun and self.source.wait(self._position or 0):
                    time.sleep(SETTLE_S)
            except (Stopped, Forked):
                return self.end()
            if block := self.take():
                return block
        raise StopIteration

    def take(self) -> bytes:
        """Return what the listener is owed now; perhaps nothing."""
        self._position, block = self.source.missed(self._position)
        if not self._is_begun:  # the state may be half a second old
            self._position, more = self.source.missed(self._position)
            block = RETRY + block + more
            self._is_begun = True
        report = self.source.report(self._report)
        if report is not None:
            self._report = report[0]
            block += report[1]
        now = now_s()
        if block:
            self._heartbeat_s = now + HEARTBEAT_S
        elif now >= self._heartbeat_s:
            self._heartbeat_s, block = now + HEARTBEAT_S, HEARTBEAT
        return block

    def end(self) -> bytes:
        """Return what is left, and the last event."""
        self._is_over = True
        self._position, block = self.source.missed(self._position)
        return block + self.source.last_words()

    def close(self) -> None:
        """Give the place of the listener back."""
        self._is_over = True
        self.source.close(self)
