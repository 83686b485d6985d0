"""The configurations that one node makes and installs, and what it breaks alone in doing so.

Source: PROTOCOL.md, section 7.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from elect.core.changes import DemoteMember, PromoteMember, RemoveMember
from elect.core.configuration import Configuration
from elect.testing.checkers.membership_rules import place, votes, words

Fault = tuple[str, str]
"""A promise that is broken, and the detail."""


CHANGES: Mapping[str, type[DemoteMember] | type[RemoveMember] | type[PromoteMember]] = {
    "demote": DemoteMember,
    "remove": RemoveMember,
    "promote": PromoteMember,
}
"""The changes that a step may ask for, by its verb."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A configuration that a node decided for.

    Attributes:
        before: the one before it.
        after: the one that counts now.
        following: the voters that follow the node on a lease of `default` at that moment, by name.
        is_made: the node made it; otherwise another node sent it.
    """

    before: Configuration
    after: Configuration
    following: frozenset[str] = frozenset()
    is_made: bool

    @property
    def rests_on_settled(self) -> bool:
        """Return whether a quorum has to have the configuration before."""
        return self.is_made and votes(self.before) != votes(self.after)


def faults(decision: Decision, node_id: str, term: int, *, is_leased: bool) -> Iterator[Fault]:
    """Yield what is wrong with a decision, as far as the node itself can see.

    Args:
        decision: for which configuration.
        node_id: the node that decided.
        term: of the lease that it holds, or 0.
        is_leased: that lease is valid.
    """
    before, after = decision.before, decision.after
    is_vote_changed = votes(before) != votes(after)
    problems = {"is older": place(after) <= place(before)}
    if decision.is_made:
        is_restamp = replace(after, term=before.term) == before
        problems |= {
            "is not the next one": after.version != before.version + (not is_restamp),
            "is not of the term of its maker": after.term != term or after.term < before.term,
            "gives its maker no vote": node_id not in after.voters,
            "is made without a lease": not is_leased,
            "takes over the version of another term": is_vote_changed and before.term != after.term,
            "changes several votes": len(dict(votes(before) ^ votes(after))) > 1,
            "has another floor": not is_vote_changed and after.floor != before.floor,
        }
    for problem, is_found in problems.items():
        if is_found:
            detail = f"{node_id} decides for {words(after)}, which {problem}; before: {words(before)}"
            yield "changes wait for their turn", detail
