"""The thread on which the application's callbacks run, so that a slow one delays only the next one.

What happens waits here in order. When callbacks are so slow that too much waits, what nobody needs any more is left
out: whole leaderships that came and went unseen, and every leader but the latest of each election. Elected and lost
still alternate, and the last word is always said.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from elect.bridge.flag import Flag
from elect.bridge.leadership import Leadership
from elect.bridge.published_election import PublishedElection
from elect.bridge.subscription import Subscription
from elect.core.events import Elected, Event, LeaderChanged, LossReason, Lost
from elect.leader import Leader
from wire.common import arguments
from wire.common.log import Log

logger = Log(__name__)

NOTICES_MAX = 16_384
"""About 5 MB; a thousand elections can change hands four times while one callback sleeps."""

Tap = Callable[[Event], object]
Acknowledge = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Notice:
    """An event of the core, with what the application sees of it.

    Attributes:
        event: what happened.
        leadership: that began or ended, for Elected and Lost.
        leader: who leads now, for LeaderChanged.
    """

    event: Event
    leadership: Leadership | None = None
    leader: Leader | None = None


@dataclass(frozen=True, slots=True)
class _Joined:
    """A subscriber came; it is told how things are."""

    subscription: Subscription
    published: PublishedElection


@dataclass(frozen=True, slots=True)
class _Passed:
    """Somebody waits until all that came before was told."""

    event: threading.Event


_Item = Notice | _Joined | _Passed


class Dispatcher:
    """Calls back. One thread tells, any thread and any signal handler subscribes, one thread (that of `run`) calls.

    Args:
        acknowledge: told the election and term of a loss that is not a lapse, when all callbacks have heard of it.
        notices_max: above this many that wait, superseded ones are left out.
    """

    def __init__(self, acknowledge: Acknowledge, notices_max: int = NOTICES_MAX) -> None:
        self._acknowledge = acknowledge
        self._notices_max = self._threshold = notices_max
        self._waiting: deque[_Item] = deque()
        self._arrived = Flag()
        self._taking = threading.RLock()
        """Of the thread that tells and the one that calls; a subscriber does not wait for either."""
        self._left_out = 0
        self._is_closed = False
        self._taps: list[Tap] = []
        self._last_taps: list[Tap] = []
        self._subscriptions: dict[str, list[Subscription]] = {}
        self._thread_id: int | None = None

    @property
    def backlog(self) -> int:
        """Notices that wait."""
        return len(self._waiting)

    @property
    def is_current(self) -> bool:
        """Whether the caller is a callback."""
        return threading.get_ident() == self._thread_id

    def tap(self, tap: Tap, *, is_last: bool = False) -> None:
        """Give every event of the core to this callable as well, before the subscribers or after them."""
        if is_last:
            self._last_taps = [*self._last_taps, tap]
        else:
            self._taps = [*self._taps, tap]

    def subscribe(self, subscription: Subscription, published: PublishedElection) -> None:
        """Tell a subscriber how things are, and then of every change."""
        self._put((_Joined(subscription, published),))

    def tell(self, notices: Iterable[Notice]) -> None:
        """Have these told, in order. Never waits for a callback."""
        self._put(tuple(notices))
        if len(self._waiting) > self._threshold:
            self._compact()

    def flush(self, timeout: float) -> bool:
        """Wait until all that was told by now has been passed on; whether it was in time. A callback does not wait."""
        passed = Flag()
        self._put((_Passed(passed),))
        return self.is_current or passed.wait(timeout)

    def reopen(self) -> None:
        """Undo `close`, once the thread has ended."""
        self._is_closed = False

    def close(self) -> None:
        """End the thread when all that waits was told."""
        self._is_closed = True
        self._arrived.set()

    def run(self) -> None:
        """Call back until closed; then tell everybody who thinks that this node leads that it does not."""
        self._thread_id = threading.get_ident()
        try:
            while (item := self._take()) is not None:
                self._handle(item)
            for subscription in self._all():
                if (leadership := subscription.told) is not None:
                    leadership.end(LossReason.STOPPED)
                    _guarded(partial(subscription.lost, leadership), "on_lost")
        finally:
            self._thread_id = None  # another thread may get the number

    def _put(self, items: tuple[_Item, ...]) -> None:
        self._waiting.extend(items)
        self._arrived.set()

    def _take(self) -> _Item | None:
        while True:
            self._arrived.clear()
            is_closed = self._is_closed  # first: what came before the end is told
            with self._taking:
                if self._waiting:
                    return self._waiting.popleft()
            if is_closed:
                return None
            self._arrived.wait()

    def _compact(self) -> None:
        with self._taking:
            before = [self._waiting.popleft() for _ in range(len(self._waiting))]
            kept = _compacted(before)
            self._waiting.extendleft(reversed(kept))  # before whoever subscribes meanwhile
            self._threshold = max(self._notices_max, 2 * len(kept))
            self._left_out += len(before) - len(kept)

    def _handle(self, item: _Item) -> None:
        match item:
            case Notice():
                self._tell(item)
            case _Joined():
                self._join(item)
            case _Passed():
                item.event.set()
        if self._left_out and not self._waiting:  # said here: a log may be as slow as a callback
            logger.warning("callbacks were slow: %d events that were over were left out", self._left_out)
            self._left_out = 0

    def _tell(self, notice: Notice) -> None:
        for tap in self._taps:
            _guarded(partial(tap, notice.event), "an event tap")
        self._tell_subscribers(notice)
        for tap in self._last_taps:
            _guarded(partial(tap, notice.event), "an event tap")

    def _tell_subscribers(self, notice: Notice) -> None:
        match notice.event:
            case Elected(election=election):
                self._elected(election, notice.leadership)
            case Lost() as lost:
                self._lost(lost, notice.leadership)
            case LeaderChanged(election=election):
                for subscription in self._of(election):
                    _guarded(partial(subscription.changed, notice.leader), "on_leader")
            case _:
                pass

    def _elected(self, election: str, leadership: Leadership | None) -> None:
        for subscription in self._of(election):
            if leadership is not None:
                _tell_elected(subscription, leadership)

    def _lost(self, lost: Lost, leadership: Leadership | None) -> None:
        for subscription in self._of(lost.election):
            if leadership is not None:
                _guarded(partial(subscription.lost, leadership), "on_lost")
        if lost.reason is not LossReason.LEASE_LAPSED:
            self._acknowledge(lost.election, lost.term)

    def _join(self, joined: _Joined) -> None:
        subscription, published = joined.subscription, joined.published
        self._subscriptions.setdefault(subscription.election, []).append(subscription)
        # Read the leader first: the orchestrator thread sets the leadership before it, and may do so in between.
        leader, leadership = published.leader, published.leadership
        if leadership is not None:
            _tell_elected(subscription, leadership)
        if leader is not None:
            _guarded(partial(subscription.changed, leader), "on_leader")

    def _of(self, election: str) -> list[Subscription]:
        """Who wants to hear of an election; those who want no more are forgotten."""
        subscriptions = self._subscriptions.get(election, [])
        if any(subscription.is_cancelled for subscription in subscriptions):
            subscriptions = [each for each in subscriptions if not each.is_cancelled]
            self._subscriptions[election] = subscriptions
        return subscriptions

    def _all(self) -> list[Subscription]:
        return [subscription for group in self._subscriptions.values() for subscription in group]


def _tell_elected(subscription: Subscription, leadership: Leadership) -> None:
    """Who can't begin to lead should not lead."""
    if not _guarded(partial(subscription.elected, leadership), "on_elected"):
        leadership.give_up(LossReason.WORK_FAILED)


def _guarded(call: Callable[[], object], what: str) -> bool:
    """Whether a callback returned; what it raises ends here."""
    try:
        arguments.check_returned(what, call())
    except BaseException:
        logger.exception("%s raised", what)
        return False
    return True


def _compacted(items: Iterable[_Item]) -> list[_Item]:
    """What is still worth telling, in order."""
    kept: list[_Item | None] = []
    begun: dict[str, int] = {}
    leaders: dict[str, int] = {}
    for item in items:
        at = len(kept)
        match item:
            case Notice(event=Elected(election=election)):
                begun[election] = at
            case Notice(event=Lost(election=election)) if election in begun:
                kept[begun.pop(election)] = None
                continue
            case Notice(event=LeaderChanged(election=election)):
                if election in leaders:
                    kept[leaders[election]] = None
                leaders[election] = at
            case Notice(event=Lost()) | _Joined() | _Passed():
                pass
            case _:
                continue
        kept.append(item)
    return [item for item in kept if item is not None]
