"""Deliberate breaks of the protocol, one rule each, applied to the real code while a test runs.

`python -m tests.mutations.breaks` prints how many seeds each needed until a checker noticed.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from sys import stdout
from unittest.mock import PropertyMock, patch

from elect.core import heartbeats, voting
from elect.core.messages import Ack, Heartbeat
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
    Break(name="a vote while bound", apply=vote_while_bound, seeds_max=30),
    Break(name="sessions are not tied to links", apply=sessions_without_links, seeds_max=20),
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
    lines = [f"{'break':<36}{'seeds':>6}{'at most':>9}  found by"]
    for broken, find in finds:
        seeds = "none" if find is None else str(find.seeds)
        by = "" if find is None else f"{find.violation.invariant}: {find.violation.detail}"
        lines.append(f"{broken.name:<36}{seeds:>6}{broken.seeds_max:>9}  {by}")
    stdout.write("\n".join(lines) + "\n")
    return int(any(find is None for _, find in finds))


if __name__ == "__main__":
    raise SystemExit(main())
