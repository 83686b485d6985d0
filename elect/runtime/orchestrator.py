"""The orchestrator: gives the Elector one input after the other, and carries out the Ready of each.

A step takes what the inbox hands over, reads the clock *after* that came, and hands both to the elector. What comes
back is carried out in the contract's order: start the write, publish the leases, send, hold back what waits for the
disk (the journal's thread sends it), tell the application. A step waits for nothing: no disk, no peer, no application.
`run` is the thread's loop around it; the simulation calls `step` itself.

Source: PROTOCOL.md, section 3 (the clock is read after the bytes) and section 4 (one step); `elect.core.ready`.
"""

from collections import deque
from collections.abc import Callable
from typing import Protocol

from elect.bridge.admission import StrangerRefused, objection_of
from elect.bridge.inbox import Input, PendingCommand
from elect.bridge.node_context import NodeContext
from elect.bridge.publisher import Publisher
from elect.clock import NS_PER_S
from elect.core.configuration import Configuration
from elect.core.elector import Elector, TimedHeartbeat
from elect.core.events import Event, Installed, PeerDismissed
from elect.core.membership_messages import Message
from elect.core.messages import Heartbeat, Number
from elect.core.ready import Ready, Send, Write
from elect.monitoring.recent_maximum import RecentMaximum
from elect.runtime.heartbeat_coalescer import HeartbeatCoalescer
from elect.runtime.shutdown import ShutdownHandover
from elect.storage.journal import JournalDied, JournalEvent, StoreRecovered, WriteFailed, Written
from wire.common.log import Log
from wire.io.link_events import DialFailed, LinkAccepted, LinkClosing, LinkEnded, LinkOpened, MessageReceived
from wire.protocol.wire_errors import UnwelcomeError

logger = Log(__name__)

FLUSH_AFTER_S = 0.0005
"""Events that no application waits for wait until this time passes without an input: links come first."""

CHECK_INTERVAL_NS = NS_PER_S
"""The interval between two checks of the threads: a thread that ended is noticed within a second."""

LinkEvent = LinkAccepted | LinkEnded | LinkOpened | LinkClosing


class VoteWriter(Protocol):
    """The journal; the simulation has a second one."""

    def put(self, write: Write) -> bool:
        """Accept a write without waiting; False: there is no room."""


class StepLinks(Protocol):
    """The node's links; the simulation has others."""

    def receive(self, event: MessageReceived, now: int) -> Number:
        """Note that a message of the peer came at `now`, and return the number of its link in the core's type."""

    def note_event(self, event: LinkEvent | DialFailed) -> None:
        """Note a change of a link, before the elector gets it."""

    def is_trusted(self, event: LinkAccepted) -> bool:
        """Return whether an end of stream on this link proves that the peer closed it."""

    def set_members(self, configuration: Configuration) -> None:
        """Make the links of new members."""

    def dismiss(self, peer: str) -> None:
        """End the links with a former member. Nothing is counted on them any more."""

    def send(self, send: Send) -> None:
        """Put a message on the link that it names, or drop it if that is not open; on the journal's thread, too."""


class StepObserver(Protocol):
    """The counts of the steps; the simulation has none."""

    def observe_events(self, events: tuple[Event, ...]) -> None:
        """Note events, to be counted later."""

    def observe_tick(self, lag_ns: int) -> None:
        """Note a tick that came `lag_ns` late. No input waits: there is time to count."""

    def observe_round_trip(self, peer: str, sent: int, stamp: int, now: int) -> None:
        """Note that a peer acknowledged at `stamp` of its clock, read at `now`, a heartbeat sent at `sent`."""

    def observe_store_write(self, took_ns: int) -> None:
        """Count a transaction that took `took_ns`."""

    def observe_ignored(self, ignored: int) -> None:
        """Note the number of entries ignored since the start, and count what was noted; once a second."""

    def count_bug(self) -> None:
        """Count an error of elect's own that was caught."""


