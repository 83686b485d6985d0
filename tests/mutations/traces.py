"""Worlds of a few scripted steps, for situations that chance meets too seldom: the seed changes nothing.

The steps are those of `elect.testing.explore`. A trace ends with the step that breaks a promise where the rule is gone.
A step that ends with "?" is left out where it is not possible: a broken node may write more.
"""

from elect.testing.explore import replay
from tests.mutations.worlds import World


def _traced(name: str, *parts: str) -> World:
    return World(f"trace: {name}", lambda _: _perform("; ".join(("3 nodes", *parts))))


def _perform(trace: str) -> None:
    before, is_optional, after = trace.partition("?")
    if not is_optional:
        replay(trace)
        return
    try:
        replay(before)
    except ValueError:
        before = before.rpartition("; ")[0]
    _perform(before + after)


_B_LEADS_BY_A = (
    "campaign b; deliver b>a; write a; write b; deliver a>b",
    "close b>a; dial b>a; deliver b>a",
)
"""`b` is elected in term 1 by `a`, and loses its lease with its link to `a`, which is free again."""

GRANTED_AGAIN = _traced(
    "granted again",
    *_B_LEADS_BY_A,
    "campaign a; deliver a>c; deliver a>c; abandon a",
    # The Vote of term 3 overtakes the Abandon of term 2.
    "campaign a; overtake a>c; write c; write c; write a; write a; deliver c>a; deliver c>a; deliver a>c",
    "deliver b>c; deliver b>c; deliver c>b; deliver c>b",
)
"""`c` grants terms 2 and 3 to `a`, which leads; then it reads that `a` abandoned term 2, and then the Lead of term 1.

A follower may forget the one vote only.
"""

FORMER_LINK = _traced(
    "a former link",
    "campaign a; deliver a>b; write b; write a; deliver b>a",
    "close a>b; dial a>b; deliver a>b",
    "campaign b; abandon b; crash b; dial a>b; dial c>b",
    "deliver b>c; deliver b>c; write c; deliver b>c",
    "deliver a>c; deliver a>c; lose c>a; deliver c>a",
    "dial b>a; dial b>c; deliver a>b; deliver c>b",
    "campaign b; write b; deliver c>b",
)
"""Trace 11 of PROTOCOL.md, section 10: `c` grants on its new link what it reads on the former link of `b`.

It reads there that `b` abandoned the term, too, and follows `a` in term 1. Then `b` stands in the same term again.
"""

LATE_GRANT = _traced(
    "a late Grant",
    "campaign b; deliver b>c; write c; write b; deliver c>b",
    "close b>c; dial b>c; deliver b>c",
    "campaign a; abandon a; campaign a; deliver a>c; deliver a>c; deliver a>c; write c; write a; write a; abandon a",
    "deliver b>a; deliver b>a; lose a>b; lose a>b; lose a>b; lose a>b; deliver a>b; deliver a>b",
    "deliver c>a; deliver c>a; deliver c>a; deliver c>a",
)
"""`a` abandons term 2 and follows `b` in term 1, which has a lease by that; then it reads the Grant of `c`."""

LED_AND_RESIGNED = _traced(
    "led and resigned",
    *_B_LEADS_BY_A,
    "campaign c; abandon c; campaign c; deliver c>a; deliver c>a; deliver c>a; write a; write c; write c",
    "deliver a>c; deliver a>c; deliver a>c; deliver a>c; resign c; acknowledge c",
    "deliver b>c; deliver b>c; lose c>b; lose c>b; lose c>b; lose c>b; lose c>b; lose c>b; deliver c>b",
)
"""`c` leads in term 2 by the vote of `a`, and resigns. Then it reads the Lead of term 1."""

RESTARTED_VOTER = _traced(
    "a restarted voter",
    *_B_LEADS_BY_A,
    "campaign a; deliver a>c; deliver a>c; write c; write a; deliver c>a",
    "restart c; deliver b>c; deliver b>c; deliver c>b; deliver c>b; deliver c>b; deliver b>c; deliver b>c; deliver c>b",
)
"""`a` leads in term 2 by the vote of `c`, which restarts. Then it reads the Lead of term 1."""

RESTARTED_LEADER = _traced(
    "a restarted leader",
    *_B_LEADS_BY_A,
    "deliver b>a; deliver a>b; deliver a>b; campaign a; deliver b>a",
    "deliver a>c; deliver a>c; deliver a>c; write c; write a; write a?; deliver c>a",
    "restart a; deliver b>a; deliver a>b; deliver a>b; deliver a>b; deliver a>b; deliver a>b; deliver a>b",
    "deliver b>a; deliver b>a; deliver a>b",
)
"""`a` refuses the Lead of term 1 as a candidate, and leads in term 2. It restarts, and reads that Lead again."""

_C_RESTARTS = "write c?; restart c; deliver b>c; deliver b>c"

VOTER_OF_TWO = _traced(
    "a voter of two terms",
    *_B_LEADS_BY_A,
    "campaign a; deliver a>c; deliver a>c; write c; write a; deliver c>a; deliver b>c; deliver b>c",
    _C_RESTARTS,
    "deliver c>b; deliver c>b; deliver c>b; deliver c>b; deliver c>b; deliver b>c; deliver b>c; deliver c>b",
)
"""`a` leads in term 2 by the vote of `c`, which refuses the Lead of term 1, restarts, and reads it again."""

ABANDONED_AND_RESTARTED = _traced(
    "abandoned, granted and restarted",
    *_B_LEADS_BY_A,
    "campaign a; deliver a>c; deliver a>c; abandon a",
    "campaign a; overtake a>c; write c; write c; write a; write a; deliver c>a; deliver c>a; deliver a>c",
    _C_RESTARTS,
    "deliver c>b; deliver c>b; deliver c>b; deliver b>c; deliver b>c; deliver c>b",
)
"""As "granted again", but `c` restarts before it reads the Lead of term 1."""

LOWERED_VOTE = _traced(
    "a lowered vote",
    "campaign a; deliver a>b; write b; write a; deliver b>a; close a>b; dial a>b; deliver a>b",
    "campaign b; abandon b; crash b; dial a>b; dial c>b",
    "deliver b>c; deliver b>c; write c; deliver b>c; deliver a>c; deliver a>c; lower c; write c",
    "close a>c; dial a>c; deliver a>c; deliver a>c; dial b>c; deliver c>b; deliver a>b; campaign b; write b",
    "deliver b>c; deliver b>c; deliver b>c; deliver b>c; deliver b>c",
)
"""`c` votes for `b` in term 2, reads that `b` abandoned it, and follows `a` in term 1.

`b` restarted without its own vote on disk, and asks in term 2 once more, when `c` is free of `a`.
"""
