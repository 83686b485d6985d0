"""One node of an explored world: the real Elector, its disk, and its published leases."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random

from elect.core.elector import Elector
from elect.core.events import Event, Role, RoleChanged
from elect.core.invariants import check
from elect.core.messages import Batch, Grant, Knowledge, Message, Number, Resign, Vote
from elect.core.options import Configuration, Durable, ElectorOptions, Timing
from elect.core.ready import Ballot, Meeting, Ready, Send, Write
from elect.core.rules import campaigning, following, voting
from elect.core.state.node_state import DEFAULT_ELECTION
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
        vote = Vote(election=ELECTION, term=campaigning.next_term(election), offset=self.state.offset)
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
        elected: terms in which the node was elected.
        faults: promises that the node broke alone, each with the detail.
        events: the events for its application.
    """

    sends: list[Send] = field(default_factory=list)
    stored: list[Ballot] = field(default_factory=list)
    elected: list[int] = field(default_factory=list)
    faults: list[tuple[str, str]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)


class ExploredNode:
    """A node that gets one input at a time.

    Attributes:
        ballots: the votes on its disk.
        meetings: the peers' lines on its disk.
        writes: begun and not ended, each with the messages that wait for it.
        dialed: number of links that this process dialed to each peer.
        sessions: number of sessions that it opened for each peer. Only numbers for one peer are compared, so each peer
            has its own count: the same inputs in another order then lead to equal nodes.
        table: its published leases.
    """

    __slots__ = ("ballots", "dialed", "elector", "incarnation", "meetings", "node_id", "sessions", "table", "writes")

    def __init__(self, node_id: str, voters: Iterable[str], now: int) -> None:
        self.node_id = node_id
        self.incarnation = 0
        self.ballots: dict[str, Ballot] = {}
        self.meetings: dict[str, Meeting] = {}
        self._start(Configuration.initial(voters), now, promise_ns=0)

    def _start(self, configuration: Configuration, now: int, promise_ns: int) -> None:
        self.incarnation += 1
        durable = Durable(
            incarnation=self.incarnation,
            promise_ns=promise_ns,
            ballots=dict(self.ballots),
            meetings=dict(self.meetings),
        )
        options = ElectorOptions(
            node_id=self.node_id, configuration=configuration, timing=TIMING, grace_ns=TIMING.support_duration_ns
        )
        self.elector = Driven(options=options, durable=durable, rng=_Fixed(), now=now)
        self.elector.set_paused(now, is_paused=True)
        self.elector.enter(now, ELECTION)
        self.writes: list[tuple[Write, tuple[Send, ...]]] = []
        self.dialed: dict[str, int] = {}
        self.sessions: dict[str, int] = {}
        self.table = LeaseRecord()

    # Inputs. Each returns its output, or None if it is not possible now.

    def receive(self, now: int, peer: str, link: Number, message: Message) -> NodeOutput:
        """Receive a message on a link of a peer."""
        support = self.elector.state.support
        support._sessions = self.sessions.get(peer, 0)  # noqa: SLF001 (see the class)
        output = self._apply(self.elector.receive(now, peer, link, message))
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
        self._start(self.elector.state.configuration, now, promise_ns=TIMING.support_duration_ns)
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

    def _apply(self, ready: Ready, output: NodeOutput | None = None) -> NodeOutput:
        output = output or NodeOutput()
        if ready.write is not None:
            self.writes.append((ready.write, ready.send_when_written))
        self.table.publish(ready.leases, ready.counted)
        for send in ready.send:
            self._send(send, output)
        output.events += ready.events
        for event in ready.events:
            if isinstance(event, RoleChanged) and event.role is Role.LEADER:
                output.elected.append(event.term)
        check(self.elector.state)
        return output

    def _send(self, send: Send, output: NodeOutput) -> None:
        if self.elector.state.support.peers[send.peer].opened != send.link or isinstance(send.message, Knowledge):
            return
        output.sends.append(send)
        for entry in send.message.entries if isinstance(send.message, Batch) else ():
            if isinstance(entry, Grant) and self.ballots.get(ELECTION) != Ballot(term=entry.term, voted_for=send.peer):
                output.faults.append(("grants are durable", f"sends {send.peer} {entry}, its disk has {self.ballots}"))
            elif isinstance(entry, Resign):
                claim = self.table.claims.get(ELECTION)
                if claim is not None and claim.term == entry.term:
                    output.faults.append(("resigned is given up", f"sends {entry} and holds {claim}"))
