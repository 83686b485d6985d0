"""The thread that runs the application's callbacks: a slow callback delays only the next one.

Events wait here in order. When more than `events_max` wait, superseded ones are dropped: leaderships that began and
ended before their turn, and every leader but the latest of each election. Elected and lost still alternate, and the
latest state is always reported.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from elect.bridge.leadership import Leadership
from elect.bridge.published_election import PublishedElection
from elect.bridge.signal_safe_event import SignalSafeEvent
from elect.bridge.subscription import Subscription
from elect.core.events import Elected, Event, LeaderChanged, LossReason, Lost
from elect.leader import Leader
from wire.common import arguments
from wire.common.log import Log

logger = Log(__name__)

EVENTS_MAX = 16_384
"""About 5 MB; a thousand elections can change hands four times while one callback sleeps."""

Tap = Callable[[Event], object]
Acknowledge = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class PublishedEvent:
    """An event of the core, with the objects that the callbacks get.

    Attributes:
        event: from the core.
        leadership: for Elected and Lost, the one that began or ended.
        leader: for Elected and LeaderChanged, the new leader, or None.
    """

    event: Event
    leadership: Leadership | None = None
    leader: Leader | None = None


@dataclass(frozen=True, slots=True)
class _Subscribed:
    """A new subscriber, which is called with the present state."""

    subscription: Subscription
    published: PublishedElection


@dataclass(frozen=True, slots=True)
class _FlushRequest:
    """A thread that waits until all earlier items are handled."""

    event: threading.Event


_Item = PublishedEvent | _Subscribed | _FlushRequest


class Dispatcher:
    """Calls the subscribers. One thread dispatches, any thread or signal handler subscribes, the thread of `run` calls.

    Args:
        acknowledge: called with election and term when every callback has returned for a loss that is not a lapse.
        events_max: above this number of waiting events, superseded ones are dropped.
    """

    def __init__(self, acknowledge: Acknowledge, events_max: int = EVENTS_MAX) -> None:
        self._acknowledge = acknowledge
        self._events_max = self._threshold = events_max
        self._waiting: deque[_Item] = deque()
        self._arrived = SignalSafeEvent()
        self._queue_lock = threading.RLock()
        """Held by the threads that dispatch and call; a new subscriber does not wait for it."""
        self._dropped = 0
        self._is_closed = False
        self._taps: list[tuple[Tap, str]] = []
        self._last_taps: list[tuple[Tap, str]] = []
        self._subscriptions: dict[str, list[Subscription]] = {}
        self._thread_id: int | None = None

    @property
    def backlog(self) -> int:
        """The number of items that wait."""
        return len(self._waiting)

    @property
    def is_current(self) -> bool:
        """Return whether the caller runs in a callback."""
        return threading.get_ident() == self._thread_id

    def tap(self, tap: Tap, name: str, *, is_last: bool = False) -> None:
        """Call `tap` with every event of the core, before the subscribers, or after them if `is_last`.

        Args:
            tap: what it raises is logged.
            name: of the tap in that line.
            is_last: whether it is called after the subscribers.
        """
        if is_last:
            self._last_taps = [*self._last_taps, (tap, name)]
        else:
            self._taps = [*self._taps, (tap, name)]

    def subscribe(self, subscription: Subscription, published: PublishedElection) -> None:
        """Call a subscriber with the present state, and from then on at every change."""
        self._put((_Subscribed(subscription, published),))

    def dispatch(self, events: Iterable[PublishedEvent]) -> None:
        """Queue events for the callbacks, in order. Never waits for a callback."""
        self._put(tuple(events))
        if len(self._waiting) > self._threshold:
            self._compact()

    def flush(self, timeout: float) -> bool:
        """Wait until all items queued by now are handled; return whether they are. Inside a callback it does not wait.

        Args:
            timeout: seconds.
        """
        flushed = SignalSafeEvent()
        self._put((_FlushRequest(flushed),))
        return self.is_current or flushed.wait(timeout)

    def reopen(self) -> None:
        """Undo `close`, once the thread has ended."""
        self._is_closed = False

    def close(self) -> None:
        """End the thread when all waiting items are handled."""
        self._is_closed = True
        self._arrived.set()

    def run(self) -> None:
        """Call the subscribers until closed; then report as lost each leadership that is still reported as held."""
        self._thread_id = threading.get_ident()
        try:
            while (item := self._next_item()) is not None:
                self._handle(item)
            for subscription in self._all():
                if (leadership := subscription.leadership) is not None:
                    leadership.mark_lost(LossReason.STOPPED)
                    _call_safely(partial(subscription.lost, leadership), subscription.name("on_lost"))
        finally:
            self._thread_id = None  # another thread may get the number

    def _put(self, items: tuple[_Item, ...]) -> None:
        self._waiting.extend(items)
        self._arrived.set()

    def _next_item(self) -> _Item | None:
        while True:
            self._arrived.clear()
            is_closed = self._is_closed  # read first: items that came before the end are handled
            with self._queue_lock:
                if self._waiting:
                    return self._waiting.popleft()
            if is_closed:
                return None
            self._arrived.wait()

    def _compact(self) -> None:
        with self._queue_lock:
            before = [self._waiting.popleft() for _ in range(len(self._waiting))]
            kept = _compacted(before)
            self._waiting.extendleft(reversed(kept))  # before those that subscribed meanwhile
            self._threshold = max(self._events_max, 2 * len(kept))
            self._dropped += len(before) - len(kept)

    def _handle(self, item: _Item) -> None:
        match item:
            case PublishedEvent():
                self._call_back(item)
            case _Subscribed():
                self._add(item)
            case _FlushRequest():
                item.event.set()
        if self._dropped and not self._waiting:  # logged on this thread: a log may be as slow as a callback
            logger.warning("callbacks too slow: dropped %d superseded events", self._dropped)
            self._dropped = 0

    def _call_back(self, item: PublishedEvent) -> None:
        for tap, name in self._taps:
            _call_safely(partial(tap, item.event), name)
        self._call_subscribers(item)
        for tap, name in self._last_taps:
            _call_safely(partial(tap, item.event), name)

    def _call_subscribers(self, item: PublishedEvent) -> None:
        match item.event:
            case Elected(election=election):
                self._elected(election, item.leadership)
                if item.leader is not None:  # no change follows where the lease was away for a moment
                    self._changed(election, item.leader)
            case Lost() as lost:
                self._lost(lost, item.leadership)
            case LeaderChanged(election=election):
                self._changed(election, item.leader)
            case _:
                pass

    def _elected(self, election: str, leadership: Leadership | None) -> None:
        for subscription in self._of(election):
            if leadership is not None:
                _call_on_elected(subscription, leadership)

    def _lost(self, lost: Lost, leadership: Leadership | None) -> None:
        for subscription in self._of(lost.election):
            if leadership is not None:
                _call_safely(partial(subscription.lost, leadership), subscription.name("on_lost"))
        if lost.reason is not LossReason.LEASE_LAPSED:
            self._acknowledge(lost.election, lost.term)

    def _changed(self, election: str, leader: Leader | None) -> None:
        for subscription in self._of(election):
            _call_safely(partial(subscription.changed, leader), subscription.name("on_leader"))

    def _add(self, item: _Subscribed) -> None:
        subscription, published = item.subscription, item.published
        self._subscriptions.setdefault(subscription.election, []).append(subscription)
        # The orchestrator thread may set both in between, the leader first: Elected then reports both.
        leader, leadership = published.leader, published.leadership
        if leadership is not None:
            _call_on_elected(subscription, leadership)
        elif leader is not None and leader.node_id == subscription.node_id:
            return
        if leader is not None:
            _call_safely(partial(subscription.changed, leader), subscription.name("on_leader"))

    def _of(self, election: str) -> list[Subscription]:
        """Return the subscriptions of an election, and forget the cancelled ones."""
        subscriptions = self._subscriptions.get(election, [])
        if any(subscription.is_cancelled for subscription in subscriptions):
            subscriptions = [each for each in subscriptions if not each.is_cancelled]
            self._subscriptions[election] = subscriptions
        return subscriptions

    def _all(self) -> list[Subscription]:
        return [subscription for group in self._subscriptions.values() for subscription in group]


def _call_on_elected(subscription: Subscription, leadership: Leadership) -> None:
    """Call `on_elected`, and resign when it raises: a program that cannot begin to lead should not lead."""
    if not _call_safely(partial(subscription.elected, leadership), subscription.name("on_elected")):
        leadership.give_up(LossReason.WORK_FAILED)


def _call_safely(call: Callable[[], object], what: str) -> bool:
    """Return whether the call returned; log an exception that it raised."""
    try:
        arguments.check_returned(what, call())
    except BaseException:
        logger.exception("%s raised", what)
        return False
    return True


def _compacted(items: Iterable[_Item]) -> list[_Item]:
    """Return the items that are not superseded, in order."""
    kept: list[_Item | None] = []
    begun: dict[str, int] = {}
    leaders: dict[str, int] = {}
    for item in items:
        at = len(kept)
        match item:
            case PublishedEvent(event=Elected(election=election)):
                begun[election] = at
            case PublishedEvent(event=Lost(election=election)) if election in begun:
                kept[begun.pop(election)] = None
                continue
            case PublishedEvent(event=LeaderChanged(election=election)):
                if election in leaders:
                    kept[leaders[election]] = None
                leaders[election] = at
            case PublishedEvent(event=Lost()) | _Subscribed() | _FlushRequest():
                pass
            case _:
                continue
        kept.append(item)
    return [item for item in kept if item is not None]
