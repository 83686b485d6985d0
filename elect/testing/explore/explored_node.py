"""One node of an explored world: the real Elector, its disk, and its published leases."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random

from elect.core.changes import ChangeRefused, PromoteMember
from elect.core.configuration import Configuration
from elect.core.elector import Elector
from elect.core.events import Event, Objection, PeerDismissed, Role, RoleChanged, Voted
from elect.core.invariants import check
from elect.core.membership_messages import Install, InstallReport, Message
from elect.core.messages import Batch, Entry, Grant, Knowledge, Number, Resign, Vote
from elect.core.options import Durable, ElectorOptions, Timing
from elect.core.ready import Ballot, Meeting, Ready, Send, Write
from elect.core.rules import campaigning, following, membership, voting
from elect.core.state.node_state import DEFAULT_ELECTION
from elect.testing.explore.made_configurations import CHANGES, Decision, faults
from elect.testing.explore.renaming import note_configuration
from elect.testing.world.lease_record import LeaseRecord

ELECTION = DEFAULT_ELECTION

MOMENT_NS = 1_000_000_000
"""The time between two moments. The core depends only on the ratio of the durations below."""


class MomentTiming(Timing):
    """A timing in which a turn lasts from one moment to the next, so that campaigns and held Votes outlive one."""

    @property
    def turn_ns(self) -> int:
        """Return the time between two moments."""
        return MOMENT_NS


TIMING = MomentTiming(heartbeat_interval_ns=MOMENT_NS, support_duration_ns=2 * MOMENT_NS, drift_ppm=0)
"""The shortest durations that differ, on clocks without drift: counted support and promise end at the same instant."""


class _Fixed(Random):
    """A generator that always returns 0: the search decides in its place."""

    def randrange(self, start: int, stop: int | None = None, step: int = 1) -> int:  # noqa: ARG002
        return 0

    def __reduce__(self) -> tuple[type["_Fixed"], tuple[()]]:
        return _Fixed, ()


class Driven(Elector):
    """An Elector that campaigns on command only, whenever the rules of safety allow it."""

    def campaign(self, now: int) -> Ready | None:
        """Begin a campaign; return None if a rule forbids it."""
        self._begin(now)
        election = self.state.elections[ELECTION]
        vote = Vote(election=ELECTION, term=campaigning.next_term(self.state, election), offset=self.state.offset)
        own = voting.refusal(self.state, election, self.state.id, vote, self.state.configuration.id)
        if own is not None or not election.is_vacant:
            return None
        campaigning.begin(self.state, election)
        return self._finish()

    def abandon(self, now: int) -> Ready | None:
        """Abandon the campaign, as after its two intervals; return None without one."""
        self._begin(now)
        election = self.state.elections[ELECTION]
        if election.campaign is None:
            return None
        campaigning.abandon(self.state, election, "timed_out")
        return self._finish()

    def change(self, now: int, kind: str, member: str) -> Ready | None:
        """Ask for a change of the members; return None if a rule forbids it."""
        change, peer = CHANGES[kind](node_id=member), self.state.support.peers.get(member)
        if isinstance(change, PromoteMember) and peer is not None:
            # When it is ready the search decides: the wait for that only keeps elections undisturbed.
            peer.membership.ready_since = now - membership.READY_INTERVALS * self.state.timing.heartbeat_interval_ns
        try:
            return self.change_members(now, change)
        except ChangeRefused:
            return None

    @property
    def due_at(self) -> int:
        """When the node has something to do without an input (ns): heartbeats, or the next change."""
        return min(self._heartbeat_at, self.state.membership.due_at)

    def lower(self, now: int) -> Ready | None:
        """Write what a restart may follow, as once an interval; return None if that is on disk."""
        self._begin(now)
        if not self.state.index.lowerable:
            return None
        following.lower_votes(self.state)
        return self._finish()


@dataclass(slots=True)
class NodeOutput:
    """The effects of one input to a node that other nodes and the checks see.

    Attributes:
        sends: messages that left, with peer and link.
        stored: ballots that reached the disk.
        granted: votes that the node gave: term and candidate.
        elected: terms in which the node was elected.
        decided: configurations that the node decided for.
        configured: configurations that reached the disk, each with the highest term on the disk then.
        dismissed: peers that count no more.
        faults: promises that the node broke alone, each with the detail.
        events: the events for its application.
    """

    sends: list[Send] = field(default_factory=list)
    stored: list[Ballot] = field(default_factory=list)
    granted: list[tuple[int, str]] = field(default_factory=list)
    elected: list[int] = field(default_factory=list)
    decided: list[Decision] = field(default_factory=list)
    configured: list[tuple[Configuration, int]] = field(default_factory=list)
    dismissed: list[str] = field(default_factory=list)
    faults: list[tuple[str, str]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)


class ExploredNode:
    """A node that gets one input at a time.

    Attributes:
        ballots: the votes on its disk.
        meetings: the peers' lines on its disk.
        configuration: on its disk.
        unkept: configurations whose write failed: the next write has them, too.
        decided: the configuration for which it has decided.
        writes: begun and not ended, each with the messages that wait for it.
        dialed: number of links that this process dialed to each peer.
        sessions: number of sessions that it opened for each peer. Only numbers for one peer are compared, so each peer
            has its own count: the same inputs in another order then lead to equal nodes.
        table: its published leases.
    """

    __slots__ = (
        "ballots",
        "configuration",
        "decided",
        "dialed",
        "elector",
        "incarnation",
        "meetings",
        "node_id",
        "sessions",
        "table",
        "unkept",
        "writes",
    )

    def __init__(self, node_id: str, voters: Iterable[str], now: int) -> None:
        self.node_id = node_id
        self.incarnation = 0
        self.ballots: dict[str, Ballot] = {}
        self.meetings: dict[str, Meeting] = {}
        self.configuration = Configuration.initial(voters)
        note_configuration(self.configuration)
        self._start(now, promise_ns=0)

    def _start(self, now: int, promise_ns: int) -> None:
        self.incarnation += 1
        durable = Durable(
            incarnation=self.incarnation,
            promise_ns=promise_ns,
            ballots=dict(self.ballots),
            meetings=dict(self.meetings),
        )
        options = ElectorOptions(
            node_id=self.node_id, configuration=self.configuration, timing=TIMING, grace_ns=TIMING.support_duration_ns
        )
        self.elector = Driven(options=options, durable=durable, rng=_Fixed(), now=now)
        self.elector.set_paused(now, is_paused=True)
        self.elector.enter(now, ELECTION)
        self.writes: list[tuple[Write, tuple[Send, ...]]] = []
        self.dialed: dict[str, int] = {}
        self.sessions: dict[str, int] = {}
        self.unkept: tuple[Configuration, ...] = ()
        self.decided = self.configuration
        self.table = LeaseRecord()

    # Inputs. Each returns its output, or None if it is not possible now.

    def receive(self, now: int, peer: str, link: Number, message: Message) -> NodeOutput:
        """Receive a message on a link of a peer."""
        support = self.elector.state.support
        support._sessions = self.sessions.get(peer, 0)  # noqa: SLF001 (see the class)
        output = self._apply(self.elector.receive(now, peer, link, message), received=message)
        self.sessions[peer] = support._sessions  # noqa: SLF001
        return output

    def ended(self, now: int, peer: str, link: Number, is_end_of_stream: bool) -> NodeOutput:
        """Receive the end of a link."""
        return self._apply(self.elector.link_ended(now, peer, link, is_end_of_stream))

    def accepted(self, now: int, peer: str, link: Number) -> NodeOutput:
        """Accept a link that a peer dialed."""
        return self._apply(self.elector.link_accepted(now, peer, link, is_trusted=True))

    def opened(self, now: int, peer: str, link: Number) -> NodeOutput:
        """Note that a peer accepted a link of this node."""
        self.dialed[peer] = link.counter
        return self._apply(self.elector.link_opened(now, peer, link))

    def closing(self, now: int, peer: str, link: Number) -> NodeOutput:
        """Prepare to close a link of this node."""
        return self._apply(self.elector.link_closing(now, peer, link))

    def refused(self, now: int, peer: str) -> NodeOutput:
        """Note that a peer refused to be dialed: this node is no member there."""
        return self._apply(self.elector.dial_refused(now, peer, Objection.UNKNOWN_NODE))

    def change(self, now: int, kind: str, member: str) -> NodeOutput | None:
        """Ask for a change of the members: its kind is demote, remove or promote."""
        ready = self.elector.change(now, kind, member)
        return None if ready is None else self._apply(ready)

    def alone(self, now: int, kind: str) -> NodeOutput | None:
        """Perform a step that needs no other node: its kind is one of the words below."""
        elector, leadership = self.elector, self.elector.state.elections[ELECTION].leadership
        ready: Ready | None = None
        match kind:
            case "tick":
                ready = elector.tick(now)
            case "campaign":
                ready = elector.campaign(now)
            case "abandon":
                ready = elector.abandon(now)
            case "lower":
                ready = elector.lower(now)
            case "resign" if leadership is not None and leadership.resigning is None:
                ready = elector.resign(now, ELECTION)
            case "acknowledge" if leadership is not None and leadership.resigning is not None:
                ready = elector.acknowledge(now, ELECTION, leadership.term)
            case "write" if self.writes:
                return self._end_write(now)
            case "fail" if self.writes:
                write, _ = self.writes.pop(0)
                self.unkept += () if write.configuration is None else (write.configuration,)
                ready = elector.write_failed(now, write.number)
        return None if ready is None else self._apply(ready)

    def _end_write(self, now: int) -> NodeOutput:
        """Send what waited for a write before what follows from it, as the orchestrator does."""
        output = NodeOutput()
        write, held = self.writes.pop(0)
        self._store(write, output)
        for send in held:
            self._send(send, output)
        return self._apply(self.elector.written(now, write.number), output)

    def crash(self, now: int, written: int) -> NodeOutput | None:
        """Kill the process with its first `written` writes on disk, and start it again at once."""
        if written > len(self.writes):
            return None
        output = NodeOutput()
        for write, _ in self.writes[:written]:
            self._store(write, output)
        self._start(now, promise_ns=TIMING.support_duration_ns)
        return output

    # Effects.

    def _store(self, write: Write, output: NodeOutput) -> None:
        self.meetings.update(write.meetings)
        for name, ballot in write.ballots.items():
            before = self.ballots.get(name, ballot)
            if ballot.term < before.term:
                output.faults.append(("durable terms never fall", f"{before} becomes {ballot}"))
            if ballot.term == before.term and before.voted_for not in (None, ballot.voted_for):
                output.faults.append(("one vote a term", f"{before} becomes {ballot}"))
            self.ballots[name] = ballot
            output.stored.append(ballot)
        configurations = (*self.unkept, write.configuration)
        self.unkept = ()
        for configuration in configurations:
            if configuration is not None:
                self.configuration = configuration
                term = max([ballot.term for ballot in self.ballots.values()], default=0)
                output.configured.append((configuration, term))

    def _apply(self, ready: Ready, output: NodeOutput | None = None, received: Message | None = None) -> NodeOutput:
        output = output or NodeOutput()
        if ready.write is not None:
            self.writes.append((ready.write, ready.send_when_written))
            if ready.write.configuration is not None:
                self._decide(ready.write.configuration, received, output)
        self.table.publish(ready.leases, ready.counted)
        for send in ready.send:
            self._send(send, output)
        output.events += ready.events
        for event in ready.events:
            if isinstance(event, RoleChanged) and event.role is Role.LEADER:
                output.elected.append(event.term)
            elif isinstance(event, Voted) and event.answer == "granted":
                output.granted.append((event.term, event.candidate))
            elif isinstance(event, PeerDismissed):
                output.dismissed.append(event.peer)
        check(self.elector.state)
        return output

    def _decide(self, after: Configuration, received: Message | None, output: NodeOutput) -> None:
        """Check a configuration before the leases of the step are published, as it is handed to the disk first."""
        note_configuration(after)
        claim, now = self.table.claims.get(ELECTION), self.elector.state.now
        counted = [peer for peer, until in self.table.counted.items() if until > now]
        following = frozenset() if claim is None else claim.followers & frozenset(counted)
        is_sent = isinstance(received, Install) and received.configuration == after
        decision = Decision(before=self.decided, after=after, following=following, is_made=not is_sent)
        self.decided = after
        output.decided.append(decision)
        term, is_leased = 0 if claim is None else claim.term, self.table.until(ELECTION) > now
        output.faults += faults(decision, self.node_id, term, is_leased=is_leased)

    def _send(self, send: Send, output: NodeOutput) -> None:
        peer = self.elector.state.support.peers.get(send.peer)
        if peer is None or peer.opened != send.link or isinstance(send.message, Knowledge):
            return
        output.sends.append(send)
        if (isinstance(send.message, Install) and send.message.configuration != self.configuration) or (
            isinstance(send.message, InstallReport) and send.message.configuration != self.configuration.id
        ):
            output.faults.append(("configurations are durable", f"sends {send.message}, has {self.configuration}"))
        for entry in send.message.entries if isinstance(send.message, Batch) else ():
            self._check_entry(entry, send.peer, output)

    def _check_entry(self, entry: Entry, peer: str, output: NodeOutput) -> None:
        if isinstance(entry, Grant) and self.ballots.get(ELECTION) != Ballot(term=entry.term, voted_for=peer):
            output.faults.append(("grants are durable", f"sends {peer} {entry}, its disk has {self.ballots}"))
        elif isinstance(entry, Resign):
            claim = self.table.claims.get(ELECTION)
            if claim is not None and claim.term == entry.term:
                output.faults.append(("resigned is given up", f"sends {entry} and holds {claim}"))
