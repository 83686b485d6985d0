"""One run of one node's program: the shell around a real Elector, without threads, sockets or files.

Source: PROTOCOL.md, sections 3 to 5, for what a shell owes the core.
"""

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, TypeVarTuple

from elect.core.elector import Elector
from elect.core.events import Elected, Event, Lost, Objection
from elect.core.messages import Batch, Heartbeat, Message
from elect.core.options import Durable
from elect.core.ready import Ready, Send, Write
from elect.core.rules.agreement import objection_to
from elect.storage.store import STORE_ID_LENGTH
from elect.testing.simulation.transcript import describe
from elect.testing.world.lease_record import LeaseRecord
from elect.testing.world.simulated_application import SimulatedApplication
from elect.testing.world.simulated_dialer import SimulatedDialer
from elect.testing.world.simulated_network import PATIENCE
from elect.testing.world.simulated_reader import SimulatedReader
from elect.testing.world.thread_gate import ThreadGate

if TYPE_CHECKING:
    from elect.testing.world.host import Host
    from elect.testing.world.simulated_link import SimulatedLink

Arguments = TypeVarTuple("Arguments")

_NEVER = 2**62
_STALE_NOTICE_NS = 100_000
_SPIN_TICKS_MAX = 1_000


class Process:
    """Runs an Elector until it is killed.

    Attributes:
        is_alive: not killed yet.
        gate: which of its threads run.
        reader: lets heartbeats without news wait, or None: every frame is handled when it comes.
        application: whom it serves.
        accepted: peers' links by peer.
        table: what `is_leader` would read.
    """

    def __init__(self, host: "Host", promise_ns: int) -> None:
        self.world = host.world
        self.host = host
        self.node_id = host.node_id
        self.clock = host.clock
        self.incarnation = host.disk.incarnation
        self.is_alive = True
        self.reader: SimulatedReader | None = None
        self.gate = ThreadGate(self)
        self.application = SimulatedApplication(self)
        self.table = LeaseRecord()
        self.accepted: dict[str, SimulatedLink] = {}
        self.store_id = host.disk.store_id.to_bytes(STORE_ID_LENGTH)
        self.stores = {peer: each.store_id for peer, each in host.disk.meetings.items() if each.store_id is not None}
        self._counter = 0
        self._wake_at = 0
        self._timer_at = _NEVER
        self._spins = (0, 0)
        durable = Durable(
            incarnation=self.incarnation,
            promise_ns=promise_ns,
            ballots=dict(host.disk.ballots),
            meetings=dict(host.disk.meetings),
        )
        rng = Random(self.world.rng.getrandbits(64))  # noqa: S311 (chance, no secret)
        self.elector = Elector(options=host.elector_options(), durable=durable, rng=rng, now=self.now)
        self.dialers = {peer: SimulatedDialer(self, peer) for peer in host.voters if peer != self.node_id}
        if self.world.options.coalescer:
            self.reader = SimulatedReader(self)
        self.gate.settle()

    def __str__(self) -> str:
        return f"{self.node_id}{self.incarnation}"

    @property
    def now(self) -> int:
        """This node's clock, ns."""
        return self.clock.read(self.world.scheduler.now)

    @property
    def is_paused(self) -> bool:
        """Whether a signal stopped it."""
        return self.gate.is_paused

    def next_counter(self) -> int:
        """Number the next link."""
        self._counter += 1
        return self._counter

    def start(self) -> None:
        """Enter every election and dial every peer."""
        for observer in self.world.observers:
            observer.started(self)
        self.apply(self.elector.tick(self.now))
        for election in self.world.options.elections:
            self.apply(self.elector.enter(self.now, election))
        self.application.answer_health()
        for dialer in self.dialers.values():
            dialer.dial()

    # Inputs.

    def put(self, source: object, action: Callable[[*Arguments], None], *arguments: *Arguments) -> None:
        """Handle an input now, later, or never."""
        if self.gate.is_open:
            action(*arguments)
        else:
            self.gate.put(source, action, *arguments)

    def step(self, action: Callable[[], None]) -> None:
        """Handle one input; before it, if it is time for a tick, the heartbeats that wait for that."""
        if self.reader is not None and self.now >= self._wake_at:
            self.reader.take()
        action()

    def do(self, call: Callable[[Elector, int], Ready]) -> None:
        """Give the Elector any input, with a clock read when it is handled."""
        self.put("application", self._do, call)

    def _do(self, call: Callable[[Elector, int], Ready]) -> None:
        self.apply(call(self.elector, self.now))

    def read(self, link: "SimulatedLink", message: Message) -> None:
        """A reader thread has a frame."""
        if self.gate.is_open:
            self.receive(link, message)
        elif self.reader is None:
            self.gate.put(link, self.receive, link, message)
        else:
            self.gate.run(link, self.reader.read, link, message)

    def receive(self, link: "SimulatedLink", message: Message) -> None:
        """A frame was read; the clock is read after that."""
        self.receive_at(self.now, link, message)

    def receive_at(self, now: int, link: "SimulatedLink", message: Message) -> None:
        """Handle a frame as of `now`."""
        if type(message) is Heartbeat:
            for observer in self.world.hearers:
                observer.heard(self, link, message)
        self.apply(self.elector.receive(now, link.path.source, link.number, message))

    def greet(self, link: "SimulatedLink") -> None:
        """Answer a Hello, on the listener's thread."""
        self.gate.run(link, self._greet, link)

    def _greet(self, link: "SimulatedLink") -> None:
        peer, older = link.path.source, self.accepted.get(link.path.source)
        is_stale = older is not None and link.number <= older.number
        link.objection = self.objection_to(link.dialer.process)
        if is_stale or link.objection is not None:
            link.break_off()
            if link.objection is Objection.UNKNOWN_NODE:
                self.do(lambda elector, now: elector.stranger_refused(now, peer))
        else:
            if older is not None and self.world.rng.random() < 0.5:
                older.break_off()
            link.acceptor = self
            self.accepted[peer] = link
            if self.reader is not None:
                self.reader.forget(link)
            self.put(link, self._accept, link)
        link.dialer.welcome(link)

    def objection_to(self, other: "Process") -> Objection | None:
        """Why the process at the other end of a handshake is not taken for a peer, or None."""
        return objection_to(other.node_id, other.store_id, voters=self.host.voters, stores=self.stores)

    def _accept(self, link: "SimulatedLink") -> None:
        peer, store_id = link.path.source, link.dialer.process.store_id
        self.stores.setdefault(peer, store_id)
        self.apply(self.elector.link_accepted(self.now, peer, link.number, link.is_trusted, store_id))
        self.dialers[peer].compare(link.number.incarnation)

    def end(self, link: "SimulatedLink", *, is_end_of_stream: bool) -> None:
        """A reader thread is at the end of a peer's link: an end of stream, or a reset or this end's own close."""
        self.gate.run(link, self._end_thread, link, is_end_of_stream)

    def _end_thread(self, link: "SimulatedLink", is_end_of_stream: bool) -> None:
        if self.reader is not None:
            self.reader.forget(link)
        self.put(link, self._end, link, is_end_of_stream)

    def _end(self, link: "SimulatedLink", is_end_of_stream: bool) -> None:
        for observer in self.world.observers:
            observer.ended(self, link, is_end_of_stream)
        self.apply(self.elector.link_ended(self.now, link.path.source, link.number, is_end_of_stream))

    def opened(self, link: "SimulatedLink") -> None:
        """Our own link got its Welcome."""
        assert link.acceptor is not None
        peer, store_id = link.path.target, link.acceptor.store_id
        self.stores.setdefault(peer, store_id)
        self.apply(self.elector.link_opened(self.now, peer, link.number, store_id))

    def forget(self, peer: str) -> None:
        """Take links and the store of a peer whatever they are."""
        self.stores.pop(peer, None)
        self.accepted.pop(peer, None)

    def store_lost(self, peer: str) -> None:
        """A peer answered our dial under another store than the one it was met under."""
        self.apply(self.elector.store_lost(self.now, peer))

    def refused(self, peer: str, objection: Objection) -> None:
        """A peer refused our dial."""
        self.apply(self.elector.dial_refused(self.now, peer, objection))

    def closing(self, link: "SimulatedLink") -> None:
        """Our own link is about to be closed; whoever closes it waits for this."""
        self.apply(self.elector.link_closing(self.now, link.path.target, link.number))

    def written(self, done: list[tuple[Write, tuple[Send, ...]]]) -> None:
        """Writes are on disk: what waited for them leaves."""
        for write, held in done:
            self.apply(self.elector.written(self.now, write.number))
            for send in held:
                self._transmit(send)

    def write_failed(self, numbers: list[int]) -> None:
        """Writes failed: what waited for them never leaves."""
        for number in numbers:
            self.apply(self.elector.write_failed(self.now, number))
        self.apply(self.elector.set_storing(self.now, is_storing=False))

    def store_recovered(self) -> None:
        """The disk is good again."""
        self.apply(self.elector.set_storing(self.now, is_storing=True))

    # What follows from an input.

    def apply(self, ready: Ready) -> None:
        """Carry a Ready out, in the order of its fields."""
        if ready.write is not None:
            self.host.disk.write(self, ready.write, ready.send_when_written)
        observers = self.world.observers
        if ready.leases or ready.counted is not None:
            self.table.publish(ready.leases, ready.counted)
            for observer in observers:
                observer.published(self, ready)
        for send in ready.send:
            self._transmit(send)
        for event in ready.events:
            self._tell(event)
        for observer in self.world.steppers:
            observer.stepped(self)
        if ready.wake_at != self._wake_at:
            self._arm(ready.wake_at)

    def _transmit(self, send: Send) -> None:
        dialer = self.dialers[send.peer]
        link = dialer.link
        if link is None or not dialer.is_open or link.number != send.link:
            return
        if type(send.message) is Batch:
            for observer in self.world.observers:
                observer.sent(self, send.peer, send.message)
        link.transmit(send.message)

    def _tell(self, event: Event) -> None:
        self.world.record(self.node_id, event)
        text = describe(event)
        if text:
            self.world.note(str(self), text)
        for observer in self.world.observers:
            observer.told(self, event)
        if isinstance(event, Elected | Lost):
            self.application.hear(event)

    # Time.

    def _arm(self, wake_at: int) -> None:
        self._wake_at = wake_at
        when = self.clock.when(wake_at)
        if when < self._timer_at:
            self._timer_at = when
            late = self.world.options.lateness.draw(self.world.rng)
            self.world.scheduler.at(max(when, self.world.scheduler.now) + late, self._timer, when)

    def _timer(self, armed: int) -> None:
        if armed == self._timer_at and self.is_alive:
            self._timer_at = _NEVER
            self._wake_at, wake_at = 0, self._wake_at
            if self.now >= wake_at:
                self.put("timer", self._tick)
            else:
                self._arm(wake_at)

    def _tick(self) -> None:
        self._count_spins()
        self.apply(self.elector.tick(self.now))

    def _count_spins(self) -> None:
        """A core that asks to be woken at once, again and again, would hang a real shell."""
        at, count = self._spins
        now = self.world.scheduler.now
        self._spins = (now, count + 1 if at == now else 0)
        if count > _SPIN_TICKS_MAX:
            self.world.fail("wakes rest", f"{self} asked for {count} ticks at one moment")

    # Stops.

    def pause(self) -> None:
        """SIGSTOP: its clock runs on, its inputs wait."""
        if self.is_alive and not self.gate.is_paused:
            self.world.note(str(self), "pauses")
            self.gate.set_stopped(is_paused=True)

    def resume(self) -> None:
        """SIGCONT: what waited is handled in any order across sources, in order within each."""
        if self.is_alive and self.gate.is_paused:
            self.world.note(str(self), "resumes")
            self.gate.set_stopped(is_paused=False)

    def stall(self) -> None:
        """Let the protocol's thread alone stop."""
        if self.is_alive and not self.gate.is_stalled:
            self.world.note(str(self), "stalls")
            self.gate.set_stalled(is_stalled=True)

    def catch_up(self) -> None:
        """Let the protocol's thread go on with its inbox."""
        if self.is_alive and self.gate.is_stalled:
            self.world.note(str(self), "catches up")
            self.gate.set_stalled(is_stalled=False)

    def reset_timer(self) -> None:
        """The clock stood still: wake when it shows the time, whenever that is now."""
        self._timer_at = _NEVER
        self._arm(self._wake_at)

    def kill_around_write(self) -> None:
        """Kill -9 while a vote is on its way to disk or out."""
        if self.is_alive:
            self.host.crash(closes=self.world.rng.random() < 0.7)
            self.world.scheduler.after(self.world.rng.randrange(2_000_000_000), self.host.start)

    def die(self, *, closes: bool) -> None:
        """Stop for good; the operating system closes what was open, or is gone as well."""
        self.is_alive = False
        self.gate.close()
        for dialer in self.dialers.values():
            if dialer.link is not None:
                dialer.link.freeze(is_lost=True)
                if closes:
                    dialer.link.finish()
        for link in self.accepted.values():
            self._forsake(link, closes=closes)

    def _forsake(self, link: "SimulatedLink", *, closes: bool) -> None:
        """A peer hears of the end of the link that it dialed: soon, or when it sends again, or after its patience."""
        rng, scheduler = self.world.rng, self.world.scheduler
        if closes and not link.back.is_cut:
            scheduler.after(link.back.delay.draw(rng) + _STALE_NOTICE_NS, link.dialer.notice, link)
        elif rng.random() < 0.5:
            link.is_silent = True
            scheduler.after(PATIENCE.draw(rng), link.dialer.notice, link)
