"""The promises that span nodes: what is seen of each node, which two must never be together, and what a path remembers.

Source: PROTOCOL.md, sections 3 and 8.
"""

from dataclasses import dataclass, replace

from elect.core.messages import Number
from elect.core.quorum import majority
from elect.testing.explore.canonical_form import NODES, Places, inverse
from elect.testing.explore.explored_node import ELECTION, MOMENT_NS, ExploredNode
from elect.testing.explore.in_flight import LinkNumber


@dataclass(frozen=True, slots=True)
class Facts:
    """The links, promises and leases of one node, as seen from outside; peers by place.

    Attributes:
        opened: its own links.
        dialing: numbers of the next ones.
        writes: number of writes that have not ended.
        candidacy: the term of its campaign, or 0.
        is_leading: the node can resign.
        is_resigning: the node resigned, and its application has not acknowledged it.
        lease_until: end of its published lease (ns), or 0.
        lease_term: term of that lease.
        counted: for each peer, session and end of the support that the node counts (ns).
        promised: for each peer, session and end of the support that the node promises (ns).
        fence_until: end of its boot fence (ns), 0 after it.
    """

    incarnation: int
    opened: tuple[LinkNumber | None, ...]
    dialing: tuple[LinkNumber, ...]
    writes: int
    candidacy: int
    is_leading: bool
    is_resigning: bool
    lease_until: int
    lease_term: int
    counted: tuple[tuple[LinkNumber | None, int], ...]
    promised: tuple[tuple[LinkNumber | None, int], ...]
    fence_until: int

    def placed(self, places: Places) -> "Facts":
        """Return the same by the places of a world."""
        back = inverse(places)
        return replace(
            self,
            opened=tuple([self.opened[index] for index in back]),
            dialing=tuple([self.dialing[index] for index in back]),
            counted=tuple([self.counted[index] for index in back]),
            promised=tuple([self.promised[index] for index in back]),
        )


def see(node: ExploredNode, voters: str) -> Facts:
    """Return the facts about a node."""
    state, table = node.elector.state, node.table
    election = state.elections[ELECTION]
    leadership, claim = election.leadership, table.claims.get(ELECTION)
    peers = [state.support.peers.get(name) for name in voters]
    return Facts(
        incarnation=node.incarnation,
        opened=tuple([None if peer is None else _pair(peer.opened) for peer in peers]),
        dialing=tuple([(node.incarnation, node.dialed.get(name, 0) + 1) for name in voters]),
        writes=len(node.writes),
        candidacy=0 if election.campaign is None else election.campaign.term,
        is_leading=leadership is not None and leadership.resigning is None,
        is_resigning=leadership is not None and leadership.resigning is not None,
        lease_until=table.until(ELECTION),
        lease_term=0 if claim is None else claim.term,
        counted=tuple(
            [
                (None, 0) if peer is None else (_pair(peer.counted_session), table.counted.get(peer.id, 0))
                for peer in peers
            ]
        ),
        promised=tuple([(None, 0) if peer is None else (_pair(peer.session), peer.promised_until) for peer in peers]),
        fence_until=state.fence_until if state.is_fenced else 0,
    )


def _pair(number: Number | None) -> LinkNumber | None:
    return None if number is None else (number.incarnation, number.counter)


class Broken(Exception):  # noqa: N818 (the search's result, not an error)
    """A promise was broken: its name and the detail."""

    def __init__(self, invariant: str, detail: str) -> None:
        super().__init__(invariant, detail)
        self.invariant = invariant
        self.detail = detail


