"""One run of a node's program: the product's Orchestrator with simulated threads, sockets and files."""

from random import Random
from typing import TYPE_CHECKING

from elect.bridge import commands
from elect.bridge.dispatcher import PublishedEvent
from elect.bridge.inbox import Command, Input, PendingCommand
from elect.bridge.node_context import NodeContext
from elect.bridge.publisher import Publisher
from elect.config.config import Config
from elect.core.elector import Elector
from elect.core.events import Elected, Lost
from elect.core.options import Durable
from elect.leader import Profile
from elect.runtime.heartbeat_coalescer import HeartbeatCoalescer
from elect.runtime.orchestrator import Orchestrator
from elect.storage.journal import JournalEvent
from elect.testing.membership.simulated_joiner import SimulatedJoiner
from elect.testing.world.event_recorder import EventRecorder
from elect.testing.world.lease_record import RecordedLeases
from elect.testing.world.simulated_application import SimulatedApplication
from elect.testing.world.simulated_links import SimulatedLinks
from elect.testing.world.thread_gate import ThreadGate
from wire.protocol.identity import PeerIdentity

if TYPE_CHECKING:
    from elect.testing.world.host import Host

_NEVER = 2**62
_SPIN_TICKS_MAX = 1_000


class RaisingCommand(PendingCommand):
    """A command whose error ends the simulation."""

    __slots__ = ()

    def finish(self, *, is_done: bool) -> None:
        """Raise what the act raised."""
        super().finish(is_done=is_done)
        if self.error is not None:
            raise self.error


