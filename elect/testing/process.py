"""One run of one node's program: the shell around a real Elector, without threads, sockets or files.

Source: PROTOCOL.md, sections 3 to 5, for what a shell owes the core.
"""

from collections.abc import Callable
from functools import partial
from random import Random
from typing import TYPE_CHECKING, TypeVarTuple

from elect.core.elector import Elector
from elect.core.messages import Batch, Heartbeat, Message
from elect.core.options import Durable
from elect.core.ready import Event, Lost, Ready, Send, Write
from elect.testing.dialer import Dialer
from elect.testing.leases import LeaseTable
from elect.testing.network import PATIENCE
from elect.testing.transcript import describe

if TYPE_CHECKING:
    from elect.testing.host import Host
    from elect.testing.link import Link

Arguments = TypeVarTuple("Arguments")

_NEVER = 2**62
_STALE_NOTICE_NS = 100_000
_SPIN_TICKS_MAX = 1_000


class Process:
    """Runs an Elector until it is killed.

    Attributes:
        is_alive: not killed yet.
        is_paused: stopped by a signal: its clock runs on, its inputs wait.
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
        self.is_paused = False
        self.table = LeaseTable()
        self.accepted: dict[str, Link] = {}
        self._counter = 0
        self._waiting: list[tuple[object, Callable[[], None]]] = []
        self._wake_at = 0
        self._timer_at = _NEVER
        self._spins = (0, 0)
        durable = Durable(incarnation=self.incarnation, promise_ns=promise_ns, ballots=dict(host.disk.ballots))
        rng = Random(self.world.rng.getrandbits(64))  # noqa: S311 (chance, no secret)
        self.elector = Elector(options=host.elector_options(), durable=durable, rng=rng, now=self.now)
        self.dialers = {peer: Dialer(self, peer) for peer in self.world.options.node_ids if peer != self.node_id}

    def __str__(self) -> str:
        return f"{self.node_id}{self.incarnation}"

    @property
    def now(self) -> int:
        """This node's clock, ns."""
        return self.clock.read(self.world.scheduler.now)

    @property
    def is_running(self) -> bool:
        """Whether it handles inputs."""
        return self.is_alive and not self.is_paused

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
        for dialer in self.dialers.values():
            dialer.dial()

    # Inputs.

    def put(self, source: object, action: Callable[[*Arguments], None], *arguments: *Arguments) -> None:
        """Handle an input now, after a pause, or never."""
        if not self.is_alive:
            return
        if self.is_paused:
            self._waiting.append((source, partial(action, *arguments)))
        else:
            action(*arguments)

    def do(self, call: Callable[[Elector, int], Ready]) -> None:
        """Give the Elector any input, with a clock read when it is handled."""
        self.put("application", self._do, call)

    def _do(self, call: Callable[[Elector, int], Ready]) -> None:
        self.apply(call(self.elector, self.now))

    def receive(self, link: "Link", message: Message) -> None:
        """A frame was read; the clock is read after that."""
        if type(message) is Heartbeat:
            for observer in self.world.hearers:
                observer.heard(self, link, message)
        self.apply(self.elector.receive(self.now, link.path.source, link.number, message))

    def greet(self, link: "Link") -> None:
        """Answer a Hello."""
        peer, met = link.path.source, self.host.disk.met
        store_id = self.world.hosts[peer].disk.store_id
        older = self.accepted.get(peer)
        is_stale = older is not None and link.number <= older.number
        if is_stale or met.get(peer, store_id) != store_id:
            link.break_off()
        else:
            if older is not None and self.world.rng.random() < 0.5:
                older.break_off()
            met[peer] = store_id
            link.acceptor = self
            self.accepted[peer] = link
            self.apply(self.elector.link_accepted(self.now, peer, link.number, link.is_trusted))
        link.dialer.welcome(link)

    def end(self, link: "Link") -> None:
        """The end of the stream was read on a peer's link."""
        self._end(link, is_end_of_stream=True)

    def cut_off(self, link: "Link") -> None:
        """A peer's link was reset, or closed by this end."""
        self._end(link, is_end_of_stream=False)

    def _end(self, link: "Link", *, is_end_of_stream: bool) -> None:
        for observer in self.world.observers:
            observer.ended(self, link, is_end_of_stream)
        self.apply(self.elector.link_ended(self.now, link.path.source, link.number, is_end_of_stream))

    def opened(self, link: "Link") -> None:
        """Our own link got its Welcome."""
        self.apply(self.elector.link_opened(self.now, link.path.target, link.number))

    def closing(self, link: "Link") -> None:
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
        if isinstance(event, Lost):
            wait = self.world.acknowledgement.draw(self.world.rng)
            self.world.scheduler.after(wait, self.put, self, self._acknowledge, event.election, event.term)

    def _acknowledge(self, election: str, term: int) -> None:
        self.apply(self.elector.acknowledge(self.now, election, term))

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
        """SIGSTOP."""
        if self.is_running:
            self.is_paused = True
            self.world.note(str(self), "pauses")
            for dialer in self.dialers.values():
                if dialer.link is not None:
                    dialer.link.freeze(is_lost=False)

    def resume(self) -> None:
        """SIGCONT: what waited is handled in any order across sources, in order within each."""
        if not self.is_alive or not self.is_paused:
            return
        self.is_paused = False
        self.world.note(str(self), "resumes")
        for dialer in self.dialers.values():
            if dialer.link is not None:
                dialer.link.thaw()
        waiting, self._waiting = self._waiting, []
        queues: dict[object, list[Callable[[], None]]] = {}
        for source, action in reversed(waiting):
            queues.setdefault(source, []).append(action)
        while queues:
            source = self.world.rng.choice(list(queues))
            action = queues[source].pop()
            if not queues[source]:
                del queues[source]
            self.put(source, action)

    def kill_around_write(self) -> None:
        """Kill -9 while a vote is on its way to disk or out."""
        if self.is_alive:
            self.host.crash(closes=self.world.rng.random() < 0.7)
            self.world.scheduler.after(self.world.rng.randrange(2_000_000_000), self.host.start)

    def die(self, *, closes: bool) -> None:
        """Stop for good; the operating system closes what was open, or is gone as well."""
        self.is_alive = False
        self._waiting.clear()
        for dialer in self.dialers.values():
            if dialer.link is not None:
                dialer.link.freeze(is_lost=True)
                if closes:
                    dialer.link.finish()
        for link in self.accepted.values():
            self._forsake(link, closes=closes)

    def _forsake(self, link: "Link", *, closes: bool) -> None:
        """A peer hears of the end of the link that it dialed: soon, or when it sends again, or after its patience."""
        rng, scheduler = self.world.rng, self.world.scheduler
        if closes and not link.back.is_cut:
            scheduler.after(link.back.delay.draw(rng) + _STALE_NOTICE_NS, link.dialer.notice, link)
        elif rng.random() < 0.5:
            link.is_silent = True
            scheduler.after(PATIENCE.draw(rng), link.dialer.notice, link)
