"""Where everything meets that the protocol's thread has to do."""

import math
import queue
import threading
import time
from collections import deque
from collections.abc import Callable

from elect.bridge.admission import StrangerRefused
from elect.bridge.signal_safe_event import SignalSafeEvent
from elect.clock import NS_PER_S, Clock, now_ns
from elect.core.elector import Elector
from elect.core.ready import Ready
from elect.storage.journal import JournalEvent
from wire.io.link_events import Event as WireEvent
from wire.io.link_events import LinkAccepted, LinkClosing, LinkEnded, MessageReceived

INPUTS_MAX = 4096
"""Inputs that may wait: two seconds of a cluster of 100 nodes. Above it whoever reads a socket waits, and so the
sender, by TCP's own means."""

MESSAGES_MAX = 2
"""Messages of one peer that may wait: however much one says, the others' heartbeats are not far behind."""

CPU_SHARE = 0.2
"""Of a processor's time: what reading one peer, and doing what it says, may take in the long run."""

CPU_CREDIT_NS = NS_PER_S
"""So much time ahead of its share a peer may be: a burst comes as fast as it can."""

ELECTION_CREDIT_NS = 4_000_000
"""And so much for each election in which this node stands: to hear of a new leader costs some 0.2 ms of a processor.
A peer that waits for what it had to say is not heard to be alive, and then there is even more to say."""

COST_NS_MAX = NS_PER_S // 10
"""More than any message costs. What else holds a thread up meanwhile, a suspended machine or the garbage of a large
application, is no peer's doing."""

ROOM_CHECK_S = 0.05
"""Who waits for room looks this often whether anybody still reads."""

Command = Callable[[Elector, int], Ready]
"""What a thread of the application wants done by the protocol's: given the elector and the time, its Ready."""


class PendingCommand:
    """An act, and word of its end.

    Attributes:
        error: what the act raised.
        is_done: it was carried out (or raised), and its Ready too.
    """

    __slots__ = ("_settled", "act", "error", "is_done")

    def __init__(self, act: Command) -> None:
        self.act = act
        self.error: BaseException | None = None
        self.is_done = False
        self._settled = SignalSafeEvent()

    def settle(self, *, is_done: bool) -> None:
        """Let who waits go on."""
        self.is_done = is_done
        self._settled.set()

    def wait(self, timeout: float | None) -> bool:
        """Wait until it is done, or never will be; whether either is the case."""
        return self._settled.wait(timeout)


Input = WireEvent | JournalEvent | StrangerRefused | PendingCommand


def _places(count: int) -> queue.SimpleQueue[None]:
    """Places to get before a put, and to put back after a get."""
    places: queue.SimpleQueue[None] = queue.SimpleQueue()
    for _ in range(count):
        places.put(None)
    return places


class _Share:
    """What one peer has of the inbox.

    Attributes:
        free: its places.
        rests_until: when as much time has passed since its latest message as that message took (ns).
        paid_at: when the processor's time that its messages took will be its share of the time (ns).
    """

    __slots__ = ("_lock", "free", "paid_at", "rests_until")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.free = _places(MESSAGES_MAX)
        self.rests_until = 0
        self.paid_at = 0

    def charge(self, took_ns: int, now: int) -> None:
        """So much of a processor's time was for it; from any thread."""
        with self._lock:
            self.paid_at = max(self.paid_at, now) + round(min(took_ns, COST_NS_MAX) / CPU_SHARE)


