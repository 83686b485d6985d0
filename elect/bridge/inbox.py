"""The queue of all that the orchestrator thread has to do."""

import queue
import threading
import time
from collections.abc import Callable

from elect.bridge.admission import StrangerRefused
from elect.bridge.signal_safe_event import SignalSafeEvent
from elect.clock import NS_PER_S, Clock, now_ns
from elect.core.elector import Elector
from elect.core.messages import Batch, Knowledge
from elect.core.ready import Ready
from elect.storage.journal import JournalEvent
from wire.io.link_events import Event as WireEvent
from wire.io.link_events import LinkClosing, MessageReceived

INPUTS_MAX = 4096
"""Inputs that may wait: two seconds of a cluster of 100 nodes. Above it a thread that puts one waits; threads that put
at the same moment may exceed it by one each."""

MESSAGES_MAX = 66
"""Messages of one peer that may wait, so that the others' heartbeats are not far behind. Above it the sender waits. A
step of the orchestrator costs as much as ENTRIES_A_STEP entries, so two messages of 256 entries take all of it: some 40
ms. With room for less, thousands of short messages would cost two switches of threads each, and heartbeats behind them
come too late."""

ENTRIES_A_STEP = 8

CPU_SHARE = 0.2
"""The share of a processor's time that reading one peer, and processing its messages, may take in the long run."""

ELECTION_CREDIT_NS = 4_000_000
"""More credit for each election that this node has entered: to process a new leader costs some 0.2 ms of a processor. A
peer that waits with that looks failed, and then there is even more to process."""

COST_NS_MAX = NS_PER_S // 20
"""More than any message costs. Other delays of a thread, by a suspended machine or the garbage collector of a large
application, are not charged to a peer."""

CPU_CREDIT_NS = round(COST_NS_MAX / CPU_SHARE)
"""The time that a peer may be ahead of its share: 0.25 s, so that no message alone makes it wait. That is 50 ms of a
processor: a burst ends long before the leases that it holds up."""

SHARES_MAX = 256
"""Peers whose share is kept; peers come and go. Above it those of peers that owe nothing are dropped."""

ROOM_CHECK_S = 0.05
"""A thread that waits for room checks this often whether the inbox is closed."""

Command = Callable[[Elector, int], Ready]
"""A function for the orchestrator thread: given the elector and the time, it returns the Ready."""


class PendingCommand:
    """A command that was posted, and its result.

    Attributes:
        error: the exception that the command raised.
        is_done: it was carried out (or raised), and its Ready too.
    """

    __slots__ = ("_finished", "act", "error", "is_done")

    def __init__(self, act: Command) -> None:
        self.act = act
        self.error: BaseException | None = None
        self.is_done = False
        self._finished = SignalSafeEvent()

    def finish(self, *, is_done: bool) -> None:
        """Note the result, and wake the thread that waits for it."""
        self.is_done = is_done
        self._finished.set()

    def wait(self, timeout: float | None) -> bool:
        """Wait until it is done, or never will be; return whether either is the case."""
        return self._finished.wait(timeout)


Input = WireEvent | JournalEvent | StrangerRefused | PendingCommand


class _Share:
    """The part of the inbox and of the processor that one peer has.

    Attributes:
        paid_at: the time at which the processor's time of its messages is within its share again (ns).
    """

    __slots__ = ("_changed", "_waiting", "paid_at")

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting = 0
        self.paid_at = 0

    def enter(self, size: int) -> bool:
        """Take room for a message; return False if there was none for a moment."""
        with self._changed:
            has_room = self._changed.wait_for(lambda: self._waiting + size <= MESSAGES_MAX, ROOM_CHECK_S)
            self._waiting += size * has_room
            return has_room

    def leave(self, size: int) -> None:
        """Give the room of a message back."""
        with self._changed:
            self._waiting = max(0, self._waiting - size)  # below 0 for a message that came before the share was dropped
            self._changed.notify()

    def owes_nothing(self, now: int) -> bool:
        """Return whether no message waits, and all processor's time is paid."""
        return not self._waiting and self.paid_at <= now

    def charge(self, took_ns: int, now: int) -> None:
        """Charge a processor's time to the peer; from any thread."""
        with self._changed:
            self.paid_at = max(self.paid_at, now) + round(min(took_ns, COST_NS_MAX) / CPU_SHARE)


