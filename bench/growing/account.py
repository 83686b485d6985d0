"""The account of a run: lost leaderships, the order of tokens, and the time without a leader."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from elect.testing.real_processes import ProcessEvent, Tenure, overlaps, tenures

HANDED_OVER = ("resigned", "transferred", "stopped", "configuration")
"""Losses that a hand-over causes: an operator or a stop asks for it, or a leader steps down for a change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A time without a leader, s: between two leases, with the cause of the first one's end."""

    cause: str
    begins: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The account.

    Attributes:
        gaps: the times without a leader.
        unexplained: the losses of leadership that no crash and no hand-over explains.
        overlapping: pairs of leases of two nodes at one time; there must be none.
        writes: the number of tokens written.
        refused: the writes that the file refused: they came late, and their token stopped them.
        disorder: the first token that went down, or that two nodes wrote; empty: none.
    """

    gaps: Sequence[Gap]
    unexplained: Sequence[str]
    overlapping: int
    writes: int
    refused: int
    disorder: str

    @property
    def leaderless_s(self) -> float:
        """The sum of the times without a leader, s."""
        return sum(gap.seconds for gap in self.gaps)

    @property
    def is_good(self) -> bool:
        """Return whether everything that must not happen did not."""
        return not (self.unexplained or self.overlapping or self.disorder)

    def __str__(self) -> str:
        causes = Counter(gap.cause for gap in self.gaps)
        longest = max(self.gaps, key=lambda gap: gap.seconds, default=None)
        listed = ", ".join(f"{count} {cause}" for cause, count in sorted(causes.items())) or "none"
        worst = "" if longest is None else f"; longest {1e3 * longest.seconds:.1f} ms ({longest.cause})"
        return (
            f"  leaderless {1e3 * self.leaderless_s:.1f} ms in {len(self.gaps)} gaps: {listed}{worst}\n"
            f"  leaderships lost without a crash or a hand-over: {len(self.unexplained)}"
            f" {' '.join(self.unexplained)}\n"
            f"  tokens: {self.writes} writes, {self.refused} refused, {self.disorder or 'none went down'};"
            f" {self.overlapping} overlapping leases"
        )


def account(events: Sequence[ProcessEvent], store: Path, *, since: float = 0.0) -> Account:
    """Return the account of a run; of the times without a leader and the losses only those after a moment, s."""
    held = tenures(events)
    lost = [event for event in events if event.event == "lost" and event.boottime >= since]
    unexplained = [f"{each.node}:{each.term}:{each.reason}" for each in lost if each.reason not in HANDED_OVER]
    lines = [line.split() for line in store.read_text().splitlines()]
    written = [
        (int(token), node) for outcome, token, node, at in lines if outcome == "written" and int(at) >= since * 1e9
    ]
    return Account(
        gaps=[gap for gap in _gaps(held, events) if gap.begins >= since],
        unexplained=unexplained,
        overlapping=len(overlaps(held)),
        writes=len(written),
        refused=sum(outcome == "refused" for outcome, *_ in lines),
        disorder=_disorder(written),
    )


def _gaps(held: Sequence[Tenure], events: Sequence[ProcessEvent]) -> Iterator[Gap]:
    for before, after in pairwise(held):
        if after.begins > before.ends:
            yield Gap(cause=_cause(before, events), begins=before.ends, seconds=after.begins - before.ends)


def _cause(tenure: Tenure, events: Sequence[ProcessEvent]) -> str:
    for event in events:
        if event.node == tenure.node and event.boottime == tenure.ends and event.event in ("killed", "lost"):
            return event.reason or "killed"
    return "unknown"


def _disorder(written: Sequence[tuple[int, str]]) -> str:
    owners: dict[int, str] = {}
    highest = 0
    for token, node in written:
        if token < highest:
            return f"token {token} of {node} after {highest}"
        if owners.setdefault(token, node) != node:
            return f"token {token} of {node} and of {owners[token]}"
        highest = token
    return ""
