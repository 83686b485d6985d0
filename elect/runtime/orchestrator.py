"""The thread that owns the Elector: takes one input after the other, and carries out what each leads to.

It waits for its inbox, at most until the elector wants to be woken, reads the clock *after* what it waited for came,
and hands both to the elector. What comes back is carried out in the contract's order: start the write, publish the
leases, send, hold back what waits for the disk, tell the application. Nothing in it waits for a disk, a peer or the
application.

Source: PROTOCOL.md, section 3 (the clock is read after the bytes) and section 4 (one step); `elect.core.ready`.
"""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from elect.bridge.admission import StrangerRefused, objection_of
from elect.bridge.inbox import Input, PendingCommand
from elect.bridge.node_context import NodeContext
from elect.bridge.publisher import Publisher
from elect.core.elector import Elector
from elect.core.events import Elected, Event, Lost
from elect.core.messages import Batch, Heartbeat, Knowledge, Number
from elect.core.ready import Ready, Send, Write
from elect.runtime.heartbeat_coalescer import HeartbeatCoalescer
from elect.runtime.shutdown import ShutdownHandover
from elect.storage.journal import JournalDied, StoreRecovered, WriteFailed, Written
from wire.common.log import Log, harmless
from wire.io.link_events import DialFailed, LinkAccepted, LinkClosing, LinkEnded, LinkOpened, MessageReceived
from wire.protocol.wire_errors import UnwelcomeError

if TYPE_CHECKING:
    from elect.runtime.peer_links import PeerLinks

logger = Log(__name__)

NS_PER_S = 1_000_000_000
UNTOLD_S = 0.0005
"""What no application waits for is told when no input came for so long: links need the processor more."""

UNTOLD_MAX = 1_000
"""So many events are told whatever comes."""

COUNTED_MAX = 1_000
"""Events counted at a time (some 3 ms), so that no heartbeat waits long for it."""

UNCOUNTED_MAX = 16 * COUNTED_MAX
"""Above so many, some are counted whatever comes."""

CHECK_INTERVAL_NS = NS_PER_S
"""Between two looks at what is not worth a look at every step."""


class VoteWriter(Protocol):
    """The journal, as far as it is needed here."""

    def put(self, write: Write) -> bool:
        """Take a write without waiting; False: it was not taken."""


class StepObserver(Protocol):
    """The metrics, as far as they are needed here."""

    def observe(self, event: Event) -> None:
        """Count an event."""

    def observe_round_trip(self, peer: str, took_ns: int) -> None:
        """A heartbeat of ours was acknowledged after so long."""

    def observe_store_write(self, took_ns: int) -> None:
        """A transaction took so long."""

    def observe_loop_lag(self, lag_ns: int) -> None:
        """A tick came so late."""

    def observe_ignored(self, entries: int) -> None:
        """Peers said so much of elections that are not kept."""

    def count_bug(self) -> None:
        """An error of ours was caught."""


class _Harmless:
    """Metrics that may raise: they are the application's, or their files are gone."""

    def __init__(self, metrics: StepObserver) -> None:
        self.observe = harmless(metrics.observe)
        self.observe_round_trip = harmless(metrics.observe_round_trip)
        self.observe_store_write = harmless(metrics.observe_store_write)
        self.observe_loop_lag = harmless(metrics.observe_loop_lag)
        self.observe_ignored = harmless(metrics.observe_ignored)
        self.count_bug = harmless(metrics.count_bug)