class Process:
    """Runs an Orchestrator until it is killed.

    Attributes:
        is_alive: not killed yet.
        gate: the threads that run, and the inbox.
        links: to its peers.
        application: called back by this process.
        table: its published leases.
    """

    def __init__(self, host: "Host", promise_ns: int) -> None:
        self.world = host.world
        self.host = host
        self.node_id = host.node_id
        self.clock = host.clock
        self.incarnation = host.disk.incarnation
        self.store_id = host.disk.store
        self._store_number = host.disk.store_id
        self.is_alive = True
        self._armed_for = 0
        self._timer_at = _NEVER
        self._spins = (0, 0)
        self.gate = ThreadGate(self)
        self.links = SimulatedLinks(self)
        options = host.elector_options()
        durable = Durable(
            incarnation=self.incarnation,
            promise_ns=promise_ns,
            ballots=dict(host.disk.ballots),
            meetings=dict(host.disk.meetings),
            store_id=self.store_id,
        )
        rng = Random(self.world.rng.getrandbits(64))  # noqa: S311 (chance, no secret)
        self.elector = Elector(options=options, durable=durable, rng=rng, now=self.now)
        config = Config(node=self.node_id, cluster="simulated", listen="127.0.0.1:0", data_dir=".")
        context = NodeContext(config, lambda: self.now)
        self._standing = context.standing
        context.leases = leases = RecordedLeases(self)
        self.table = leases.record
        self.application = SimulatedApplication(self, leases)
        context.health = self.application.health
        self._publisher = Publisher(context, self._dispatch, lambda _: Profile())
        self._coalescer = HeartbeatCoalescer(
            heartbeat_interval_ns=options.timing.heartbeat_interval_ns,
            support_duration_ns=options.timing.support_duration_ns,
            clock=context.clock,
            put=self.gate.enqueue,
        )
        self.deliver = self._coalescer.deliver if self.world.options.coalescer else self.gate.enqueue
        self.orchestrator = Orchestrator(
            context,
            self.elector,
            coalescer=self._coalescer,
            journal=host.disk,
            links=self.links,
            publisher=self._publisher,
            observer=EventRecorder(self),
            check=lambda: None,
        )

    def __str__(self) -> str:
        """Return a name that no other process has: after the loss of a store a node counts its starts anew."""
        store = "" if self._store_number == 1 else f"{self._store_number}."
        return f"{self.node_id}{store}{self.incarnation}"

    @property
    def identity(self) -> PeerIdentity:
        """Return the identity that it shows in a handshake."""
        return PeerIdentity(node=self.node_id, incarnation=self.incarnation, store=self.store_id, attributes={})

    @property
    def now(self) -> int:
        """Return the reading of this node's clock, ns."""
        return self.clock.read(self.world.scheduler.now)

    def start(self) -> None:
        """Enter every election and dial every peer."""
        for observer in self.world.observers:
            observer.started(self)
        self.host.disk.attach(self)
        self.application.start()
        self.gate.tick()
        for election in self.world.options.elections:
            self.do(commands.enter(election))
        for dialer in self.links.dialers.values():
            dialer.dial()
        SimulatedJoiner(self).start()

    def do(self, act: Command) -> None:
        """Give the orchestrator a command of the application."""
        self.put("application", RaisingCommand(act))

    def set_standing(self, *, priority: int, offset: int | None = None) -> None:
        """Set the standing as the application does: without a step, but for priority 0."""
        self._standing.priority = priority
        self._standing.offset = self._standing.offset if offset is None else offset
        if priority == 0:
            self.do(commands.tick())

    def put(self, source: object, item: Input) -> None:
        """Put an input into the inbox, on the thread of its source."""
        self.gate.run(source, self.gate.enqueue, item)

    def note_written(self, disk: object, event: JournalEvent) -> None:
        """Take a report of the disk, on the journal's thread."""
        self.gate.run(disk, self._note_written, event)

    def _note_written(self, event: JournalEvent) -> None:
        self.orchestrator.send_written(event)
        self.gate.enqueue(event)

    def step(self, item: Input | None) -> None:
        """Run one step of the orchestrator."""
        if item is None:
            self._count_spins()
        self.orchestrator.step(item)
        if self.gate.is_idle:
            self._publisher.flush_events()
        if self.orchestrator.wake_at != self._armed_for:
            self._arm()

    def _dispatch(self, events: list[PublishedEvent]) -> None:
        for published in events:
            if isinstance(published.event, Elected | Lost):
                self.application.call_back(published.event)

    # Time.

    def _arm(self) -> None:
        self._armed_for = self.orchestrator.wake_at
        when = self.clock.when(self._armed_for)
        if when < self._timer_at:
            self._timer_at = when
            late = self.world.options.lateness.draw(self.world.rng)
            self.world.scheduler.at(max(when, self.world.scheduler.now) + late, self._time_out, when)

    def _time_out(self, armed: int) -> None:
        if armed == self._timer_at and self.is_alive:
            self._timer_at = _NEVER
            if self.now >= self.orchestrator.wake_at:
                self._armed_for = 0
                self.gate.run("timer", self.gate.tick)
            else:
                self._arm()

    def reset_timer(self) -> None:
        """Set the timer again, after the clock had stopped."""
        self._timer_at = _NEVER
        self._arm()

    def _count_spins(self) -> None:
        """Fail if the core asks for too many ticks at one moment: a real thread would hang."""
        at, count = self._spins
        now = self.world.scheduler.now
        self._spins = (now, count + 1 if at == now else 0)
        if count > _SPIN_TICKS_MAX:
            self.world.fail("wakes rest", f"{self} asked for {count} ticks at one moment")

    # Stops.

    def pause(self) -> None:
        """Stop it, as SIGSTOP does: its clock runs on, and its inputs wait."""
        if self.is_alive and not self.gate.is_paused:
            self.world.note(str(self), "pauses")
            self.gate.set_stopped(is_paused=True)

    def resume(self) -> None:
        """Continue it, as SIGCONT does. Of the inputs that waited, only those of one source keep their order."""
        if self.is_alive and self.gate.is_paused:
            self.world.note(str(self), "resumes")
            self.gate.set_stopped(is_paused=False)

    def stall(self) -> None:
        """Stop the orchestrator thread alone."""
        if self.is_alive and not self.gate.is_stalled:
            self.world.note(str(self), "stalls")
            self.gate.set_stalled(is_stalled=True)

    def end_stall(self) -> None:
        """Continue the orchestrator thread after `stall`."""
        if self.is_alive and self.gate.is_stalled:
            self.world.note(str(self), "catches up")
            self.gate.set_stalled(is_stalled=False)

    def kill_around_write(self) -> None:
        """Kill it while it writes a vote, or just after, and start it again later."""
        if self.is_alive:
            self.host.crash(closes=self.world.rng.random() < 0.7)
            self.world.scheduler.after(self.world.rng.randrange(2_000_000_000), self.host.start)

    def die(self, *, closes: bool) -> None:
        """End it. With `closes`, the operating system closes its links; without, the machine dies too."""
        self.is_alive = False
        self.gate.close()
        self.links.die(closes=closes)