class Inbox:
    """A bounded queue with one reader, in which one peer cannot use up the room and the time of the others.

    Inputs are handed out in the order in which they were put. A peer has room for two long messages. One that floods is
    read no faster than a share of the processor allows: the other nodes may need it, and the application.

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
        self._inputs_max = inputs_max
        self._clock = clock
        self._cpu = cpu
        self._credit_ns = CPU_CREDIT_NS
        self._putting = threading.local()
        self._is_closed = SignalSafeEvent()
        self._shares: dict[str, _Share] = {}
        self._served: tuple[_Share, int] | None = None  # only the reader uses it

    def __len__(self) -> int:
        return self._queue.qsize()

    def put(self, item: Input) -> None:
        """Add an input; waits while there is no room for it. After `close` it ends at once, undone."""
        if type(item) is MessageReceived:
            self._occupy(item.peer, _size(item))
        while self._queue.qsize() >= self._inputs_max and not self._is_closed.wait(ROOM_CHECK_S):
            continue
        self._queue.put(item)
        if self._is_closed.is_set():
            self._drain()

    def get(self, timeout_s: float) -> Input | None:
        """Return the next input, or None when none comes in time. The time until the next call is its peer's."""
        if self._served is not None:
            (share, cpu), self._served = self._served, None
            share.charge(self._cpu() - cpu, self._clock())
        item = self._next_item(timeout_s)
        if type(item) is MessageReceived:
            share = self._share(item.peer)
            share.leave(_size(item))
            self._served = share, self._cpu()
        return item

    def pace(self, peer: str) -> None:
        """Charge the peer the processor's time of this thread since it was here, and wait until that is paid."""
        self._pace(self._share(peer))

    def _pace(self, share: _Share) -> None:
        cpu, now = self._cpu(), self._clock()
        share.charge(cpu - getattr(self._putting, "cpu", cpu), now)
        self._putting.cpu = cpu
        while (owed_ns := share.paid_at - self._credit_ns - self._clock()) > 0:
            if self._is_closed.wait(owed_ns / NS_PER_S):
                break

    def _share(self, peer: str) -> _Share:
        """Return the share of a peer, made if it is new."""
        share = self._shares.get(peer)
        if share is not None:
            return share
        if len(self._shares) >= SHARES_MAX:
            now = self._clock()
            for each, kept in list(self._shares.items()):
                if kept.owes_nothing(now):
                    self._shares.pop(each, None)
        return self._shares.setdefault(peer, _Share())

    def allow_for(self, elections: int) -> None:
        """Raise each peer's credit for a node that has entered `elections` elections. The credit never shrinks."""
        self._credit_ns = max(self._credit_ns, CPU_CREDIT_NS + elections * ELECTION_CREDIT_NS)

    def close(self) -> None:
        """End the reading: the inputs that wait, and those that still come, are not done."""
        self._is_closed.set()
        self._drain()

    def _next_item(self, timeout_s: float) -> Input | None:
        try:
            return self._queue.get(timeout=timeout_s) if timeout_s > 0 else self._queue.get_nowait()
        except queue.Empty:
            return None

    def _occupy(self, peer: str, size: int) -> None:
        """Take the room of a message; wait while its peer has none left, or has had more than its share."""
        share = self._share(peer)
        self._pace(share)
        while not self._is_closed.is_set() and not share.enter(size):  # after `close` no message needs room
            continue

    def _drain(self) -> None:
        while (item := self._next_item(0)) is not None:
            _finish_undone(item)


def _size(item: MessageReceived) -> int:
    """Return the room that a message takes."""
    message = item.message
    return 1 + len(message.entries) // ENTRIES_A_STEP if isinstance(message, Batch | Knowledge) else 1


def _finish_undone(item: Input) -> None:
    """Wake the thread that waits for an input that is not done."""
    if isinstance(item, PendingCommand):
        item.finish(is_done=False)
    elif isinstance(item, LinkClosing):
        item.done.set()  # the lease table was closed before: nothing is counted any more
