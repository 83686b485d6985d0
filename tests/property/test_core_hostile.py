"""One Elector among peers that lie: for any messages in any order it neither fails nor contradicts itself."""

import dataclasses
import typing
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from elect.core import invariants
from elect.core.configuration import Configuration
from elect.core.elector import Elector
from elect.core.events import Elected, Lost
from elect.core.messages import (
    DURATION_NS_MAX,
    INTEGER_MAX,
    OFFSET_MAX,
    PRIORITY_MAX,
    TERM_MAX,
    Ack,
    Batch,
    ConfigurationId,
    Entry,
    Follow,
    Grant,
    Heartbeat,
    Knowledge,
    Known,
    Lead,
    Number,
    RefusalReason,
    Resign,
    Standing,
    Vote,
)
from elect.core.options import Durable, ElectorOptions, OffsetRule
from elect.core.ready import Ballot, Meeting, Ready, Send, Write
from tests.corpus.messages import LINK

pytestmark = pytest.mark.long

MS = 1_000_000
DURATION = 1_000 * MS
VOTERS = "abc"
SELF = "b"
FRAME_BYTES_MAX = 65_536
CONFIGURATION = Configuration.initial(VOTERS)
SPINS_MAX = 3


def honest_or_not(*values, maximum):
    """Small numbers, the ends of what a field may hold, and what a codec carries beyond them."""
    ends = (0, 1, maximum - 1, maximum, maximum + 1, -1, INTEGER_MAX)
    return st.sampled_from((*values, *range(1, 7))) | st.sampled_from(ends)


def built(kind, **own):
    """Every value of a kind that its own checks let through; of the fields that aren't given, what FIELDS says."""
    names = [field.name for field in dataclasses.fields(kind)]

    def build(values):
        try:
            return kind(**values)
        except ValueError:
            return None

    values = st.fixed_dictionaries({name: own[name] if name in own else FIELDS[name] for name in names})
    return values.map(build).filter(lambda value: value is not None)


def some(elements, **bounds):
    return st.lists(elements, **bounds, max_size=4).map(tuple)


peers = st.sampled_from("ac")
elections = st.sampled_from(("default", "default", "x", "y", "z" * 64))
terms = honest_or_not(maximum=TERM_MAX)
integers = honest_or_not(maximum=INTEGER_MAX)
ids = st.sampled_from(("a", "b", "c", "zebra", "", "n" * 64, "n" * 300, "é"))
FIELDS = {
    **dict.fromkeys(("term", "own_term"), terms),
    **dict.fromkeys(("incarnation", "counter", "version", "sent", "said", "heard", "number"), integers),
    **dict.fromkeys(("leader", "successor"), st.none() | ids),
    **dict.fromkeys(("willing", "is_to_lead", "whole", "busy", "stands"), st.booleans()),
    "election": elections,
    "offset": honest_or_not(maximum=OFFSET_MAX),
    "priority": honest_or_not(maximum=PRIORITY_MAX),
    "duration": honest_or_not(DURATION, maximum=DURATION_NS_MAX),
    "digest": st.sampled_from((b"8" * 8, b"")),
    "reason": st.sampled_from(RefusalReason),
    "supports": some(ids),
}
"""The values of fields of these names, in every message; a new name has to be added."""
numbers = FIELDS["link"] = FIELDS["session"] = built(Number)
FIELDS["ack"] = st.none() | built(Ack)
FIELDS["standing"] = built(Standing)
FIELDS["configuration"] = st.just(CONFIGURATION.id) | built(ConfigurationId)
entries = st.one_of(*map(built, typing.get_args(Entry)))
messages = st.one_of(
    built(Heartbeat), built(Batch, entries=some(entries, min_size=1)), built(Knowledge, entries=some(built(Known)))
)


