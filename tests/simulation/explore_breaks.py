"""Deliberate breaks of the protocol, one rule each, applied to the real code: what a search of small worlds finds."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from unittest.mock import PropertyMock, patch

from elect.core import campaign, following, heartbeats, leading, voting
from elect.core.election import Election
from elect.core.elector import Elector
from elect.core.messages import Ack, Entry, Heartbeat, RefusalReason, Resign
from elect.core.ready import Ready
from elect.core.state import State
from elect.core.support import Peer, Support
from elect.testing.explore import Bounds

LED = "3 nodes; campaign a; deliver a>b; write a; write b; deliver b>a; deliver a>b; deliver b>a"
"""`a` leads on `b`'s support alone."""

ELECTED_AGAIN = (
    f"{LED}; deliver a>c; write c; deliver c>a; deliver a>c; resign a; acknowledge a; deliver a>b; deliver b>a"
    "; deliver a>c; campaign a; deliver a>c; deliver a>b; write a; write c; write b; deliver b>a"
)
"""`a` led all, resigned, and is elected again; it has not read yet that `c` had followed."""


@contextmanager
def grants_before_the_disk() -> Iterator[None]:
    def send_at_once(self: State, election: Election, peer: Peer, entry: Entry) -> None:
        self.write(election)
        self.outcome.send(peer.id, entry)

    with patch.object(State, "send_durably", send_at_once):
        yield


@contextmanager
def own_vote_before_the_disk() -> Iterator[None]:
    begin = campaign.begin

    def begin_with_own_vote(state: State, election: Election) -> None:
        begin(state, election)
        assert election.campaign is not None
        campaign.take_grant(state, election, state.id, election.campaign.term)

    with patch.object(campaign, "begin", begin_with_own_vote):
        yield


@contextmanager
def two_votes_a_term() -> Iterator[None]:
    with patch.object(voting, "is_term_free", lambda election, candidate, term: term >= election.term):
        yield


@contextmanager
def failed_writes_rolled_back() -> Iterator[None]:
    fail = Elector.write_failed

    def roll_back(self: Elector, now: int, number: int) -> Ready:
        write = self._writes.get(number)
        for name in () if write is None else write.ballots:
            election = self.state.elections[name]
            election.ballot = election.durable
            election.base = min(election.base, election.durable.term)
        return fail(self, now, number)

    with patch.object(Elector, "write_failed", roll_back):
        yield


@contextmanager
def vote_while_bound() -> Iterator[None]:
    with patch.object(voting, "is_bound_elsewhere", lambda election, candidate: False):
        yield


@contextmanager
def base_ignored() -> Iterator[None]:
    refuse = following.refusal

    def without_base(election: Election, leader: str, term: int) -> RefusalReason | None:
        base, election.base = election.base, 0
        try:
            return refuse(election, leader, term)
        finally:
            election.base = base

    with patch.object(following, "refusal", without_base):
        yield


@contextmanager
def old_resign_lets_go() -> Iterator[None]:
    take = following.take_resign

    def let_go(state: State, election: Election, peer: Peer, resign: Resign) -> None:
        followed = election.following
        if followed is not None and followed.leader == peer.id:
            resign = replace(resign, term=max(resign.term, followed.term))
        take(state, election, peer, resign)

    with patch.object(following, "take_resign", let_go):
        yield


@contextmanager
def later_sessions_count() -> Iterator[None]:
    regroup = leading.regroup

    def with_later_sessions(state: State, election: Election) -> None:
        leadership = election.leadership
        for peer in state.other_voters if leadership is not None else ():
            if leadership is not None and peer.id in leadership.follows and peer.counted_session is not None:
                leadership.follows[peer.id] = peer.counted_session
        regroup(state, election)

    with patch.object(leading, "regroup", with_later_sessions):
        yield


@contextmanager
def no_boot_fence() -> Iterator[None]:
    with patch.object(State, "is_fenced", new_callable=PropertyMock, return_value=False):
        yield


