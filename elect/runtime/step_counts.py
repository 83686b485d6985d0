"""The counts of the orchestrator's steps: events are counted when no input waits, round trips once a second."""

from collections import deque
from typing import TYPE_CHECKING

from elect.core.events import Event, PeerDismissed
from elect.monitoring.peer_health import PeerHealthLog
from wire.common.log import Log, harmless

if TYPE_CHECKING:
    from elect.monitoring.metrics import Metrics

logger = Log(__name__)

COUNTED_MAX = 1_000
"""Events counted at a time (some 3 ms), so that no heartbeat waits long for it."""

UNCOUNTED_MAX = 16 * COUNTED_MAX
"""Above this number some are counted although inputs wait."""


class StepCounts:
    """Belongs to the orchestrator thread. In an election other threads need the processor more than counting does.

    Args:
        metrics: counts; may raise, since it is the application's, or its files are gone.
        health: of the peers.
    """

    def __init__(self, metrics: "Metrics", health: PeerHealthLog) -> None:
        self._health = health
        self._observe = harmless(metrics.observe)
        self._observe_round_trip = harmless(metrics.observe_round_trip)
        self._observe_loop_lag = harmless(metrics.observe_loop_lag)
        self._observe_ignored = harmless(metrics.observe_ignored)
        self.observe_store_write = harmless(metrics.observe_store_write)
        self.count_bug = harmless(metrics.count_bug)
        self._uncounted: deque[Event] = deque()
        self._lags: deque[int] = deque(maxlen=COUNTED_MAX)
        self._round_trips: dict[str, int] = {}
        self._ignored = 0

    def observe_events(self, events: tuple[Event, ...]) -> None:
        """Note events, to be counted at the next tick."""
        self._uncounted.extend(events)
        if len(self._uncounted) > UNCOUNTED_MAX:
            self._count()

    def observe_tick(self, lag_ns: int) -> None:
        """Note how late a tick came, and count the oldest events."""
        self._lags.append(lag_ns)
        self._count()

    def observe_round_trip(self, peer: str, sent: int, stamp: int, now: int) -> None:
        """Note the latest round trip to a peer, and its clock."""
        took_ns = self._health.note_round_trip(peer, sent, stamp, now)
        if took_ns is not None:
            self._round_trips[peer] = took_ns

    def observe_ignored(self, ignored: int) -> None:
        """Count the entries ignored, the lags, and each peer's latest round trip, since the second before."""
        if (more := ignored - self._ignored) > 0:
            if not self._ignored:
                logger.warning("! peers name more elections than one node keeps: messages about the rest are ignored")
            self._ignored = ignored
            self._observe_ignored(more)
        for peer, took_ns in self._round_trips.items():
            if took_ns > 0:
                self._observe_round_trip(peer, took_ns)
        self._round_trips.clear()
        while self._lags:
            self._observe_loop_lag(self._lags.popleft())

    def _count(self) -> None:
        for _ in range(min(len(self._uncounted), COUNTED_MAX)):
            event = self._uncounted.popleft()
            if isinstance(event, PeerDismissed):
                self._round_trips.pop(event.peer, None)
            self._observe(event)
