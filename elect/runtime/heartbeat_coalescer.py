"""Holds heartbeats without changes back until the next tick, so that an idle node wakes up a third as often.

Such a heartbeat only moves the ends of promises forward. It is stamped here, after its bytes were read; taken late
with that stamp, it does what it would have done at once. The end of a promise, and that of a lease, are times at which
the orchestrator thread wakes anyway, and then it takes what waits first. Anything else wakes it at once.

A new replication offset waits, too: offsets change all the time. They count when the next leader is chosen, and an
input that leads to that wakes the thread. So it takes what waits before any input, once an offset waits.

Source: PROTOCOL.md, section 3 (the clock is read after the bytes).
"""

from collections.abc import Callable

from elect.clock import Clock
from elect.core.messages import Ack, Heartbeat
from wire.io.link_events import Event, LinkAccepted, LinkEnded, MessageReceived
from wire.protocol.identity import LinkNumber

INTERVALS_MIN = 5
"""With support for fewer intervals a lease might end, for threads that ask, while its extension waits."""

Waiting = tuple[int, MessageReceived]
"""The time at which a heartbeat was read (ns), and the heartbeat."""


class HeartbeatCoalescer:
    """Comes before the inbox: readers deliver, the orchestrator thread removes.

    Args:
        heartbeat_interval_ns: the node's.
        support_duration_ns: the node's.
        clock: the node's.
        put: wakes the orchestrator thread with an event.

    Attributes:
        has_offset: a new offset waits.
    """

    def __init__(
        self, *, heartbeat_interval_ns: int, support_duration_ns: int, clock: Clock, put: Callable[[Event], None]
    ) -> None:
        self.has_offset = False
        self._clock = clock
        self._put = put
        self._is_used = support_duration_ns >= INTERVALS_MIN * heartbeat_interval_ns
        self._latest: dict[str, tuple[LinkNumber, Heartbeat]] = {}
        self._waiting: dict[str, Waiting] = {}

    def deliver(self, event: Event) -> None:
        """Receive an event of a link's thread; the events of one link come from one thread, and stay in order."""
        if isinstance(event, MessageReceived):
            heartbeat = event.message
            if self._is_used and isinstance(heartbeat, Heartbeat):
                number, before = self._latest.get(event.peer, (None, heartbeat))
                self._latest[event.peer] = (event.number, heartbeat)
                if number == event.number and _is_old_news(heartbeat, before):
                    self._waiting[event.peer] = (self._clock(), event)  # an earlier one has nothing to add to this one
                    if heartbeat.standing != before.standing:
                        self.has_offset = True
                    return
            waiting = self._waiting.pop(event.peer, None)
            if waiting is not None:
                self._put(waiting[1])
        elif isinstance(event, LinkAccepted | LinkEnded):
            self._waiting.pop(event.peer, None)  # as if it had been lost
            self._latest.pop(event.peer, None)  # its peer may never come back
        self._put(event)

    def take_waiting(self) -> list[Waiting]:
        """Return and remove all that waits, oldest first."""
        self.has_offset = False  # first: one that comes meanwhile is taken now, or sets it again
        peers = list(self._waiting)
        return sorted(
            (waiting for peer in peers if (waiting := self._waiting.pop(peer, None)) is not None),
            key=lambda waiting: waiting[0],
        )


def _is_old_news(heartbeat: Heartbeat, before: Heartbeat) -> bool:
    """Return whether it differs from the one before on its link in nothing but its stamps and its offset."""
    return (
        heartbeat.supports == before.supports
        and heartbeat.standing.priority == before.standing.priority
        and heartbeat.standing.willing == before.standing.willing
        and heartbeat.configuration == before.configuration
        and heartbeat.duration == before.duration
        and (heartbeat.said, heartbeat.heard) == (before.said, before.heard)
        and _session(heartbeat.ack) == _session(before.ack)
    )


def _session(ack: Ack | None) -> tuple[object, ...]:
    return () if ack is None else (ack.link, ack.session, ack.duration)
