"""Deliberate breaks of the protocol, one rule each, applied to the real code while a test runs.

`python -m tests.mutations.breaks` prints how many seeds each needed until a checker noticed.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from sys import stdout
from unittest.mock import PropertyMock, patch

from elect.core import campaign, heartbeats, voting
from elect.core.election import Election
from elect.core.messages import Ack, Entry, Heartbeat, Number
from elect.core.options import Timing
from elect.core.state import State
from elect.core.support import Peer, Support
from elect.testing.hostile import hostile
from elect.testing.simulation import Simulation
from elect.testing.violation import InvariantViolation

NODES = (3, 4, 5)
SECONDS = 60.0


@contextmanager
def no_boot_fence() -> Iterator[None]:
    """A node that restarted votes at once."""
    with patch.object(State, "is_fenced", new_callable=PropertyMock, return_value=False):
        yield


@contextmanager
def lease_from_receipt() -> Iterator[None]:
    """Counted support ends a duration after the ack came, not after the heartbeat left."""
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


@contextmanager
def vote_while_bound() -> Iterator[None]:
    """Following a leader in a live session does not keep a node from voting for another."""
    with patch.object(voting, "is_bound_elsewhere", lambda election, candidate: False):
        yield


@contextmanager
def sessions_without_links() -> Iterator[None]:
    """An ack counts whatever link it is for, as long as some link is open."""
    count = Support.count

    def counted(self: Support, peer: Peer, ack: Ack) -> bool:
        return peer.opened is not None and count(self, peer, replace(ack, link=peer.opened))

    with patch.object(Support, "count", counted):
        yield


@contextmanager
def grants_before_the_disk() -> Iterator[None]:
    """A Grant leaves before the vote is written."""

    def send_at_once(self: State, election: Election, peer: Peer, entry: Entry) -> None:
        self.write(election)
        self.outcome.send(peer.id, entry)

    with patch.object(State, "send_durably", send_at_once):
        yield


@contextmanager
def two_votes_a_term() -> Iterator[None]:
    """A vote in a term is given to whoever asks."""
    with patch.object(voting, "is_term_free", lambda election, candidate, term: term >= election.term):
        yield


@contextmanager
def half_is_a_quorum() -> Iterator[None]:
    """Half of the voters elect."""
    with patch.object(campaign, "is_quorum", lambda votes, voters: votes * 2 >= voters):
        yield


@contextmanager
def own_vote_before_the_disk() -> Iterator[None]:
    """A candidate counts its own vote before that is written."""
    begin = campaign.begin

    def begin_with_own_vote(state: State, election: Election) -> None:
        begin(state, election)
        assert election.campaign is not None
        campaign.take_grant(state, election, state.id, election.campaign.term)

    with patch.object(campaign, "begin", begin_with_own_vote):
        yield


@contextmanager
def every_close_is_trusted() -> Iterator[None]:
    """An end of stream that a proxy made ends a session."""
    accept = Support.accept

    def trusting(self: Support, peer: Peer, link: Number, *, is_trusted: bool) -> bool:
        return accept(self, peer, link, is_trusted=True)

    with patch.object(Support, "accept", trusting):
        yield


@contextmanager
def resets_end_sessions() -> Iterator[None]:
    """A reset proves as much as an end of stream."""
    end = Support.end

    def ending(self: Support, peer: Peer, link: Number, *, is_end_of_stream: bool) -> bool:
        return end(self, peer, link, is_end_of_stream=True)

    with patch.object(Support, "end", ending):
        yield


@contextmanager
def any_end_of_stream_ends_the_session() -> Iterator[None]:
    """The end of an old link's stream ends the session of the new one."""
    end = Support.end

    def ending(self: Support, peer: Peer, link: Number, *, is_end_of_stream: bool) -> bool:
        return end(self, peer, peer.accepted or link, is_end_of_stream=is_end_of_stream)

    with patch.object(Support, "end", ending):
        yield


@contextmanager
def clocks_are_perfect() -> Iterator[None]:
    """No allowance for drift."""
    with (
        patch.object(Timing, "promised_ns", lambda self, duration_ns: duration_ns),
        patch.object(Timing, "counted_ns", lambda self, duration_ns: duration_ns),
    ):
        yield


@contextmanager
def dead_sessions_are_revived() -> Iterator[None]:
    """A heartbeat after the end of a session opens it again under its old number."""
    promise, first = Support.promise, {}

    def promising(self: Support, now: int, peer: Peer, heartbeat: Heartbeat) -> bool:
        is_opened = promise(self, now, peer, heartbeat)
        if is_opened:
            peer.session = first.setdefault((self, peer.id, peer.accepted), peer.session)
        return is_opened

    with patch.object(Support, "promise", promising):
        yield


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """One rule taken out.

    Attributes:
        name: what is broken.
        apply: breaks it for as long as it is entered.
        seeds_max: within how many seeds it must be found.
    """

    name: str
    apply: Callable[[], AbstractContextManager[None]]
    seeds_max: int


BREAKS = (
    Break(name="the boot fence is gone", apply=no_boot_fence, seeds_max=20),
    Break(name="the lease is anchored at receipt", apply=lease_from_receipt, seeds_max=3),
    Break(name="a vote while bound", apply=vote_while_bound, seeds_max=150),
    Break(name="sessions are not tied to links", apply=sessions_without_links, seeds_max=20),
    Break(name="a Grant before its write", apply=grants_before_the_disk, seeds_max=3),
    Break(name="two votes in one term", apply=two_votes_a_term, seeds_max=3),
    Break(name="half of the voters elect", apply=half_is_a_quorum, seeds_max=20),
    Break(name="the own vote before its write", apply=own_vote_before_the_disk, seeds_max=20),
    Break(name="every close is trusted", apply=every_close_is_trusted, seeds_max=20),
    Break(name="a reset ends a session", apply=resets_end_sessions, seeds_max=20),
    Break(name="an old end of stream ends a new session", apply=any_end_of_stream_ends_the_session, seeds_max=30),
    Break(name="no allowance for drift", apply=clocks_are_perfect, seeds_max=3),
    Break(name="a session that ended is revived", apply=dead_sessions_are_revived, seeds_max=30),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Find:
    """The first seed that found a break."""

    seeds: int
    violation: InvariantViolation


def hunt(broken: Break) -> Find | None:
    """Run hostile worlds of the broken protocol until a checker notices."""
    with broken.apply():
        for seed in range(broken.seeds_max):
            simulation = Simulation(hostile(seed, NODES[seed % len(NODES)]))
            try:
                simulation.run(SECONDS)
                simulation.settle()
            except InvariantViolation as violation:
                return Find(seeds=seed + 1, violation=violation)
    return None


def main() -> int:
    """Print which seed found each break; 1 if one was not found."""
    finds = [(broken, hunt(broken)) for broken in BREAKS]
    lines = [f"{'break':<42}{'seeds':>6}{'at most':>9}  found by"]
    for broken, find in finds:
        seeds = "none" if find is None else str(find.seeds)
        by = "" if find is None else f"{find.violation.invariant}: {find.violation.detail}"
        lines.append(f"{broken.name:<42}{seeds:>6}{broken.seeds_max:>9}  {by}")
    stdout.write("\n".join(lines) + "\n")
    return int(any(find is None for _, find in finds))


if __name__ == "__main__":
    raise SystemExit(main())