class Orchestrator:
    """Runs one elector.

    Args:
        context: its inbox, clock and published leases.
        elector: owned by the thread of `run` from now on.
        coalescer: heartbeats that wait for the next tick.
        disk: where writes go.
        links: where messages go.
        publisher: where events go.
        metrics: counts, once nothing else waits.
        check: called about once a second; raises when a thread of ours is gone.
    """

    def __init__(
        self,
        context: NodeContext,
        elector: Elector,
        *,
        coalescer: HeartbeatCoalescer,
        disk: VoteWriter,
        links: "PeerLinks",
        publisher: Publisher,
        metrics: StepObserver,
        check: Callable[[], None],
    ) -> None:
        self._context = context
        self._clock = context.clock
        self._inbox = context.inbox
        self._elector = elector
        self._coalescer = coalescer
        self._disk = disk
        self._links = links
        self._publisher = publisher
        self._metrics = _Harmless(metrics)
        self._was_healthy = True
        self._check = check
        self._check_at = 0
        self._held: dict[int, tuple[Send, ...]] = {}
        self._refused: deque[int] = deque()
        self._uncounted: deque[Event] = deque()
        self._untold: list[Event] = []
        self._round_trips: dict[str, int] = {}
        self._ignored = 0
        self._handover: ShutdownHandover | None = None
        self._is_stopping = False
        self._is_store_failing = False
        self._wake_at = self._clock()

    @property
    def is_store_failing(self) -> bool:
        """Whether the latest write was not taken by the disk."""
        return self._is_store_failing

    @property
    def lag_ns(self) -> int:
        """By how much the thread is late now, or was when it last woke; 0: it is not."""
        return max(0, self._clock() - self._wake_at)

    def run(self) -> None:
        """Take inputs until `stop`."""
        while not self._is_stopping:
            self._step()
        self._tell()

    def stop(self) -> None:
        """Let `run` return after the inputs that came before this."""
        self._context.post(self._stop)

    def begin_farewell(self, handover: ShutdownHandover) -> None:
        """Resign everything and stand for nothing any more; `farewell` says when all have heard."""

        def act(elector: Elector, now: int) -> Ready:
            for ready in handover.begin(elector, now):
                self._apply(ready)
            self._handover = handover
            return elector.tick(now)

        self._context.post(act)

    def _stop(self, elector: Elector, now: int) -> Ready:
        self._is_stopping = True
        return elector.tick(now)

    def _step(self) -> None:
        """One turn: wait, read the clock, decide, carry out.

        Events are counted at a tick: in an election other threads need the processor more.
        """
        item = self._next()
        now = self._context.turned_at = self._clock()
        lag_ns = now - self._wake_at
        if lag_ns >= 0:
            self._take_lull()
        if item is None:
            self._metrics.observe_loop_lag(max(0, lag_ns))
            self._count()
            self._apply(self._elector.tick(now))
        else:
            self._take(item, now)
        while self._refused:
            self._fail((self._refused.popleft(),), now)
        if self._context.health is not None:
            self._ask_health(self._context.health.is_good(now), now)
        if len(self._uncounted) > UNCOUNTED_MAX:
            self._count()
        if now >= self._check_at:
            self._check_at = now + CHECK_INTERVAL_NS
            self._look_around()

    def _next(self) -> Input | None:
        """The next input, or None when it is time for a tick; what is untold is told as soon as none follows."""
        wait_s = (self._wake_at - self._clock()) / NS_PER_S
        if self._untold:
            item = self._inbox.get(min(wait_s, UNTOLD_S))
            if item is not None:
                return item
            self._tell()
            wait_s = (self._wake_at - self._clock()) / NS_PER_S
        return self._inbox.get(wait_s)

    def _note(self, events: tuple[Event, ...]) -> None:
        """Tell up to the last election or loss at once; what follows it can wait a moment."""
        self._uncounted.extend(events)
        urgent = max((place for place, event in enumerate(events, 1) if isinstance(event, Elected | Lost)), default=0)
        self._untold.extend(events[:urgent])
        if urgent or len(self._untold) > UNTOLD_MAX:
            self._tell()
        self._untold.extend(events[urgent:])

    def _tell(self) -> None:
        untold, self._untold = tuple(self._untold), []
        if untold:
            self._publisher.tell(untold)

    def _take_lull(self) -> None:
        """Before anything can end: what may extend it, with the time at which it was read."""
        for read_at, heartbeat in self._coalescer.take():
            self._receive(heartbeat, read_at)

    def _take(self, item: Input, now: int) -> None:
        match item:
            case MessageReceived():
                self._receive(item, now)
            case Written():
                self._written(item, now)
            case PendingCommand():
                self._command(item, now)
            case WriteFailed():
                self._fail(item.numbers, now)
            case StoreRecovered():
                self._set_storing(now, is_storing=True)
            case JournalDied():
                raise RuntimeError("the journal died") from item.error
            case DialFailed():
                self._links.note_failed(item)
                self._dial_failed(item, now)
            case StrangerRefused():
                self._apply(self._elector.stranger_refused(now, item.node_id))
            case _:
                self._take_link(item, now)

    def _take_link(self, item: LinkAccepted | LinkEnded | LinkOpened | LinkClosing, now: int) -> None:
        number = Number(*item.number)
        elector = self._elector
        match item:
            case LinkAccepted():
                self._links.note_accepted(item)
                self._apply(
                    elector.link_accepted(now, item.peer, number, self._links.is_trusted(item), item.identity.store)
                )
            case LinkEnded():
                self._apply(elector.link_ended(now, item.peer, number, item.is_end_of_stream))
            case LinkOpened():
                self._links.note_opened(item)
                self._apply(elector.link_opened(now, item.peer, number, item.identity.store))
            case LinkClosing():
                self._links.note_closing(item.peer)
                self._apply(elector.link_closing(now, item.peer, number))
                item.done.set()

    def _dial_failed(self, item: DialFailed, now: int) -> None:
        objection = objection_of(item.error)
        if isinstance(item.error, UnwelcomeError):
            self._apply(self._elector.store_lost(now, item.peer))
        elif objection is not None:
            self._apply(self._elector.dial_refused(now, item.peer, objection, str(item.error)))

    def _receive(self, item: MessageReceived, now: int) -> None:
        message = item.message
        if isinstance(message, Heartbeat | Batch | Knowledge):
            number = self._links.number(item.peer, item.number)
            self._links.heard[item.peer] = now
            if type(message) is Heartbeat and message.ack is not None:
                self._round_trips[item.peer] = now - message.ack.sent
            self._apply(self._elector.receive(now, item.peer, number, message))

    def _written(self, item: Written, now: int) -> None:
        for number in item.numbers:
            for send in self._held.pop(number, ()):
                self._links.send(send)
            self._apply(self._elector.written(now, number))
        if self._is_store_failing:  # a journal that had no room says no more than this when it has
            self._set_storing(now, is_storing=True)
        self._metrics.observe_store_write(item.took_ns)

    def _fail(self, numbers: tuple[int, ...], now: int) -> None:
        """What waited for these is never sent, and this node is no candidate until the disk is good again."""
        for number in numbers:
            self._held.pop(number, None)
            self._apply(self._elector.write_failed(now, number))
        self._set_storing(now, is_storing=False)

    def _set_storing(self, now: int, *, is_storing: bool) -> None:
        self._is_store_failing = not is_storing
        self._apply(self._elector.set_storing(now, is_storing=is_storing))

    def _command(self, command: PendingCommand, now: int) -> None:
        is_done = False
        try:
            # The time passes first: an act that raises must not swallow what else has happened by now.
            self._apply(self._elector.tick(now))
            ready = self._act(command, now)
            if ready is not None:
                self._apply(ready)
            is_done = True
        finally:  # also when this thread dies of it: somebody may wait
            command.settle(is_done=is_done)

    def _act(self, command: PendingCommand, now: int) -> Ready | None:
        """What an act leads to; None when it raised, which is for the thread that asked for it."""
        try:
            return command.act(self._elector, now)
        except BaseException as error:
            command.error = error
            logger.exception("! a command was not carried out")  # nobody may wait for it
            if not isinstance(error, ValueError):
                self._metrics.count_bug()
            return None

    def _ask_health(self, is_healthy: bool, now: int) -> None:
        if is_healthy is not self._was_healthy:
            self._was_healthy = is_healthy
            self._apply(self._elector.set_healthy(now, is_healthy=is_healthy))

    def _apply(self, ready: Ready) -> None:
        """Carry a Ready out, in its order."""
        if ready.write is not None:
            self._held[ready.write.number] = ready.send_when_written
            if not self._disk.put(ready.write):
                self._refused.append(ready.write.number)
        self._context.leases.publish(ready.leases, ready.counted)
        for send in ready.send:
            self._links.send(send)
        if ready.events:
            self._note(ready.events)
        self._wake_at = ready.wake_at
        if self._handover is not None:
            self._handover.look(self._elector)

    def _count(self) -> None:
        """Count the oldest events that wait for it, but not all of them at once."""
        for _ in range(min(len(self._uncounted), COUNTED_MAX)):
            self._metrics.observe(self._uncounted.popleft())

    def _look_around(self) -> None:
        """Once in a while: do all threads live, how far away are the peers, do they say too much, and what is much."""
        self._check()
        self._inbox.allow_for(self._elector.entered)
        if (ignored := self._elector.ignored - self._ignored) > 0:
            if not self._ignored:
                logger.warning("! peers name more elections than one node keeps: what they say of the rest is ignored")
            self._ignored += ignored
            self._metrics.observe_ignored(ignored)
        for peer, took_ns in self._round_trips.items():
            if took_ns > 0:
                self._metrics.observe_round_trip(peer, took_ns)
        self._round_trips.clear()
