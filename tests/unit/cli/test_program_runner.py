"""The deadlines that `elect exec` takes from its lease."""

import math
from dataclasses import dataclass

from elect.cli.executing.program_runner import ROUNDED_NS, lease_until
from elect.cli.executing.supervisor import NEVER
from elect.clock import NS_PER_S, now_ns


@dataclass(frozen=True)
class Lease:
    """A leadership whose lease ends at a time, ns."""

    ends: int

    def remaining(self) -> float:
        return (self.ends - now_ns()) / NS_PER_S


def test_a_lease_that_is_not_renewed_has_one_end():
    ends = (now_ns() // ROUNDED_NS + 60_000) * ROUNDED_NS + ROUNDED_NS // 2
    assert {lease_until(Lease(ends)) for _ in range(1_000)} == {ends - ROUNDED_NS // 2}


def test_the_lease_of_a_single_voter_never_ends():
    assert lease_until(Lease(math.inf)) == NEVER
