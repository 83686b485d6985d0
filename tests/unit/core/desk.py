"""One Elector under test: the test plays every peer, and checks the output."""

from dataclasses import dataclass, field
from random import Random

from elect.core import invariants
from elect.core.configuration import Configuration
from elect.core.elector import Elector
from elect.core.events import Event
from elect.core.membership_messages import Message
from elect.core.messages import (
    Ack,
    Batch,
    Entry,
    Follow,
    Grant,
    Heartbeat,
    Knowledge,
    Known,
    Lead,
    Number,
    Standing,
    Vote,
)
from elect.core.options import Durable, ElectorOptions, OffsetRule, Timing
from elect.core.ready import Ballot, Meeting, Ready, Write

MS = 1_000_000
START = 1_000 * MS
INTERVAL = 200 * MS
TURN = 100 * MS
DURATION = 1_000 * MS
PROMISED = 1_010 * MS
COUNTED = 990 * MS


@dataclass
class Desk:
    """Node `b` of `a`, `b`, `c`, unless told otherwise; each input is checked and remembered."""

    node_id: str = "b"
    voters: str = "abc"
    ballots: dict[str, Ballot] = field(default_factory=dict)
    promise_ns: int = 0
    meetings: dict[str, Meeting] = field(default_factory=dict)
    standing: Standing = field(default_factory=Standing)
    offset_rule: OffsetRule = OffsetRule.PREFER
    elections: tuple[str, ...] = ("default",)
    grace_ns: int = 500 * MS
    members: Configuration | None = None
    store_id: bytes | None = None
    learner_lag_max: int | None = None

    def __post_init__(self) -> None:
        self.now = START
        self.configuration = self.members or Configuration.initial(self.voters)
        options = ElectorOptions(
            node_id=self.node_id,
            configuration=self.configuration,
            timing=Timing(),
            rank=self.standing,
            offset_rule=self.offset_rule,
            grace_ns=self.grace_ns,
            learner_lag_max=self.learner_lag_max,
        )
        durable = Durable(
            incarnation=7,
            promise_ns=self.promise_ns,
            ballots=self.ballots,
            meetings=self.meetings,
            store_id=self.store_id,
        )
        self.elector = Elector(options=options, durable=durable, rng=Random(1), now=self.now)
        self.links = dict.fromkeys(self.voters, 0)
        self.sessions = dict.fromkeys(self.voters, 0)
        self.latest = Ready(wake_at=0)
        self.pending: list[Write] = []
        for election in self.elections:
            self.take(self.elector.enter(self.now, election))

    # Inputs.

    def take(self, ready: Ready) -> Ready:
        invariants.check(self.elector.state)
        self.latest = ready
        if ready.write is not None:
            self.pending.append(ready.write)
        return ready

    def tick(self, after: int = 0) -> Ready:
        self.now += after
        return self.take(self.elector.tick(self.now))

    def connect(self, *peers: str, is_trusted: bool = True) -> None:
        """A new pair of links to each of these peers, whose lines are on disk."""
        for peer in peers:
            self.links[peer] += 1
            number = Number(1, self.links[peer])
            self.take(self.elector.link_accepted(self.now, peer, number, is_trusted))
            if self.latest.write is not None:
                self.take(self.elector.written(self.now, self.pending.pop().number))
            self.take(self.elector.link_opened(self.now, peer, Number(7, self.links[peer])))
            self.sessions[peer] += 1

    def lose(self, peer: str) -> Ready:
        """The peer's link to this node ends, and its session with it."""
        number = Number(1, self.links[peer])
        return self.take(self.elector.link_ended(self.now, peer, number, is_end_of_stream=True))

    def receive(self, peer: str, message: Message, link: int | None = None) -> Ready:
        number = Number(1, self.links[peer] if link is None else link)
        return self.take(self.elector.receive(self.now, peer, number, message))

    def say(self, peer: str, *entries: Entry) -> Ready:
        return self.receive(peer, Batch(configuration=self.configuration.id, entries=entries))

    def know(self, peer: str, leader: str | None, *, term: int = 1, number: int = 1, incarnation: int = 1) -> Ready:
        known = Known(election="default", term=term, leader=leader, incarnation=incarnation)
        return self.receive(peer, Knowledge(number=number, whole=False, entries=(known,)))

    def beat(self, peer: str, *, supports: str = "", acks: bool = True, standing: Standing | None = None) -> Ready:
        """A heartbeat of a peer's, one millisecond later; it acks our latest unless told not to."""
        self.now += MS
        ack = self.ack(peer) if acks else None
        return self.receive(peer, self.heartbeat(supports=supports, ack=ack, standing=standing))

    def heartbeat(
        self, *, supports: str = "", ack: Ack | None = None, standing: Standing | None = None, duration: int = DURATION
    ) -> Heartbeat:
        return Heartbeat(
            sent=self.now,
            duration=duration,
            ack=ack,
            supports=tuple(supports),
            standing=standing or Standing(),
            configuration=self.configuration.id,
        )

    def ack(self, peer: str, sent: int | None = None) -> Ack:
        stamp = self.elector.state.support.peers[peer].sent_latest if sent is None else sent
        session = Number(1, self.sessions[peer])
        return Ack(link=Number(7, self.links[peer]), session=session, sent=stamp, duration=DURATION)

    def written(self) -> Ready:
        """Everything decided so far is on disk."""
        while self.pending:
            self.take(self.elector.written(self.now, self.pending.pop(0).number))
        return self.latest

    def failed(self) -> Ready:
        """Nothing of what was decided and not yet written will be on disk."""
        while self.pending:
            self.take(self.elector.write_failed(self.now, self.pending.pop(0).number))
        return self.latest

    # Whole situations.

    def supported(self) -> "Desk":
        """All are connected and support each other; the peers are unwilling, so this node campaigns at once."""
        peers = [peer for peer in self.voters if peer != self.node_id]
        self.connect(*peers)
        for peer in peers:
            self.beat(peer, supports="", acks=False, standing=Standing(willing=False))
        self.tick(INTERVAL)
        for peer in peers:
            self.beat(peer, supports=self.voters.replace(peer, ""), standing=Standing(willing=False))
        return self

    def elected(self) -> "Desk":
        """This node leads `default` on a lease: it campaigned alone, and everybody granted and followed."""
        self.supported()
        term = self.election.term
        self.written()
        for peer in self.peers:
            self.say(peer, self.grant(peer, term))
        for peer in self.peers:
            self.follow(peer, term)
        assert self.election.leading.is_told
        return self

    def grant(self, peer: str, term: int, *, election: str = "default", follows: bool = False) -> Grant:
        """The vote of a peer that supports this node in a session, or in none."""
        session = Number(1, self.sessions[peer]) if follows else None
        return Grant(election=election, term=term, session=session, link=Number(7, self.links[peer]))

    def given(self, peer: str, term: int) -> Grant:
        """The vote that this node gives a peer now."""
        session = self.elector.state.support.peers[peer].session
        return Grant(election="default", term=term, session=session, link=Number(1, self.links[peer]))

    def follow(self, peer: str, term: int) -> Ready:
        return self.say(peer, Follow(election="default", term=term, session=Number(1, self.sessions[peer])))

    def following(self, leader: str, term: int) -> "Desk":
        """This node is bound to a leader."""
        self.supported_unwilling()
        self.say(leader, Lead(election="default", term=term))
        assert self.election.following is not None
        return self

    def supported_unwilling(self) -> "Desk":
        """As `supported`, but this node does not campaign."""
        self.take(self.elector.set_paused(self.now, is_paused=True))
        return self.supported()

    # Looks.

    @property
    def peers(self) -> list[str]:
        return [peer for peer in self.voters if peer != self.node_id]

    @property
    def election(self):
        return self.elector.state.elections["default"]

    def entries(self, peer: str, ready: Ready | None = None) -> list[Entry]:
        """Return the entries that the latest Ready sends a peer at once."""
        sends = (ready or self.latest).send
        return [e for s in sends if s.peer == peer and isinstance(s.message, Batch) for e in s.message.entries]

    def held_back(self, peer: str) -> list[Entry]:
        """Return the entries that the latest Ready sends a peer once the ballots are on disk."""
        sends = self.latest.send_when_written
        return [e for s in sends if s.peer == peer and isinstance(s.message, Batch) for e in s.message.entries]

    def messages(self, peer: str, kind: type[Message]) -> list[Message]:
        return [s.message for s in self.latest.send if s.peer == peer and isinstance(s.message, kind)]

    def events(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.latest.events if isinstance(event, kind)]


def vote(term: int, offset: int = 0) -> Vote:
    return Vote(election="default", term=term, offset=offset)