class Orchestrator:
    """Runs one elector.

    Args:
        context: its clock, inbox, health checks and published leases.
        elector: owned by the orchestrator thread from now on.
        coalescer: heartbeats that wait for the next tick.
        journal: gets the writes.
        links: get the messages.
        publisher: gets the events.
        observer: counts.
        check: called about once a second; raises when a thread of the node has ended.

    Attributes:
        lags: how late the thread was.
    """

    def __init__(
        self,
        context: NodeContext,
        elector: Elector,
        *,
        coalescer: HeartbeatCoalescer,
        journal: VoteWriter,
        links: StepLinks,
        publisher: Publisher,
        observer: StepObserver,
        check: Callable[[], None],
    ) -> None:
        self._context = context
        self._clock = context.clock
        self._elector = elector
        self._coalescer = coalescer
        self._journal = journal
        self._links = links
        self._publisher = publisher
        self._observer = observer
        self._was_healthy = True
        self._check = check
        self._check_at = 0
        self._held: dict[int, tuple[Send, ...]] = {}
        self._refused: deque[int] = deque()
        self._handover: ShutdownHandover | None = None
        self._is_stopping = False
        self._is_store_failing = False
        self._wake_at = self._clock()
        self.lags = RecentMaximum()

    @property
    def is_store_failing(self) -> bool:
        """Return whether the latest write to the disk failed."""
        return self._is_store_failing

    @property
    def wake_at(self) -> int:
        """The time at which `step` is due without an input (ns)."""
        return self._wake_at

    @property
    def lag_ns(self) -> int:
        """The delay of the thread now, or when it last woke; 0: none."""
        return max(0, self._clock() - self._wake_at)

    def run(self) -> None:
        """Process inputs until `stop` is called."""
        try:
            while not self._is_stopping:
                self.step(self._next_input())
            self._publisher.flush_events()
        finally:  # threads may wait for room, also after the stop has run out of time
            self._context.inbox.close()

    def send_written(self, event: JournalEvent) -> None:
        """Send what waited for a write, on the journal's thread: another node waits for it, and wakes one thread less.

        Call it before the event is put into the inbox.
        """
        if isinstance(event, Written):
            self._send_held(event.numbers)

    def _send_held(self, numbers: tuple[int, ...]) -> None:
        for number in numbers:
            for send in self._held.pop(number, ()):
                self._links.send(send)

    def stop(self) -> None:
        """End `run` after the inputs that came before this."""
        self._context.post(self._stop)

    def begin_handover(self, handover: ShutdownHandover) -> PendingCommand:
        """Resign everything and stop being a candidate; the handover shows when all know it.

        Returns:
            The command, which is never carried out if this thread ends first.
        """

        def act(elector: Elector, now: int) -> Ready:
            for ready in handover.begin(elector, now):
                self._apply(ready)
            self._handover = handover
            return elector.tick(now)

        return self._context.post(act)

    def _stop(self, elector: Elector, now: int) -> Ready:
        self._is_stopping = True
        return elector.tick(now)

    def _next_input(self) -> Input | None:
        """Return the next input, or None when a tick is due; events that wait are published if none follows."""
        inbox = self._context.inbox
        wait_s = (self._wake_at - self._clock()) / NS_PER_S
        if self._publisher.is_holding:
            item = inbox.get(min(wait_s, FLUSH_AFTER_S))
            if item is not None:
                return item
            self._publisher.flush_events()
            wait_s = (self._wake_at - self._clock()) / NS_PER_S
        return inbox.get(wait_s)

    def step(self, item: Input | None) -> None:
        """Process one input, or None when a tick is due: read the clock, decide, carry out."""
        now = self._context.turned_at = self._clock()
        lag_ns = now - self._wake_at
        self.lags.note(lag_ns, now)
        standing = self._context.standing.take_changed()
        # Before a tick that is due: its heartbeats have this standing.
        is_leaving = standing is not None and standing[0] == 0
        if standing is not None and not is_leaving:
            self._elector.note_rank(priority=standing[0], offset=standing[1])
        heard = self._take_coalesced() if lag_ns >= 0 or self._coalescer.has_offset else []
        if heard and not self._elector.are_steady([each.peer for each in heard], now):
            for each in heard:
                self._apply(self._elector.receive(*each))
            heard = []
        if item is None:
            self._observer.observe_tick(max(0, lag_ns))
            self._apply(self._elector.tick(now, heard))
        else:
            if heard:
                self._apply(self._elector.tick(heard[-1].read_at, heard))
            self._process(item, now)
        if standing is not None and is_leaving:
            # After the heartbeats that wait: they were read before, and a loss is dated now.
            self._apply(self._elector.set_rank(now, priority=0, offset=standing[1]))
        while self._refused:
            self._fail_writes((self._refused.popleft(),), now)
        if self._context.health is not None:
            self._set_healthy(self._context.health.is_good(now), now)
        if now >= self._check_at:
            self._check_at = now + CHECK_INTERVAL_NS
            self._check()
            self._observer.observe_ignored(self._elector.ignored)

    def _take_coalesced(self) -> list[TimedHeartbeat]:
        """Return the heartbeats that wait, each with the time at which it was read."""
        heard = []
        for read_at, item in self._coalescer.take_waiting():
            if isinstance(item.message, Heartbeat):
                self._observe_round_trip(item.peer, item.message, read_at)
                heard.append(TimedHeartbeat(read_at, item.peer, self._links.receive(item, read_at), item.message))
        return heard

    def _process(self, item: Input, now: int) -> None:
        match item:
            case MessageReceived():
                self._receive(item, now)
            case Written():
                self._finish_writes(item, now)
            case PendingCommand():
                self._run_command(item, now)
            case WriteFailed():
                self._fail_writes(item.numbers, now)
            case StoreRecovered():
                self._set_storing(now, is_storing=True)
            case JournalDied():
                item.raise_error()
            case DialFailed():
                self._links.note_event(item)
                self._dial_failed(item, now)
            case StrangerRefused():
                self._apply(self._elector.stranger_refused(now, item.node_id))
            case _:
                self._links.note_event(item)
                self._apply(self._change_link(item, now))
                if isinstance(item, LinkClosing):
                    item.done.set()

    def _change_link(self, item: LinkEvent, now: int) -> Ready:
        elector, peer, number = self._elector, item.peer, Number(*item.number)
        match item:
            case LinkAccepted():
                return elector.link_accepted(now, peer, number, self._links.is_trusted(item), item.identity.store)
            case LinkEnded():
                return elector.link_ended(now, peer, number, item.is_end_of_stream, item.bye is not None)
            case LinkOpened():
                return elector.link_opened(now, peer, number, item.identity.store)
            case LinkClosing():
                return elector.link_closing(now, peer, number)

    def _dial_failed(self, item: DialFailed, now: int) -> None:
        objection = objection_of(item.error)
        if isinstance(item.error, UnwelcomeError):
            self._apply(self._elector.store_lost(now, item.peer))
        elif objection is not None:
            self._apply(self._elector.dial_refused(now, item.peer, objection, str(item.error)))

    def _receive(self, item: MessageReceived, now: int) -> None:
        message = item.message
        if isinstance(message, Message):
            number = self._links.receive(item, now)
            if isinstance(message, Heartbeat):
                self._observe_round_trip(item.peer, message, now)
            self._apply(self._elector.receive(now, item.peer, number, message))

    def _observe_round_trip(self, peer: str, heartbeat: Heartbeat, now: int) -> None:
        if heartbeat.ack is not None:
            self._observer.observe_round_trip(peer, heartbeat.ack.sent, heartbeat.sent, now)

    def _finish_writes(self, item: Written, now: int) -> None:
        self._send_held(item.numbers)  # where the disk was faster than the step that began the write
        for number in item.numbers:
            self._apply(self._elector.written(now, number))
        if self._is_store_failing:  # this is the only sign that a full journal has room again
            self._set_storing(now, is_storing=True)
        self._observer.observe_store_write(item.took_ns)

    def _fail_writes(self, numbers: tuple[int, ...], now: int) -> None:
        """Drop what waited for these writes; this node is no candidate until the disk is good again."""
        for number in numbers:
            self._held.pop(number, None)
            self._apply(self._elector.write_failed(now, number))
        self._set_storing(now, is_storing=False)

    def _set_storing(self, now: int, *, is_storing: bool) -> None:
        self._is_store_failing = not is_storing
        self._apply(self._elector.set_storing(now, is_storing=is_storing))

    def _run_command(self, command: PendingCommand, now: int) -> None:
        is_done = False
        try:
            # A tick first: if the command raises, what was due before it must still be done.
            self._apply(self._elector.tick(now))
            ready = self._act(command, now)
            if ready is not None:
                self._apply(ready)
            self._context.inbox.allow_for(self._elector.entered)
            is_done = True
        finally:  # also when this ends the thread: another one may wait
            command.finish(is_done=is_done)

    def _act(self, command: PendingCommand, now: int) -> Ready | None:
        """Return the Ready of a command; None when it raised, which the thread that posted it learns."""
        try:
            return command.act(self._elector, now)
        except BaseException as error:
            command.error = error
            logger.exception("! a command raised an exception")  # perhaps no thread waits for it
            if not isinstance(error, ValueError):
                self._observer.count_bug()
            return None

    def _set_healthy(self, is_healthy: bool, now: int) -> None:
        if is_healthy is not self._was_healthy:
            self._was_healthy = is_healthy
            self._apply(self._elector.set_healthy(now, is_healthy=is_healthy))

    def _change_links(self, events: tuple[Event, ...]) -> None:
        """Make and end links as the members change."""
        for event in events:
            if isinstance(event, Installed):
                self._links.set_members(event.configuration)
            elif isinstance(event, PeerDismissed):
                self._links.dismiss(event.peer)

    def _apply(self, ready: Ready) -> None:
        """Carry a Ready out, in its order."""
        if ready.write is not None and not self._journal.put(ready.write):
            self._refused.append(ready.write.number)
        self._context.leases.publish(ready.leases, ready.counted)
        for send in ready.send:
            self._links.send(send)
        if ready.write is not None:  # only now, so that the journal's thread sends nothing before the messages above
            self._held[ready.write.number] = ready.send_when_written
        if ready.events:
            self._change_links(ready.events)
            self._observer.observe_events(ready.events)
            self._publisher.queue_events(ready.events)
        self._wake_at = ready.wake_at
        if self._handover is not None:
            self._handover.observe(self._elector)