@dataclass(frozen=True, slots=True)
class History:
    """The part of a path that later checks need; nodes by place.

    Attributes:
        votes: durable votes for campaigns that have not ended: term, voter, candidate.
        elected: term and leader.
        lease: term and holder of the latest lease that began.
    """

    votes: tuple[tuple[int, int, int], ...] = ()
    elected: tuple[tuple[int, int], ...] = ()
    lease: tuple[int, int] = (0, -1)

    def stored(self, voter: int, term: int, candidate: int) -> "History":
        """Add a vote that reached the disk; the node itself checks that it replaces no other of its term."""
        return replace(self, votes=tuple(sorted({*self.votes, (term, voter, candidate)})))

    def won(self, term: int, leader: int, voters: int) -> "History":
        """Add an election win.

        Raises:
            Broken: another node won this term, or too few votes are on disk.
        """
        for other_term, other in self.elected:
            if other_term == term and other != leader:
                raise Broken("one elected a term", f"term {term}: {NODES[other]} and {NODES[leader]}")
        granted = [NODES[voter] for t, voter, candidate in self.votes if (t, candidate) == (term, leader)]
        if len(granted) < majority(voters):
            raise Broken("leaders have majorities", f"{NODES[leader]} leads term {term} by {granted}")
        return replace(self, elected=tuple(sorted({*self.elected, (term, leader)})))

    def forgetting(self, candidacies: tuple[int, ...]) -> "History":
        """Remove votes that no longer matter: their candidate campaigns in another term, or (0) not at all."""
        return replace(self, votes=tuple([vote for vote in self.votes if candidacies[vote[2]] == vote[0]]))

    def began(self, term: int, holder: int) -> "History":
        """Add a lease that began.

        Raises:
            Broken: a lease of a later term began before.
        """
        latest, other = self.lease
        if term < latest or (term == latest and holder != other):
            raise Broken("tokens rise", f"{NODES[holder]} begins term {term} after {NODES[other]}'s term {latest}")
        return replace(self, lease=(term, holder))

    def renamed(self, places: Places) -> "History":
        """Return the same with its places permuted."""
        term, holder = self.lease
        return History(
            votes=tuple(sorted((t, places[voter], places[candidate]) for t, voter, candidate in self.votes)),
            elected=tuple(sorted((t, places[leader]) for t, leader in self.elected)),
            lease=(term, places[holder] if term else holder),
        )


class Histories:
    """All histories so far, each with a number; 0 is the empty one."""

    def __init__(self, nodes: int) -> None:
        self._nodes = nodes
        self._all = [History()]
        self._numbers = {History(): 0}
        self._after: dict[tuple[object, ...], int] = {}
        self._began: dict[tuple[int, int, int], int] = {}
        self._renamed: dict[tuple[int, Places], int] = {}

    def _number(self, history: History) -> int:
        number = self._numbers.get(history)
        if number is None:
            number = self._numbers[history] = len(self._all)
            self._all.append(history)
        return number

    def after(
        self,
        number: int,
        place: int,
        stored: tuple[tuple[int, int], ...],
        elected: tuple[int, ...],
        candidacies: tuple[int, ...],
    ) -> int:
        """Add votes that a node stored (term, candidate) and terms it won; then forget votes for ended campaigns."""
        key = (number, place, stored, elected, candidacies)
        after = self._after.get(key)
        if after is None:
            history = self._all[number]
            for term, candidate in stored:
                history = history.stored(place, term, candidate)
            for term in elected:
                history = history.won(term, place, self._nodes)
            after = self._after[key] = self._number(history.forgetting(candidacies))
        return after

    def began(self, number: int, term: int, holder: int) -> int:
        """Add a lease that began."""
        key = (number, term, holder)
        after = self._began.get(key)
        if after is None:
            after = self._began[key] = self._number(self._all[number].began(term, holder))
        return after

    def renamed(self, number: int, places: Places) -> int:
        """Return the same with its places permuted."""
        key = (number, places)
        other = self._renamed.get(key)
        if other is None:
            other = self._renamed[key] = self._number(self._all[number].renamed(places))
        return other


class Checks:
    """Checks each pair of conditions once for each moment."""

    def __init__(self, facts: list[Facts]) -> None:
        self._facts = facts
        self._passed: set[tuple[int, int, int]] = set()

    def check(self, place: int, condition: int, other: int, other_condition: int, now: int) -> None:
        """Check one pair.

        Raises:
            Broken: a promise is broken.
        """
        key = (condition, other_condition, now)
        if key not in self._passed:
            one, two = self._facts[condition], self._facts[other_condition]
            _check_leases(place, one, other, two, now)
            _check_counted(place, one, other, two, now)
            _check_counted(other, two, place, one, now)
            self._passed.add(key)


def _check_leases(place: int, one: Facts, other: int, two: Facts, now: int) -> None:
    if one.lease_until > now and two.lease_until > now:
        holders = f"{NODES[place]} (term {one.lease_term}) and {NODES[other]} (term {two.lease_term})"
        raise Broken("one lease", f"{holders} hold one")


def _check_counted(counter: int, counting: Facts, promiser: int, promising: Facts, now: int) -> None:
    session, until = counting.counted[promiser]
    if until <= now:
        return
    live, promised_until = promising.promised[counter]
    if session is not None and session[0] != promising.incarnation:
        promised_until = promising.fence_until
    elif session is None or session != live:
        promised_until = 0
    if promised_until < until:
        late = f"{(until - promised_until) / MOMENT_NS:g} moments too long" if promised_until else "without a promise"
        raise Broken("counted support is promised", f"{NODES[counter]} counts {NODES[promiser]} {late}")
