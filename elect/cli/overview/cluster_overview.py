"""ClusterOverview: thousands of elections as all nodes together see them, and the changes between two looks."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from elect.cli.status_table import entries, phase_notes
from elect.core.snapshot import WhyNoLeader

WATCHED_S = 60.0
"""Changes of leader count for this time."""

FLAPS_MIN = 3
"""Changes within WATCHED_S that are no ordinary failover: that is one, and its failback another."""


class Condition(StrEnum):
    """The condition of an election, the worst first.

    Attributes:
        DOUBLED: two nodes say that they lead, on a valid lease: in the same term, or at two looks in a row.
        LEADERLESS: no node says that it leads, and none knows a leader that was not asked or did not answer.
        FLAPPING: its leader changed at least FLAPS_MIN times in the last minute.
        CHANGED: its leader changed in the last minute.
        INACTIVE: all nodes say that their cluster elects nobody, as it stands by or is sealed; or that they are no
            candidate, as in an election that no program uses any more. Nodes keep its term, so they list it for good.
            The latter counts only if all members were asked and answered: one of the others may be a candidate.
        STEADY: nothing changed in the last minute, or since the first look.
    """

    DOUBLED = "two leaders"
    LEADERLESS = "no leader"
    FLAPPING = "flaps"
    CHANGED = "changed"
    INACTIVE = "not active"
    STEADY = "steady"


ORDER = tuple(Condition)
INACTIVE_CODES = frozenset({WhyNoLeader.STANDBY.value, WhyNoLeader.SEALED.value})
UNUSED_CODES = frozenset({WhyNoLeader.NOT_STANDING.value, WhyNoLeader.NOT_VOTER.value})
"""An observer is no candidate anywhere, so its code alone does not tell."""

TROUBLED = (Condition.DOUBLED, Condition.LEADERLESS, Condition.FLAPPING)


@dataclass(frozen=True, slots=True, kw_only=True)
class ElectionOverview:
    """One election.

    Attributes:
        name: of the election.
        condition: of it.
        leaders: the nodes that say that they lead; or the one that others know, if it does not answer, in brackets.
        term: the highest that a node knows a leader of.
        changes: of the leader, in the last minute.
        why: the reason of a node that knows no leader; empty: each knows one.
    """

    name: str
    condition: Condition
    leaders: tuple[str, ...]
    term: int
    changes: int
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeOverview:
    """One node.

    Attributes:
        node: its id, or its address if it does not answer.
        leads: the elections that it leads.
        troubled: of these, those that flap.
        unled: the elections of which it knows no leader.
        elections: all that it knows.
        peers: the number of peers that support it, of how many: "2/2".
        note: what is wrong with it.
    """

    node: str
    leads: int = 0
    troubled: int = 0
    unled: int = 0
    elections: int = 0
    peers: str = "-"
    note: str = ""


@dataclass(slots=True)
class _Seen:
    """The answers of all nodes about one election, in one look.

    Attributes:
        led: the terms of those that say that they lead.
        known: the leader with the highest term that a node knows.
        term: that of `known`.
        why: the reason of a node that knows no leader.
        codes: of all such reasons.
        is_of_all: each member has answered.
    """

    led: dict[str, int] = field(default_factory=dict)
    known: str | None = None
    term: int = 0
    why: str = ""
    codes: set[str] = field(default_factory=set)
    is_of_all: bool = True

    @property
    def is_inactive(self) -> bool:
        """Return whether no node knows a leader, and each says that none is needed."""
        has_no_candidate = WhyNoLeader.NOT_STANDING.value in self.codes and self.codes <= UNUSED_CODES
        is_unused = self.is_of_all and has_no_candidate
        return self.known is None and (is_unused or (bool(self.codes) and self.codes <= INACTIVE_CODES))

    @property
    def former(self) -> set[tuple[str, int]]:
        """The leaderships, by node and term, below one of another node: they may have ended between two answers."""
        latest = max(self.led.values(), default=0)
        return {(node, term) for node, term in self.led.items() if term < latest}


class ClusterOverview:
    """The elections and nodes at the latest look."""

    def __init__(self) -> None:
        self.nodes: list[NodeOverview] = []
        self.elections: list[ElectionOverview] = []
        self._terms: dict[str, int] = {}
        self._former: dict[str, set[tuple[str, int]]] = {}
        self._changes: dict[str, deque[float]] = {}

    def note(self, answers: Mapping[str, Mapping[str, object] | str], now_s: float) -> None:
        """Take a look.

        Args:
            answers: by address, the `/status` of a node, or why it does not answer.
            now_s: seconds of a clock that only rises.
        """
        statuses = {address: answer for address, answer in answers.items() if not isinstance(answer, str)}
        seen: dict[str, _Seen] = {}
        for status in statuses.values():
            _gather(status, seen)
        answered = {str(status.get("node")) for status in statuses.values() if "elections" in status}
        is_of_all = _members(statuses.values()) <= answered
        silent = _known(seen) - answered
        for each in seen.values():
            each.is_of_all = is_of_all
            if not each.led and each.known in silent:
                each.led = {f"({each.known})": each.term}
        self.elections = sorted((self._judge(name, each, now_s) for name, each in seen.items()), key=_urgency)
        self._terms = {name: each.term for name, each in seen.items()}
        self._former = {name: former for name, each in seen.items() if (former := each.former)}
        self._changes = {name: times for name, times in self._changes.items() if name in seen and times}
        flapping = {each.name for each in self.elections if each.condition is Condition.FLAPPING}
        self.nodes = [
            NodeOverview(node=address, note=answer) if isinstance(answer, str) else _node(answer, flapping)
            for address, answer in answers.items()
        ]

    @property
    def counts(self) -> Counter[Condition]:
        """The number of elections in each condition."""
        return Counter(each.condition for each in self.elections)

    @property
    def is_unsure(self) -> bool:
        """Whether two nodes say that they lead an election, in different terms: only another look tells two leaders."""
        return any(each.name in self._former and each.condition is not Condition.DOUBLED for each in self.elections)

    def _judge(self, name: str, seen: _Seen, now_s: float) -> ElectionOverview:
        before = self._terms.get(name)
        if before is not None and seen.term > before:
            self._changes.setdefault(name, deque(maxlen=FLAPS_MIN * FLAPS_MIN)).append(now_s)
        times = self._changes.get(name, deque())
        while times and now_s - times[0] > WATCHED_S:
            times.popleft()
        former = seen.former
        leaders = tuple(node for node, term in seen.led.items() if (node, term) not in former)
        if len(leaders) > 1 or former & self._former.get(name, set()):
            condition, leaders = Condition.DOUBLED, tuple(seen.led)
        elif not leaders:
            condition = Condition.INACTIVE if seen.is_inactive else Condition.LEADERLESS
        elif len(times) >= FLAPS_MIN:
            condition = Condition.FLAPPING
        else:
            condition = Condition.CHANGED if times else Condition.STEADY
        return ElectionOverview(
            name=name,
            condition=condition,
            leaders=leaders,
            term=seen.term,
            changes=len(times),
            why=seen.why,
        )


def _urgency(election: ElectionOverview) -> tuple[int, int, str]:
    return ORDER.index(election.condition), -election.changes, election.name


def _gather(status: Mapping[str, object], seen: dict[str, _Seen]) -> None:
    node = str(status.get("node"))
    for election in entries(status, "elections"):
        each = seen.setdefault(str(election.get("name")), _Seen())
        given, why = election.get("leader_term"), election.get("why_no_leader")
        term = given if isinstance(given, int) else 0
        if election.get("is_leader"):
            each.led[node] = term
        if term >= each.term and election.get("leader") is not None:
            each.term, each.known = term, str(election.get("leader"))
        if isinstance(why, Mapping):
            each.codes.add(str(why.get("code")))
            each.why = each.why or f"{node}: {why.get('text')}"


def _known(seen: Mapping[str, _Seen]) -> set[str]:
    return {each.known for each in seen.values() if each.known is not None}


def _members(statuses: Iterable[Mapping[str, object]]) -> set[str]:
    """Return the peers of all nodes, by id."""
    return {str(peer["node"]) for status in statuses for peer in entries(status, "peers") if "node" in peer}


def _node(status: Mapping[str, object], flapping: Iterable[str]) -> NodeOverview:
    elections = entries(status, "elections")
    led = [election.get("name") for election in elections if election.get("is_leader")]
    supported = [bool(peer.get("is_supported")) for peer in entries(status, "peers")]
    return NodeOverview(
        node=str(status.get("node")),
        leads=len(led),
        troubled=len(set(flapping).intersection(map(str, led))),
        unled=sum(election.get("leader") is None for election in elections),
        elections=len(elections),
        peers=f"{sum(supported)}/{len(supported)}",
        note="; ".join(_notes(status)),
    )


def _notes(status: Mapping[str, object]) -> Iterable[str]:
    if "elections" not in status:
        yield "is too busy to tell its elections"
    yield from phase_notes(status)
    for name, is_bad, note in (
        ("is_paused", True, "paused"),
        ("is_healthy", False, "unhealthy"),
        ("is_storing", False, "data_dir fails"),
    ):
        if status.get(name) is is_bad:
            yield note
