"""A few real Electors on which nothing moves by itself: every frame, write and moment is put there by hand.

For plays in which the order of two messages is the whole point. All nodes share one clock; the promises that span
nodes are checked after every input.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from random import Random

from elect.core.elector import Elector
from elect.core.invariants import check
from elect.core.membership import Configuration
from elect.core.messages import Batch, Entry, Grant, Heartbeat, Message, Number
from elect.core.options import Durable, Options, Timing
from elect.core.ready import Ballot, Event, Ready, Send, Write
from elect.testing.leases import LeaseTable
from elect.testing.options import NANOSECONDS
from elect.testing.violation import InvariantViolation

ELECTION = "default"
_START_NS = 100 * NANOSECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What is under way on one link: a message, or the end of its stream."""

    link: Number
    message: Message | None

    def holds(self, kind: type[Message] | type[Entry], term: int | None) -> bool:
        """Whether it is, or has an entry, of that kind and term."""
        message = self.message
        entries = message.entries if isinstance(message, Batch) else ()
        found = [entry for entry in entries if isinstance(entry, kind)]
        return isinstance(message, kind) or any(term in (None, entry.term) for entry in found)


@dataclass(slots=True, kw_only=True)
class Actor:
    """One node.

    Attributes:
        under_way: frames sent and not delivered, by peer, in order.
        ballots: on disk.
        writes: begun and not ended; with `is_disk_slow` they wait for `Stage.write`.
    """

    node_id: str
    elector: Elector
    table: LeaseTable = field(default_factory=LeaseTable)
    links: dict[str, Number] = field(default_factory=dict)
    link_count: int = 0
    under_way: dict[str, list[Frame]] = field(default_factory=dict)
    incarnation: int = 1
    ballots: dict[str, Ballot] = field(default_factory=dict)
    writes: list[tuple[Write, tuple[Send, ...]]] = field(default_factory=list)
    is_disk_slow: bool = False
    events: list[Event] = field(default_factory=list)


