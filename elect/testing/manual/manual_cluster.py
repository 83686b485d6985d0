"""A few real Electors on which nothing moves by itself: every frame, write and moment is put there by hand.

For plays in which the order of two messages is the whole point. Each node has a clock of its own; the promises that
span nodes are checked after every input.
"""

from collections.abc import Callable

from elect.core.elector import Elector
from elect.core.invariants import check
from elect.core.messages import Batch, ConfigurationId, Entry, Heartbeat, Number
from elect.core.options import Durable
from elect.core.quorum import FOREVER
from elect.core.ready import Ready, Send, Write
from elect.testing.manual.cluster_settings import ELECTION, ClusterSettings
from elect.testing.manual.cross_node_checks import CrossNodeChecks
from elect.testing.manual.manual_node import HeldFrame, Kind, ManualNode
from elect.testing.manual.spectator import StepListener
from elect.testing.simulation.simulation_options import NANOSECONDS
from elect.testing.world.lease_record import LeaseRecord

START_NS = 100 * NANOSECONDS


class ManualCluster:
    """A connected cluster of nodes that support each other, none of them willing to lead yet.

    Args:
        settings: who plays.
        listener: who watches.

    Attributes:
        now: the true time, ns.
        actors: by node id.
        cuts: ways (source, target) on which all that is sent is lost.
        promises: what is checked.
    """

    def __init__(self, settings: ClusterSettings | None = None, *, listener: StepListener | None = None) -> None:
        self.settings = settings or ClusterSettings()
        self.timing = self.settings.timing
        self.now = START_NS
        self.cuts: set[tuple[str, str]] = set()
        self._listener = listener or StepListener()
        self._inputs = 0
        self.actors = {
            node_id: self.settings.actor(node_id, self.now) for node_id in self.settings.voters + self.settings.learners
        }
        self.promises = CrossNodeChecks(self.actors, self.settings.configuration.voters)
        for actor in self.actors.values():
            self.promises.note_stored(actor.node_id, actor.ballots)
            self._enter(actor.node_id)
        for source, target in self._ways():
            self.dial(source, target)
        self.beat(2)

    def _enter(self, node_id: str) -> None:
        self.input(node_id, lambda elector, now: elector.set_paused(now, is_paused=True))
        for election in self.settings.elections:
            self.enter(node_id, election)

    def enter(self, node_id: str, election: str = ELECTION) -> None:
        """Let a node stand in an election."""
        self.input(node_id, lambda elector, now: elector.enter(now, election))

    def _ways(self) -> list[tuple[str, str]]:
        return [(source, target) for source in self.actors for target in self.actors if source != target]

    # Inputs.

    def input(self, node_id: str, call: Callable[[Elector, int], Ready]) -> None:
        """Give a node any input now.

        Raises:
            LookupError: it is dead or suspended.
        """
        actor = self.actors[node_id]
        if not actor.is_present:
            raise LookupError(f"{node_id} is {'suspended' if actor.is_alive else 'dead'}")
        self._carry_out(actor, call(actor.elector, actor.clock.read(self.now)))

    def _carry_out(self, actor: ManualNode, ready: Ready) -> None:
        self._listener.stepped(actor, ready)
        actor.wake_at = ready.wake_at
        if ready.write is not None:
            actor.writes.append((ready.write, ready.send_when_written))
        actor.table.publish(ready.leases, ready.counted)
        for send in ready.send:
            self._send(actor, send)
        for event in ready.events:
            self.promises.note_event(actor.node_id, event)
        self._check(actor)
        if not actor.is_disk_slow:
            self.write(actor.node_id)

    def _check(self, actor: ManualNode) -> None:
        """Check what holds after every input; with many elections, of which each costs time, more seldom."""
        self._inputs += 1
        if self._inputs % (1 + len(self.settings.elections) // 4):
            return
        check(actor.elector.state)
        self.promises.check(self.now)

    def _send(self, actor: ManualNode, send: Send) -> None:
        is_open = actor.links.get(send.peer) == send.link
        if is_open and isinstance(send.message, Batch):
            self.promises.note_sent(actor.node_id, send.peer, send.message)
        is_lost = not is_open or (actor.node_id, send.peer) in self.cuts
        self._listener.sent(actor.node_id, send, is_lost=is_lost)
        if not is_lost:
            actor.under_way.setdefault(send.peer, []).append(HeldFrame(link=send.link, message=send.message))

    def stand(self, node_id: str) -> None:
        """Let a node be willing to lead: it campaigns at once if nobody else is."""
        self.input(node_id, lambda elector, now: elector.set_paused(now, is_paused=False))

    # Disks and deaths.

    def write(self, node_id: str) -> None:
        """End every write that a node has begun; what waited for them leaves."""
        actor = self.actors[node_id]
        while actor.writes:
            write, held = actor.writes.pop(0)
            self._store(actor, write)
            for send in held:
                self._send(actor, send)
            self._written(node_id, write.number)

    def _written(self, node_id: str, number: int) -> None:
        self.input(node_id, lambda elector, now: elector.written(now, number))

    def _store(self, actor: ManualNode, write: Write) -> None:
        self.promises.note_stored(actor.node_id, write.ballots)
        actor.ballots.update(write.ballots)
        self._listener.written(actor.node_id, write)

    def fail_write(self, node_id: str) -> None:
        """Let every write that a node has begun come to nothing."""
        actor = self.actors[node_id]
        while actor.writes:
            self._write_failed(node_id, actor.writes.pop(0)[0].number)

    def _write_failed(self, node_id: str, number: int) -> None:
        self.input(node_id, lambda elector, now: elector.write_failed(now, number))

    def crash(self, node_id: str, *, is_written: bool = False, closes: bool = True) -> None:
        """Kill a node; what it had sent by then stays under way.

        Args:
            node_id: whom.
            is_written: what was being written when it died is on disk.
            closes: its links end, as with a killed process; else its host is gone.
        """
        actor = self.actors[node_id]
        for write, _ in actor.writes if is_written else ():
            self._store(actor, write)
        actor.writes.clear()
        actor.table = LeaseRecord()
        for peer, link in actor.links.items():
            if closes and (node_id, peer) not in self.cuts:
                actor.under_way.setdefault(peer, []).append(HeldFrame(link=link, message=None))
        actor.links.clear()
        actor.is_alive = False

    def restart(self, node_id: str) -> None:
        """Start a dead node again, with what its disk holds and on new links, both ways, wherever nothing is cut.

        Raises:
            LookupError: it is alive.
        """
        actor = self.actors[node_id]
        if actor.is_alive:
            raise LookupError(f"{node_id} is alive")
        actor.incarnation += 1
        actor.link_count = 0
        promise_ns, ballots = self.timing.support_duration_ns, dict(actor.ballots)
        durable = Durable(incarnation=actor.incarnation, promise_ns=promise_ns, ballots=ballots)
        actor.elector = self.settings.elector(node_id, durable, actor.clock.read(self.now))
        actor.is_alive = True
        self._enter(node_id)
        for peer, other in self.actors.items():
            if peer == node_id or not other.is_present or self.cuts & {(peer, node_id), (node_id, peer)}:
                continue
            if node_id in other.links:
                self.close(peer, node_id)
            self.dial(peer, node_id)
            self.dial(node_id, peer)

    # Links.

    def dial(self, source: str, target: str, *, is_trusted: bool = True) -> Number:
        """Open a new link; what older ones still hold stays under way."""
        actor = self.actors[source]
        actor.link_count += 1
        number = actor.links[target] = Number(actor.incarnation, actor.link_count)
        self.input(target, lambda elector, now: elector.link_accepted(now, source, number, is_trusted))
        self.input(source, lambda elector, now: elector.link_opened(now, target, number))
        return number

    def close(self, source: str, target: str) -> None:
        """Stop counting a link, then close it: its end of stream is under way.

        Raises:
            LookupError: none is open.
        """
        actor, number = self.actors[source], self._link(source, target)
        self.input(source, lambda elector, now: elector.link_closing(now, target, number))
        del actor.links[target]
        if (source, target) not in self.cuts:
            actor.under_way.setdefault(target, []).append(HeldFrame(link=number, message=None))

    def _link(self, source: str, target: str) -> Number:
        number = self.actors[source].links.get(target)
        if number is None:
            raise LookupError(f"{source} has no link to {target} open")
        return number

    def deliver_end(self, source: str, target: str, *, is_reset: bool = False) -> None:
        """Let a node read the end of a stream, or a reset in its place, past whatever was under way before it.

        Raises:
            LookupError: no stream between them ended.
        """
        frames = self.actors[source].under_way.get(target, [])
        frame = next((frame for frame in frames if frame.message is None), None)
        if frame is None:
            raise LookupError(f"no end of stream is under way from {source} to {target}")
        frames.remove(frame)
        self._listener.arriving(source, target, frame)
        self.input(
            target, lambda elector, now: elector.link_ended(now, source, frame.link, is_end_of_stream=not is_reset)
        )

    # Frames.

    def deliver(self, source: str, target: str, kind: Kind, term: int | None = None, *, is_copy: bool = False) -> None:
        """Let the first frame under way that holds this arrive, or a copy of it.

        Raises:
            LookupError: there is none.
        """
        frame = self.find(source, target, kind, term)
        if not is_copy:
            self.actors[source].take(target, frame)
        self._arrive(source, target, frame)

    def find(self, source: str, target: str, kind: Kind, term: int | None = None) -> HeldFrame:
        """The first frame under way that holds this.

        Raises:
            LookupError: there is none.
        """
        frame = self.actors[source].find(target, kind, term)
        if frame is None:
            wanted = kind.__name__ if term is None else f"{kind.__name__} of term {term}"
            raise LookupError(f"no {wanted} is under way from {source} to {target}")
        return frame

    def delay(self, source: str, target: str, kind: Kind, term: int | None = None) -> None:
        """Keep the first frame under way that holds this for `deliver` alone; others overtake it.

        Raises:
            LookupError: there is none.
        """
        actor, frame = self.actors[source], self.find(source, target, kind, term)
        actor.take(target, frame)
        actor.delayed.setdefault(target, []).append(frame)

    def _arrive(self, source: str, target: str, frame: HeldFrame) -> None:
        message = frame.message
        if message is not None:
            self._listener.arriving(source, target, frame)
            self.input(target, lambda elector, now: elector.receive(now, source, frame.link, message))

    def say(self, source: str, target: str, entry: Entry, *, configuration: ConfigurationId | None = None) -> None:
        """Put an entry under way by hand, as if the source had sent it.

        Raises:
            LookupError: it has no link open.
        """
        message = Batch(configuration=configuration or self.settings.configuration.id, entries=(entry,))
        frame = HeldFrame(link=self._link(source, target), message=message)
        self.actors[source].under_way.setdefault(target, []).append(frame)

    def lose(self, source: str, target: str) -> None:
        """Lose everything that is under way, but for what is delayed."""
        self.actors[source].under_way[target] = []

    def cut(self, source: str, target: str) -> None:
        """Lose everything that is under way, or sent from now on."""
        self.lose(source, target)
        self.cuts.add((source, target))

    def is_under_way(self, source: str, target: str, kind: Kind, term: int | None = None) -> bool:
        """Whether such a frame was sent and not delivered."""
        return self.actors[source].find(target, kind, term) is not None

    def deliver_all(self, *, kind: Kind | None = None) -> None:
        """Deliver what is under way, and what follows from it, until nothing is left.

        Args:
            kind: only frames that hold this; None: all, and ends of streams.
        """
        is_moving = True
        while is_moving:
            is_moving = False
            for source, target in self._ways():
                is_moving |= self._deliver_next(source, target, kind)

    def _deliver_next(self, source: str, target: str, kind: Kind | None) -> bool:
        frames = self.actors[source].under_way.get(target, [])
        frame = next((frame for frame in frames if kind is None or frame.holds(kind)), None)
        if frame is None or not self.actors[target].is_present:
            return False
        if frame.message is None:
            self.deliver_end(source, target)
        else:
            frames.remove(frame)
            self._arrive(source, target, frame)
        return True

    # Time.

    def wait(self, duration_ns: int) -> None:
        """Let time pass unnoticed."""
        self.now += duration_ns
        self.promises.check(self.now)

    def tick(self, *node_ids: str) -> None:
        """Let nodes notice the time."""
        for node_id in node_ids:
            self.input(node_id, lambda elector, now: elector.tick(now))

    def beat(self, count: int = 1) -> None:
        """Let intervals pass in which heartbeats and nothing else arrive."""
        self.run(count * self.timing.heartbeat_interval_ns, kind=Heartbeat)

    def run(self, duration_ns: int = 0, *, kind: Kind | None = None) -> None:
        """Let time pass, nodes wake when they asked to, and what is sent arrive at once.

        Args:
            duration_ns: how long.
            kind: deliver only frames that hold this; None: all.
        """
        end = self.now + duration_ns
        self.deliver_all(kind=kind)
        while (at := self._next_wake()) <= end:
            self.now = max(self.now, at)
            self.tick(*[actor.node_id for actor in self._present() if actor.clock.when(actor.wake_at) <= self.now])
            self.deliver_all(kind=kind)
        self.wait(end - self.now)

    def _present(self) -> list[ManualNode]:
        return [actor for actor in self.actors.values() if actor.is_present]

    def _next_wake(self) -> int:
        return min((actor.clock.when(actor.wake_at) for actor in self._present()), default=FOREVER)

    # Questions.

    def holders(self, election: str = ELECTION) -> list[str]:
        """Who holds a valid lease now, each by its own clock."""
        actors = self.actors.items()
        return [node_id for node_id, actor in actors if actor.table.until(election) > actor.clock.read(self.now)]

    def following(self, node_id: str, election: str = ELECTION) -> tuple[str, int] | None:
        """Whom a node follows, and in which term."""
        following = self.actors[node_id].elector.state.elections[election].following
        return None if following is None else (following.leader, following.term)

    def elect(self, node_id: str) -> None:
        """Let a node win and everybody follow it.

        Raises:
            LookupError: another one leads.
        """
        self.stand(node_id)
        self.deliver_all()
        if any(self.holders(election) != [node_id] for election in self.settings.elections):
            raise LookupError(f"{node_id} was to be elected")


__all__ = [
    "ELECTION",
    "START_NS",
    "ClusterSettings",
    "HeldFrame",
    "Kind",
    "ManualCluster",
    "ManualNode",
    "StepListener",
]
