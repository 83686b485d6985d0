"""The part of a path that later checks need: votes, terms that were won, the latest lease, and configurations.

Source: PROTOCOL.md, sections 7 and 8.
"""

from dataclasses import dataclass, replace

from elect.core.configuration import Configuration
from elect.core.messages import ConfigurationId
from elect.testing.checkers.membership_rules import words
from elect.testing.explore.made_configurations import Decision
from elect.testing.explore.membership_history import NO_CONFIGURATIONS, Disks, MembershipHistory
from elect.testing.explore.renaming import NODES, Places, names, renamed_id
from elect.testing.explore.steps import Broken


@dataclass(frozen=True, slots=True)
class History:
    """The part of a path that later checks need; nodes by place.

    Attributes:
        votes: durable votes for campaigns that have not ended: term, voter, candidate.
        asked: campaigns that have not ended: term, candidate, and the configuration in which it asks for votes. Not
            those in the first configuration.
        elected: term and leader.
        lease: term and holder of the latest lease that began.
        members: the configurations.
    """

    votes: tuple[tuple[int, int, int], ...] = ()
    asked: tuple[tuple[int, int, ConfigurationId], ...] = ()
    elected: tuple[tuple[int, int], ...] = ()
    lease: tuple[int, int] = (0, -1)
    members: MembershipHistory = NO_CONFIGURATIONS

    def stored(self, voter: int, term: int, candidate: int) -> "History":
        """Add a vote that reached the disk; the node itself checks that it replaces no other of its term."""
        return replace(self, votes=tuple(sorted({*self.votes, (term, voter, candidate)})))

    def campaigned(self, term: int, candidate: int, configuration: Configuration) -> "History":
        """Add a campaign that began."""
        if configuration.version == configuration.term == 0:
            return self
        asked = {*self.asked, (term, candidate, configuration.id)}
        return replace(self, asked=tuple(sorted(asked, key=_order)))

    def check_asked(self, term: int, candidate: int, voter: int, configuration: Configuration) -> None:
        """Check that a node votes, or wins, in the configuration in which the candidate asks for votes.

        Raises:
            Broken: it has another one.
        """
        asked = [named for *campaign, named in self.asked if campaign == [term, candidate]]
        if (asked or configuration.term) and configuration.id not in asked:
            raise Broken(
                "votes are given in one configuration",
                f"{NODES[voter]}, with {words(configuration)}: term {term} of {NODES[candidate]}, asked for in {asked}",
            )

    def won(self, term: int, leader: int, configuration: Configuration) -> "History":
        """Add an election win.

        Raises:
            Broken: another node won this term, or too few votes are on disk.
        """
        for other_term, other in self.elected:
            if other_term == term and other != leader:
                raise Broken("one elected a term", f"term {term}: {NODES[other]} and {NODES[leader]}")
        granted = [NODES[voter] for t, voter, candidate in self.votes if (t, candidate) == (term, leader)]
        if len({*granted} & {*configuration.voters}) < configuration.quorum:
            raise Broken("leaders have majorities", f"{NODES[leader]} leads term {term} by {granted}")
        return replace(self, elected=tuple(sorted({*self.elected, (term, leader)})))

    def forgetting(self, candidacies: tuple[int, ...]) -> "History":
        """Remove votes that no longer matter: their candidate campaigns in another term, or (0) not at all."""
        return replace(
            self,
            votes=tuple([vote for vote in self.votes if candidacies[vote[2]] == vote[0]]),
            asked=tuple([asked for asked in self.asked if candidacies[asked[1]] == asked[0]]),
        )

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
            asked=tuple(
                sorted(
                    [(t, places[each], renamed_id(named, names(places))) for t, each, named in self.asked], key=_order
                )
            ),
            elected=tuple(sorted((t, places[leader]) for t, leader in self.elected)),
            lease=(term, places[holder] if term else holder),
            members=self.members.renamed(places),
        )


def _order(asked: tuple[int, int, ConfigurationId]) -> tuple[int, int, int, int]:
    term, candidate, named = asked
    return term, candidate, named.term, named.version


@dataclass(frozen=True, slots=True)
class Votes:
    """The votes of one input to a node; nodes by place.

    Attributes:
        node: which one.
        configuration: of the node afterwards.
        granted: that it decided to give, each with term and candidate.
        stored: that reached its disk.
        elected: terms that it won.
        began: the term of the campaign that it began, or 0.
        again: votes on its disk that it gave again: their candidate stood in that term before, and a crash ended that.
    """

    node: int
    configuration: Configuration
    granted: tuple[tuple[int, int], ...]
    stored: tuple[tuple[int, int], ...]
    elected: tuple[int, ...]
    began: int
    again: tuple[tuple[int, int], ...]


class Histories:
    """All histories so far, each with a number; 0 is the empty one."""

    def __init__(self) -> None:
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

    def after(self, number: int, votes: Votes, candidacies: tuple[int, ...]) -> int:
        """Add the votes of one input; then forget votes for ended campaigns.

        Args:
            number: of the history before.
            votes: of the input.
            candidacies: the term of each node's campaign afterwards, or 0.
        """
        key = (number, votes, candidacies)
        after = self._after.get(key)
        if after is None:
            history = self._all[number]
            for term, candidate in votes.granted:
                if candidacies[candidate] == term:
                    history.check_asked(term, candidate, votes.node, votes.configuration)
            for term, candidate in votes.stored:
                history = history.stored(votes.node, term, candidate)
            for term in votes.elected:
                history.check_asked(term, votes.node, votes.node, votes.configuration)
                history = history.won(term, votes.node, votes.configuration)
            if votes.began:
                history = history.campaigned(votes.began, votes.node, votes.configuration)
            for term, candidate in votes.again:
                history = history.stored(votes.node, term, candidate)
            after = self._after[key] = self._number(history.forgetting(candidacies))
        return after

    def configured(
        self, number: int, node: int, configuration: Configuration, term: int, *, disks: Disks, now: int
    ) -> int:
        """Add a configuration that reached a disk: see `MembershipHistory`."""
        history = self._all[number]
        members = history.members.configured(node, configuration, term, disks=disks, now=now)
        return self._number(replace(history, members=members))

    def check(self, number: int, node: int, decision: Decision, *, disks: Disks, now: int) -> None:
        """Check a configuration that a node made."""
        if decision.rests_on_settled:
            self._all[number].members.check(node, decision, disks=disks, now=now)

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
