"""What a search of small worlds finds of the deliberate breaks in `tests.mutations`, and in how many steps."""

from dataclasses import dataclass

from elect.testing.explore import Bounds
from tests.mutations.breaking import Applied
from tests.mutations.breaks import broken

LED = "3 nodes; campaign a; deliver a>b; write a; write b; deliver b>a"
"""`a` leads on `b`'s support alone."""

ELECTED_AGAIN = (
    f"{LED}; deliver a>c; write c; deliver a>c; resign a; acknowledge a; deliver a>b; deliver b>a"
    "; deliver a>c; campaign a; deliver a>c; write a; write c"
)
"""`a` led `b`, resigned, and is about to be elected again by `c`; it has not read yet that `c` had followed."""


CHANGING = "3 nodes; campaign a; calm; demote a>c"
"""`a` leads, and has put its term on the configuration, in memory only; `c` shall be an observer after that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """One rule taken out.

    Attributes:
        name: what is broken.
        bounds: within which it is found.
        steps_max: how many show it, those of `start` included; a new invariant may need fewer.
        start: where the search begins.
        is_prompt: clocks and heartbeats are read at once.
    """

    name: str
    bounds: Bounds
    steps_max: int
    start: str | None = None
    is_prompt: bool = False

    def apply(self) -> Applied:
        """Break the rule for as long as this is entered."""
        return broken(self.name)


BREAKS = (
    Break(name="a Grant before its write", bounds=Bounds(candidacies=1), steps_max=2),
    Break(name="the own vote before its write", bounds=Bounds(candidacies=1), steps_max=4),
    Break(name="two votes in one term", bounds=Bounds(candidacies=2), steps_max=5),
    Break(name="a failed write is rolled back", bounds=Bounds(candidacies=2, failures=1), steps_max=5),
    Break(name="a vote while bound", bounds=Bounds(candidacies=2, closes=1), steps_max=16),
    Break(name="any term is followed", bounds=Bounds(candidacies=2, closes=1), steps_max=17),
    Break(
        name="a later session counts without a new Follow",
        bounds=Bounds(candidacies=1, closes=1),
        steps_max=21,
        start=LED,
    ),
    Break(name="the boot fence is gone", bounds=Bounds(crashes=1), steps_max=1),
    Break(name="the boot fence ends when one peer has dialed", bounds=Bounds(crashes=1), steps_max=11, start=LED),
    Break(name="an ack counts whatever link it is for", bounds=Bounds(closes=1, moments=1), steps_max=5),
    Break(name="a reset ends a session", bounds=Bounds(resets=1), steps_max=2),
    Break(name="an old end of stream ends a new session", bounds=Bounds(closes=1), steps_max=6),
    Break(name="the lease is anchored at receipt", bounds=Bounds(moments=2), steps_max=5),
    Break(name="an old Resign lets go", bounds=Bounds(candidacies=1), steps_max=36, start=ELECTED_AGAIN),
)

CHANGE_BREAKS = tuple(
    Break(name=name, bounds=bounds, steps_max=steps_max, start=CHANGING, is_prompt=True)
    for name, bounds, steps_max in (
        ("a quorum need not have the configuration before", Bounds(moments=2, delays=1), 29),
        ("a change does not wait until old leases are over", Bounds(), 11),
        ("a change does not wait for the one before", Bounds(moments=1), 24),
        ("a new leader puts no term on the configuration", Bounds(moments=1), 12),
        ("a new voter brings no floor", Bounds(moments=2), 26),
        ("learners vote and count", Bounds(moments=2), 26),
    )
)
