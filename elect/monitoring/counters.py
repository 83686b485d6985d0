"""Counters per election, and the label under which those of many elections are added up."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from elect.core.events import Campaigned, ElectionEvent, Event, LeaderChanged, RoleChanged, Voted

ELECTIONS_MAX = 100
"""Above this, the elections that are not named share one series: a scrape must stay small."""

ALL = "*"
"""The label of the shared series."""


@dataclass(slots=True)
class _Leaderless:
    """The time without a leader known to this node; `since` is None while one is known."""

    total_ns: int = 0
    since: int | None = None
    has_had_leader: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """A copy of the counters, by election and label.

    Attributes:
        role_changes: by election, role and reason.
        campaigns: by election and outcome.
        votes: by election and answer.
        leaderless_ns: by election.
    """

    role_changes: dict[tuple[str, ...], int]
    campaigns: dict[tuple[str, ...], int]
    votes: dict[tuple[str, ...], int]
    leaderless_ns: dict[str, int]


class EventCounters:
    """Counts events; one thread calls `observe`, any thread reads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._role_changes: Counter[tuple[str, ...]] = Counter()
        self._campaigns: Counter[tuple[str, ...]] = Counter()
        self._votes: Counter[tuple[str, ...]] = Counter()
        self._leaderless: dict[str, _Leaderless] = {}

    def observe(self, event: Event) -> int | None:
        """Count an event; return the time without a leader, ns, if the event ends one that followed a leader."""
        if not isinstance(event, ElectionEvent):
            return None
        with self._lock:
            leaderless = self._leaderless.setdefault(event.election, _Leaderless(since=event.at))
            match event:
                case RoleChanged():
                    self._role_changes[event.election, event.role, event.reason] += 1
                case Campaigned():
                    self._campaigns[event.election, event.outcome] += 1
                case Voted():
                    self._votes[event.election, event.answer] += 1
                case LeaderChanged():
                    return _change_leader(leaderless, event)
                case _:
                    pass
        return None

    def counts(self, now: int) -> Counts:
        """Return a copy, with the times without a leader up to now."""
        with self._lock:
            return Counts(
                role_changes=dict(self._role_changes),
                campaigns=dict(self._campaigns),
                votes=dict(self._votes),
                leaderless_ns={
                    election: each.total_ns + (0 if each.since is None else max(0, now - each.since))
                    for election, each in self._leaderless.items()
                },
            )


def _change_leader(leaderless: _Leaderless, event: LeaderChanged) -> int | None:
    if event.leader is None:
        leaderless.since = event.at if leaderless.since is None else leaderless.since
        return None
    is_failover, since = leaderless.has_had_leader, leaderless.since
    leaderless.has_had_leader, leaderless.since = True, None
    if since is None:
        return None
    leaderless.total_ns += event.at - since
    return event.at - since if is_failover else None


def label_for(elections: Iterable[str], named: Iterable[str]) -> Callable[[str], str]:
    """Return a function that maps an election to its label.

    The label is the election's name, or "*" when there are more than 100 elections and it is not in `named`.

    Args:
        elections: all that have a series.
        named: elections that keep series of their own.
    """
    if len(set(elections)) <= ELECTIONS_MAX:
        return str
    kept = frozenset(named)
    return lambda election: election if election in kept else ALL