class Inbox:
    """A bounded queue with one reader, in which nobody takes the others' place, or their time.

    A peer whose message took the reader a time is not read again before the same time has passed, while anything else
    waits. So its flood delays the others' heartbeats little, whatever it costs; and a burst while they are quiet is
    read without a pause. A flood that lasts is read no faster than a share of the processor allows: the other nodes
    may need it, and the application.

    Args:
        inputs_max: inputs that may wait.
        clock: the node's.
        cpu: the processor's time that the calling thread has had (ns).
    """

    def __init__(
        self, inputs_max: int = INPUTS_MAX, clock: Clock = now_ns, cpu: Callable[[], int] = time.thread_time_ns
    ) -> None:
        # Into a SimpleQueue a signal handler may put while the thread that it interrupts does; it has no bound.
        self._queue: queue.SimpleQueue[Input] = queue.SimpleQueue()
        self._places = _places(inputs_max)
        self._clock = clock
        self._cpu = cpu
        self._credit_ns = CPU_CREDIT_NS
        self._putting = threading.local()
        self._is_closed = SignalSafeEvent()
        self._shares: dict[str, _Share] = {}
        # The reader's own:
        self._served: tuple[_Share, int, int] | None = None
        self._resting: dict[str, deque[Input]] = {}

    def __len__(self) -> int:
        return self._queue.qsize() + sum(map(len, list(self._resting.values())))

    def put(self, item: Input) -> None:
        """Add an input; waits while there is no room for it. After `close` it is settled on the spot."""
        if type(item) is MessageReceived:
            self._occupy(item.peer)
        self._await_place(self._places)
        self._queue.put(item)
        if self._is_closed.is_set():
            self._drain()

    def get(self, timeout_s: float) -> Input | None:
        """The next input, or None when none comes in time; what it takes until the next call is its peer's."""
        if self._served is not None:
            (share, begun_at, cpu), self._served = self._served, None
            now = self._clock()
            share.rests_until = now + min(now - begun_at, COST_NS_MAX)
            share.charge(self._cpu() - cpu, now)
        item = self._next(timeout_s)
        if type(item) is MessageReceived:
            share = self._shares[item.peer]
            share.free.put(None)
            self._served = share, self._clock(), self._cpu()
        return item

    def allow_for(self, elections: int) -> None:
        """This node stands in so many elections: to hear of all of them at once is no flood. It never allows less."""
        self._credit_ns = max(self._credit_ns, CPU_CREDIT_NS + elections * ELECTION_CREDIT_NS)

    def close(self) -> None:
        """Nobody reads any more: what waits, and what still comes, is settled without being done."""
        self._is_closed.set()
        self._drain()

    def _next(self, timeout_s: float) -> Input | None:
        """The oldest input, but for those of peers that rest; theirs when there is nothing else."""
        while (item := self._rested(self._clock())) is None:
            item = self._take(0 if self._resting else timeout_s)
            if item is None:
                return self._rested(math.inf)
            if not self._must_rest(item):
                return item
        return item

    def _must_rest(self, item: Input) -> bool:
        """Whether it waits for its turn now; what comes on one link stays in order."""
        if not isinstance(item, MessageReceived | LinkAccepted | LinkEnded):
            return False
        resting = self._resting.get(item.peer)
        if resting is not None:
            resting.append(item)
        elif type(item) is MessageReceived and self._shares[item.peer].rests_until > self._clock():
            self._resting[item.peer] = deque((item,))
        else:
            return False
        return True

    def _rested(self, by: float) -> Input | None:
        """The next input of whoever is the first to have rested by then."""
        if not self._resting:
            return None
        peer = min(self._resting, key=lambda each: self._shares[each].rests_until)
        if self._shares[peer].rests_until > by:
            return None
        resting = self._resting[peer]
        item = resting.popleft()
        if not resting:
            del self._resting[peer]
        return item

    def _take(self, timeout_s: float) -> Input | None:
        try:
            item = self._queue.get(timeout=timeout_s) if timeout_s > 0 else self._queue.get_nowait()
        except queue.Empty:
            return None
        self._places.put(None)
        return item

    def _occupy(self, peer: str) -> None:
        """Take one of the peer's places; wait while it has none left, or has had more than its share."""
        share = self._shares.get(peer)
        if share is None:
            share = self._shares.setdefault(peer, _Share())
        self._pace(share)
        self._await_place(share.free)

    def _await_place(self, places: queue.SimpleQueue[None]) -> None:
        """Get one; after `close` nobody needs one."""
        while not self._is_closed.is_set():
            try:
                places.get(timeout=ROOM_CHECK_S)
                break
            except queue.Empty:
                continue

    def _pace(self, share: _Share) -> None:
        """Charge what this thread did since it was here, and let it wait until that is paid."""
        cpu, now = self._cpu(), self._clock()
        share.charge(cpu - getattr(self._putting, "cpu", cpu), now)
        self._putting.cpu = cpu
        while (owed_ns := share.paid_at - self._credit_ns - self._clock()) > 0:
            if self._is_closed.wait(owed_ns / NS_PER_S):
                break

    def _drain(self) -> None:
        while (item := self._take(0)) is not None:
            _settle(item)


def _settle(item: Input) -> None:
    """Let nobody wait for what is not done."""
    if isinstance(item, PendingCommand):
        item.settle(is_done=False)
    elif isinstance(item, LinkClosing):
        item.done.set()  # the published table was closed before: nothing is counted any more