@contextmanager
def late_acks_count() -> Iterator[None]:
    count = Support.count

    def of_any_link(self: Support, peer: Peer, ack: Ack) -> bool:
        return peer.opened is not None and count(self, peer, replace(ack, link=peer.opened))

    with patch.object(Support, "count", of_any_link):
        yield


@contextmanager
def resets_end_sessions() -> Iterator[None]:
    end = Support.end

    def ending(self: Support, peer: Peer, link: object, *, is_end_of_stream: bool) -> bool:
        return peer.accepted == link and end(self, peer, peer.accepted, is_end_of_stream=True)

    with patch.object(Support, "end", ending):
        yield


@contextmanager
def old_ends_of_streams_end_sessions() -> Iterator[None]:
    end = Support.end

    def ending(self: Support, peer: Peer, link: object, *, is_end_of_stream: bool) -> bool:
        return peer.accepted is not None and end(self, peer, peer.accepted, is_end_of_stream=is_end_of_stream)

    with patch.object(Support, "end", ending):
        yield


@contextmanager
def lease_from_receipt() -> Iterator[None]:
    count, take = Support.count, heartbeats._count

    def count_from_receipt(state: State, peer: Peer, heartbeat: Heartbeat) -> None:
        def counted(self: Support, peer: Peer, ack: Ack) -> bool:
            before = peer.counted_until
            is_other = count(self, peer, ack)
            if is_other or peer.counted_until != before:
                peer.counted_until = state.now + state.timing.counted_ns(ack.duration)
            return is_other

        with patch.object(Support, "count", counted):
            take(state, peer, heartbeat)

    with patch.object(heartbeats, "_count", count_from_receipt):
        yield


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """One rule taken out.

    Attributes:
        name: what is broken.
        apply: breaks it for as long as it is entered.
        bounds: within which it is found.
        steps_max: how many show it, those of `start` included; a new invariant may need fewer.
        start: where the search begins.
    """

    name: str
    apply: Callable[[], AbstractContextManager[None]]
    bounds: Bounds
    steps_max: int
    start: str | None = None


BREAKS = (
    Break(
        name="a Grant before its write",
        apply=grants_before_the_disk,
        bounds=Bounds(candidacies=1),
        steps_max=2,
    ),
    Break(
        name="the own vote before its write",
        apply=own_vote_before_the_disk,
        bounds=Bounds(candidacies=1),
        steps_max=4,
    ),
    Break(
        name="two votes in one term",
        apply=two_votes_a_term,
        bounds=Bounds(candidacies=2),
        steps_max=5,
    ),
    Break(
        name="a failed write is rolled back",
        apply=failed_writes_rolled_back,
        bounds=Bounds(candidacies=2, failures=1),
        steps_max=5,
    ),
    Break(
        name="a vote while bound",
        apply=vote_while_bound,
        bounds=Bounds(candidacies=2),
        steps_max=16,
    ),
    Break(
        name="`base` is ignored in following",
        apply=base_ignored,
        bounds=Bounds(candidacies=2),
        steps_max=16,
    ),
    Break(
        name="a later session counts without a new Follow",
        apply=later_sessions_count,
        bounds=Bounds(candidacies=1, closes=1),
        steps_max=21,
        start=LED,
    ),
    Break(
        name="no boot fence",
        apply=no_boot_fence,
        bounds=Bounds(crashes=1),
        steps_max=1,
    ),
    Break(
        name="a late ack counts after a redial",
        apply=late_acks_count,
        bounds=Bounds(closes=1, moments=1),
        steps_max=5,
    ),
    Break(
        name="a reset ends a session",
        apply=resets_end_sessions,
        bounds=Bounds(resets=1),
        steps_max=2,
    ),
    Break(
        name="an old end of stream ends a new session",
        apply=old_ends_of_streams_end_sessions,
        bounds=Bounds(closes=1),
        steps_max=6,
    ),
    Break(
        name="the lease is anchored at receipt",
        apply=lease_from_receipt,
        bounds=Bounds(moments=2),
        steps_max=5,
    ),
    Break(
        name="an old Resign lets go",
        apply=old_resign_lets_go,
        bounds=Bounds(candidacies=1),
        steps_max=36,
        start=ELECTED_AGAIN,
    ),
)
