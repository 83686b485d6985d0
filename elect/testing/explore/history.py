"""What must be remembered of a path to see that a promise between nodes is broken: votes, winners, the latest lease.

Source: PROTOCOL.md, section 8.
"""

from dataclasses import dataclass, replace

from elect.core.quorum import majority
from elect.testing.explore.naming import NODES, Places


class Broken(Exception):  # noqa: N818 (a promise, not an error)
    """A promise was broken: its name, and what was seen."""

    def __init__(self, invariant: str, detail: str) -> None:
        super().__init__(invariant, detail)
        self.invariant = invariant
        self.detail = detail


@dataclass(frozen=True, slots=True)
class History:
    """One past; nodes by place.

    Attributes:
        votes: durable ones for candidacies that live: term, voter, candidate.
        elected: term and leader.
        lease: term and holder of the latest that began.
    """

    votes: tuple[tuple[int, int, int], ...] = ()
    elected: tuple[tuple[int, int], ...] = ()
    lease: tuple[int, int] = (0, -1)

    def stored(self, voter: int, term: int, candidate: int) -> "History":
        """A vote is on disk; that it replaces no other of its term is checked there."""
        return replace(self, votes=tuple(sorted({*self.votes, (term, voter, candidate)})))

    def won(self, term: int, leader: int, voters: int) -> "History":
        """A node was elected.

        Raises:
            Broken: another was, or too few votes are on disk.
        """
        for other_term, other in self.elected:
            if other_term == term and other != leader:
                raise Broken("one elected a term", f"term {term}: {NODES[other]} and {NODES[leader]}")
        granted = [NODES[voter] for t, voter, candidate in self.votes if (t, candidate) == (term, leader)]
        if len(granted) < majority(voters):
            raise Broken("leaders have majorities", f"{NODES[leader]} leads term {term} by {granted}")
        return replace(self, elected=tuple(sorted({*self.elected, (term, leader)})))

    def forgetting(self, candidacies: tuple[int, ...]) -> "History":
        """Without votes by which nobody can win any more: their candidate's live term, 0 for none, is another."""
        return replace(self, votes=tuple([vote for vote in self.votes if candidacies[vote[2]] == vote[0]]))

    def began(self, term: int, holder: int) -> "History":
        """A lease began.

        Raises:
            Broken: a later one began before.
        """
        latest, other = self.lease
        if term < latest or (term == latest and holder != other):
            raise Broken("tokens rise", f"{NODES[holder]} begins term {term} after {NODES[other]}'s term {latest}")
        return replace(self, lease=(term, holder))

    def renamed(self, places: Places) -> "History":
        """The same in a world whose places are others."""
        term, holder = self.lease
        return History(
            votes=tuple(sorted((t, places[voter], places[candidate]) for t, voter, candidate in self.votes)),
            elected=tuple(sorted((t, places[leader]) for t, leader in self.elected)),
            lease=(term, places[holder] if term else holder),
        )


class Histories:
    """All histories met so far, by number; 0 is the empty one."""

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
        """After a node stored votes (term, candidate) and was elected in some terms; `candidacies` live since."""
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
        """After a lease began."""
        key = (number, term, holder)
        after = self._began.get(key)
        if after is None:
            after = self._began[key] = self._number(self._all[number].began(term, holder))
        return after

    def renamed(self, number: int, places: Places) -> int:
        """The same in a world whose places are others."""
        key = (number, places)
        other = self._renamed.get(key)
        if other is None:
            other = self._renamed[key] = self._number(self._all[number].renamed(places))
        return other