class Stage:
    """A connected cluster of nodes that support each other, none of them willing to lead yet.

    Args:
        voters: one letter a node.
        ballots: what the disks of some hold.

    Attributes:
        now: everybody's clock, ns.
        cuts: pairs (source, target) between which `beat` delivers nothing.
        grants: to whom each node sent a Grant, by node and term, restarts included.
    """

    def __init__(self, voters: str = "abc", *, ballots: Mapping[str, Ballot] | None = None) -> None:
        self.now = _START_NS
        self.timing = Timing()
        self.cuts: set[tuple[str, str]] = set()
        self.grants: dict[tuple[str, int], set[str]] = {}
        self._configuration = Configuration.initial(voters)
        self.actors: dict[str, Actor] = {}
        for node_id in voters:
            ballot = (ballots or {}).get(node_id)
            on_disk = {ELECTION: ballot} if ballot is not None else {}
            elector = self._elector(node_id, Durable(incarnation=1, ballots=on_disk))
            self.actors[node_id] = Actor(node_id=node_id, elector=elector, ballots=on_disk)
        for node_id in voters:
            self._enter(node_id)
        for source, target in self._pairs():
            self.dial(source, target)
        self.beat(2)

    def _elector(self, node_id: str, durable: Durable) -> Elector:
        return Elector(
            options=Options(node_id=node_id, configuration=self._configuration, timing=self.timing),
            durable=durable,
            rng=Random(node_id),  # noqa: S311 (chance, no secret)
            now=self.now,
        )

    def _enter(self, node_id: str) -> None:
        self.input(node_id, lambda elector, now: elector.set_paused(now, is_paused=True))
        self.input(node_id, lambda elector, now: elector.enter(now, ELECTION))

    def _pairs(self) -> list[tuple[str, str]]:
        return [(source, target) for source in self.actors for target in self.actors if source != target]

    # Inputs.

    def input(self, node_id: str, call: Callable[[Elector, int], Ready]) -> None:
        """Give a node any input now."""
        actor = self.actors[node_id]
        self._carry_out(actor, call(actor.elector, self.now))

    def _carry_out(self, actor: Actor, ready: Ready) -> None:
        if ready.write is not None:
            actor.writes.append((ready.write, ready.send_when_written))
        actor.table.publish(ready.leases, ready.counted)
        for send in ready.send:
            self._send(actor, send)
        actor.events += ready.events
        check(actor.elector.state)
        self._check_promises()
        if not actor.is_disk_slow:
            self.write(actor.node_id)

    def _send(self, actor: Actor, send: Send) -> None:
        if actor.links.get(send.peer) == send.link:
            self._note_grants(actor.node_id, send)
            actor.under_way.setdefault(send.peer, []).append(Frame(link=send.link, message=send.message))

    def _note_grants(self, node_id: str, send: Send) -> None:
        entries = send.message.entries if isinstance(send.message, Batch) else ()
        for entry in entries:
            if isinstance(entry, Grant):
                candidates = self.grants.setdefault((node_id, entry.term), set())
                candidates.add(send.peer)
                if len(candidates) > 1:
                    raise InvariantViolation("one grant a term", f"{node_id}: {candidates}", [], "this test")

    def _check_promises(self) -> None:
        holders = self.holders()
        if len(holders) > 1:
            raise InvariantViolation("one lease", f"{holders} at {self.now}", [], "this test")
        for source, target in self._pairs():
            until = self.actors[source].table.counted.get(target, 0)
            promise = self.actors[target].elector.state.support.peers[source]
            promised_until = promise.promised_until if promise.session is not None else 0
            promised_until = max(promised_until, self.actors[target].elector.state.fence_until)
            if until > max(self.now, promised_until):
                detail = f"{source} counts {target} {until - promised_until} ns too long"
                raise InvariantViolation("counted support is promised", detail, [], "this test")

    def write(self, node_id: str) -> None:
        """End every write that a node has begun; what waited for them leaves."""
        actor = self.actors[node_id]
        while actor.writes:
            write, held = actor.writes.pop(0)
            actor.ballots.update(write.ballots)
            self._written(node_id, write.number)
            for send in held:
                self._send(actor, send)

    def _written(self, node_id: str, number: int) -> None:
        self.input(node_id, lambda elector, now: elector.written(now, number))

    def restart(self, node_id: str, *, is_written: bool, is_sent: bool = False) -> None:
        """Kill a node and start it again at once, on new links.

        Args:
            node_id: whom.
            is_written: what was being written when it died is on disk.
            is_sent: what it had sent by then arrives nevertheless.
        """
        actor = self.actors[node_id]
        if is_written:
            for write, _ in actor.writes:
                actor.ballots.update(write.ballots)
        actor.writes.clear()
        if not is_sent:
            actor.under_way.clear()
        actor.incarnation += 1
        actor.link_count = 0
        durable = Durable(
            incarnation=actor.incarnation, promise_ns=self.timing.support_duration_ns, ballots=dict(actor.ballots)
        )
        actor.elector = self._elector(node_id, durable)
        actor.table = LeaseTable()
        actor.links.clear()
        self._enter(node_id)
        for peer in self.actors:
            if peer != node_id:
                self.close(peer, node_id)
                self.dial(peer, node_id)
                self.dial(node_id, peer)

    def stand(self, node_id: str) -> None:
        """Let a node be willing to lead: it campaigns at once if nobody else is."""
        self.input(node_id, lambda elector, now: elector.set_paused(now, is_paused=False))

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
        """Stop counting a link, then close it: its end of stream is under way."""
        actor = self.actors[source]
        number = actor.links[target]
        self.input(source, lambda elector, now: elector.link_closing(now, target, number))
        del actor.links[target]
        actor.under_way.setdefault(target, []).append(Frame(link=number, message=None))

    def deliver_end(self, source: str, target: str) -> None:
        """Let a node read the end of a stream, past whatever was under way before it."""
        frames = self.actors[source].under_way[target]
        frame = next(frame for frame in frames if frame.message is None)
        frames.remove(frame)
        self.input(target, lambda elector, now: elector.link_ended(now, source, frame.link, is_end_of_stream=True))

    # Frames.

    def deliver(
        self,
        source: str,
        target: str,
        kind: type[Message] | type[Entry],
        term: int | None = None,
        *,
        is_copy: bool = False,
    ) -> None:
        """Let the first frame under way of that kind arrive, or a copy of it.

        Raises:
            LookupError: there is none.
        """
        frames = self.actors[source].under_way.get(target, [])
        frame = next((frame for frame in frames if frame.holds(kind, term)), None)
        if frame is None:
            raise LookupError(f"no {kind.__name__} of term {term} is under way from {source} to {target}: {frames}")
        if not is_copy:
            frames.remove(frame)
        self._arrive(source, target, frame)

    def _arrive(self, source: str, target: str, frame: Frame) -> None:
        message = frame.message
        if message is not None:
            self.input(target, lambda elector, now: elector.receive(now, source, frame.link, message))

    def say(self, source: str, target: str, entry: Entry) -> None:
        """Put an entry under way by hand, as if the source had sent it."""
        message = Batch(configuration=self._configuration.id, entries=(entry,))
        frame = Frame(link=self.actors[source].links[target], message=message)
        self.actors[source].under_way.setdefault(target, []).append(frame)

    def lose(self, source: str, target: str) -> None:
        """Lose everything that is under way."""
        self.actors[source].under_way[target] = []

    def is_under_way(
        self, source: str, target: str, kind: type[Message] | type[Entry], term: int | None = None
    ) -> bool:
        """Whether such a frame was sent and not delivered."""
        return any(frame.holds(kind, term) for frame in self.actors[source].under_way.get(target, []))

    def deliver_all(self, pairs: Iterable[tuple[str, str]] | None = None) -> None:
        """Deliver what is under way between these pairs, and what follows from it, until nothing is left."""
        ways = [pair for pair in (pairs or self._pairs()) if pair not in self.cuts]
        while any(self.actors[source].under_way.get(target) for source, target in ways):
            for source, target in ways:
                frames = self.actors[source].under_way.get(target, [])
                if frames and frames[0].message is None:
                    self.deliver_end(source, target)
                elif frames:
                    self._arrive(source, target, frames.pop(0))

    # Time.

    def wait(self, duration_ns: int) -> None:
        """Let time pass unnoticed."""
        self.now += duration_ns

    def tick(self, *node_ids: str) -> None:
        """Let nodes notice the time."""
        for node_id in node_ids:
            self.input(node_id, lambda elector, now: elector.tick(now))

    def beat(self, count: int = 1) -> None:
        """Let intervals pass in which heartbeats and nothing else arrive, except where `cuts` says otherwise."""
        for _ in range(count):
            self.wait(self.timing.heartbeat_interval_ns)
            self.tick(*self.actors)
            for source, target in [pair for pair in self._pairs() if pair not in self.cuts]:
                while self.is_under_way(source, target, Heartbeat):
                    self.deliver(source, target, Heartbeat)

    # Questions.

    def holders(self) -> list[str]:
        """Who holds a valid lease now."""
        return [node_id for node_id, actor in self.actors.items() if actor.table.until(ELECTION) > self.now]

    def following(self, node_id: str) -> tuple[str, int] | None:
        """Whom a node follows, and in which term."""
        election = self.actors[node_id].elector.state.elections[ELECTION]
        return None if election.following is None else (election.following.leader, election.following.term)

    def elect(self, node_id: str) -> None:
        """Let a node win and everybody follow it."""
        self.stand(node_id)
        self.deliver_all()
        if self.holders() != [node_id]:
            raise LookupError(f"{node_id} was to be elected; {self.holders()} lead")


__all__ = ["ELECTION", "Actor", "Frame", "Stage"]