class Hostile(RuleBasedStateMachine):
    """Node `b`, its disk, and a shell that carries every Ready out; the peers `a` and `c` say anything."""

    def __init__(self):
        super().__init__()
        self.now = 1_000 * MS
        self.incarnation = 0
        self.links = 0
        self.disk: dict[str, Ballot] = {}
        self.meetings: dict[str, Meeting] = {}
        self.promise_ns = 0
        self.grants: dict[tuple[str, int], str] = {}

    @initialize(rule_name=st.sampled_from(OffsetRule), is_connected=st.booleans())
    def boot(self, rule_name, is_connected):
        self.offset_rule = rule_name
        self.start(is_connected=is_connected)

    def start(self, *, is_connected: bool):
        self.incarnation += 1
        durable = Durable(
            incarnation=self.incarnation,
            promise_ns=self.promise_ns,
            ballots=dict(self.disk),
            meetings=dict(self.meetings),
        )
        self.promise_ns = max(self.promise_ns, DURATION)
        options = ElectorOptions(
            node_id=SELF,
            configuration=CONFIGURATION,
            offset_rule=self.offset_rule,
            grace_ns=200 * MS,
            failback_ns=200 * MS,
            is_default_failed_back=True,
        )
        self.elector = Elector(options=options, durable=durable, rng=Random(1), now=self.now)
        self.pending: list[tuple[Write, tuple[Send, ...]]] = []
        self.told: dict[str, int] = {}
        self.decided = dict(self.grants)
        for election in ("default", "x"):
            self.apply(self.elector.enter(self.now, election))
        for peer in "ac" if is_connected else "":
            self.connect_to(peer)
            self.hear_heartbeat(peer, supports="b", willing=False)

    # The shell.

    def apply(self, ready: Ready) -> Ready:
        invariants.check(self.elector.state)
        if ready.write is not None:
            self.pending.append((ready.write, ready.send_when_written))
        else:
            assert not ready.send_when_written, "only a write can be waited for"
        for send in ready.send:
            self.transmit(send)
        for send in ready.send_when_written:
            self.note_grants(send)
        for event in ready.events:
            self.tell(event)
        self.ready = ready
        return ready

    def note_grants(self, send: Send) -> None:
        """Decided grants count: what was decided is not rolled back, unless this process forgets it."""
        for entry in send.message.entries if isinstance(send.message, Batch) else ():
            if isinstance(entry, Grant):
                key = (entry.election, entry.term)
                assert self.decided.setdefault(key, send.peer) == send.peer, "one grant a term"

    def transmit(self, send: Send) -> None:
        self.note_grants(send)
        frame = LINK.encode(send.message)
        assert len(frame) <= FRAME_BYTES_MAX
        assert LINK.decode(frame) == send.message
        for entry in send.message.entries if isinstance(send.message, Batch) else ():
            stored = self.disk.get(entry.election, Ballot(term=0, voted_for=None))
            if isinstance(entry, Grant):
                assert stored.term >= entry.term, "a grant is on disk before it leaves"
                self.grants[entry.election, entry.term] = send.peer
            elif isinstance(entry, Follow):
                assert stored.term >= entry.term, "a followed term is on disk before Follow leaves"

    def tell(self, event) -> None:
        match event:
            case Elected():
                assert self.told.setdefault(event.election, event.term) == event.term, "elected and lost alternate"
            case Lost():
                assert self.told.pop(event.election) == event.term, "elected and lost alternate"

    def pass_time(self, by: int) -> int:
        self.now += by
        return self.now

    @invariant()
    def time_never_falls(self):
        before = self.elector.state.now
        self.apply(self.elector.tick(self.now - DURATION))
        assert self.elector.state.now >= before

    @invariant()
    def it_rests(self):
        for _ in range(SPINS_MAX):
            if self.ready.wake_at > self.now:
                return
            self.apply(self.elector.tick(self.now))
        assert self.ready.wake_at > self.now, "a node that is due at once for ever hangs its shell"

    @invariant()
    def what_peers_know_is_bounded(self):
        for peer in self.elector.state.support.peers.values():
            assert peer.reports.keys() <= self.elector.state.elections.keys()
            assert peer.resigns.keys() | peer.abandons.keys() <= self.elector.state.elections.keys()

    # The rules of the peers.

    @rule(peer=peers, by=st.sampled_from((0, MS, 50 * MS)), message=messages)
    def hear(self, peer, by, message):
        self.apply(self.elector.receive(self.pass_time(by), peer, self.link(peer), message))

    @rule(peer=peers, supports=st.sampled_from(("b", "ac", "ab", "bc", "")), willing=st.booleans())
    def hear_a_good_heartbeat(self, peer, supports, willing):
        self.hear_heartbeat(peer, supports, willing)

    def hear_heartbeat(self, peer, supports, willing):
        other = self.elector.state.support.peers[peer]
        self.pass_time(MS)
        ack = None
        if other.opened is not None:
            ack = Ack(link=other.opened, session=Number(1, self.links), sent=other.sent_latest, duration=DURATION)
        beat = Heartbeat(
            sent=self.now,
            duration=DURATION,
            ack=ack,
            supports=tuple(supports),
            standing=Standing(willing=willing),
            configuration=CONFIGURATION.id,
        )
        self.apply(self.elector.receive(self.now, peer, self.link(peer), beat))

    @rule(peer=peers, is_vote=st.booleans(), rise=st.integers(0, 1))
    def hear_what_fits(self, peer, is_vote, rise):
        """A grant of the term asked for, a follow in the session counted, or a vote or a lead at the edge."""
        self.hear_fitting(peer, is_vote=is_vote, rise=rise)

    def hear_fitting(self, peer, *, is_vote, rise):
        other, election = self.elector.state.support.peers[peer], self.elector.state.elections["default"]
        term = max(1, min(election.term + rise, TERM_MAX))
        said = Vote(election="default", term=term, offset=0) if is_vote else Lead(election="default", term=term)
        if election.campaign is not None:
            said = Grant(
                election="default",
                term=election.campaign.term,
                session=other.counted_session,
                link=other.opened or Number(1, 1),
            )
        if election.leadership is not None and other.counted_session is not None:
            said = Follow(election="default", term=election.leadership.term, session=other.counted_session)
        self.hear_entry(peer, said)

    @rule(peer=peers, term=st.sampled_from((TERM_MAX - 1, TERM_MAX)))
    def hear_of_the_last_terms(self, peer, term):
        self.hear_entry(peer, Resign(election="x", term=term))

    def hear_entry(self, peer, entry):
        batch = Batch(configuration=CONFIGURATION.id, entries=(entry,))
        self.apply(self.elector.receive(self.now, peer, self.link(peer), batch))

    def link(self, peer):
        return self.elector.state.support.peers[peer].accepted or Number(1, 1)

    @rule(steps=st.integers(1, 3))
    def go_well(self, steps):
        """A stretch without lies, in which this node is elected or stays it."""
        for _ in range(steps):
            for peer in "ac":
                if self.elector.state.support.peers[peer].opened is None:
                    self.connect_to(peer)
                self.hear_heartbeat(peer, supports="abc", willing=False)
            self.apply(self.elector.tick(self.pass_time(100 * MS)))
            self.write()
            self.hear_fitting("a", is_vote=False, rise=1)

    @rule(peer=st.sampled_from(("a", "a", "c", "c", "stranger")), number=numbers, is_trusted=st.booleans())
    def accept_any(self, peer, number, is_trusted):
        self.apply(self.elector.link_accepted(self.now, peer, number, is_trusted))

    @rule(peer=peers)
    def connect(self, peer):
        self.connect_to(peer)

    def connect_to(self, peer):
        self.links += 1
        self.apply(self.elector.link_accepted(self.now, peer, Number(1, self.links), is_trusted=True))
        self.apply(self.elector.link_opened(self.now, peer, Number(self.incarnation, self.links)))

    @rule(peer=peers, is_end_of_stream=st.booleans())
    def end(self, peer, is_end_of_stream):
        self.apply(self.elector.link_ended(self.now, peer, self.link(peer), is_end_of_stream))

    @rule(peer=peers)
    def close(self, peer):
        link = self.elector.state.support.peers[peer].opened or Number(1, 1)
        self.apply(self.elector.link_closing(self.now, peer, link))

    # The rules of the node's own side.

    @rule(by=st.sampled_from((1, 50 * MS, 100 * MS, 201 * MS, DURATION, 2 * DURATION)))
    def wait(self, by):
        self.apply(self.elector.tick(self.pass_time(by)))

    @rule()
    def wake(self):
        self.apply(self.elector.tick(self.pass_time(max(0, self.ready.wake_at - self.now))))

    @rule()
    def write_one(self):
        self.write()

    def write(self):
        if self.pending:
            write, held = self.pending.pop(0)
            self.disk.update(write.ballots)
            self.meetings.update(write.meetings)
            self.promise_ns = max(self.promise_ns, write.promise_ns or 0)
            for send in held:
                self.transmit(send)
            self.apply(self.elector.written(self.now, write.number))

    @rule()
    def fail_to_write(self):
        if self.pending:
            write, _ = self.pending.pop(0)
            self.apply(self.elector.write_failed(self.now, write.number))

    @rule(is_connected=st.booleans())
    def restart(self, is_connected):
        self.start(is_connected=is_connected)

    @rule(data=st.data(), election=elections)
    def be_told(self, data, election):
        """Run any call that the application may make."""
        elector, now = self.elector, self.now
        found = elector.state.elections.get(election)
        flag = data.draw(st.booleans())
        acts = {
            "enter": lambda: elector.enter(now, election),
            "leave": lambda: elector.leave(now, election),
            "resign": lambda: elector.resign(now, election, to=data.draw(st.sampled_from("abc"))),
            "acknowledge": lambda: elector.acknowledge(now, election, 1 if found is None else found.term),
            "set_paused": lambda: elector.set_paused(now, flag),
            "set_healthy": lambda: elector.set_healthy(now, not flag),
            "set_storing": lambda: elector.set_storing(now, not flag),
            "set_priority": lambda: elector.set_rank(now, priority=2 - 2 * flag),
            "set_offset": lambda: elector.set_rank(now, offset=2 * flag),
        }
        self.apply(acts[data.draw(st.sampled_from(sorted(acts)))]())

    def teardown(self):
        if hasattr(self, "elector"):
            self.elector.snapshot(self.now)


TestHostile = Hostile.TestCase
TestHostile.settings = settings(max_examples=200, stateful_step_count=50, deadline=None, derandomize=True)
