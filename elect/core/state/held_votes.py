"""The Votes that came while this node was still bound, each for a moment.

Source: PROTOCOL.md, section 6, "Asking at once".
"""

from collections.abc import Mapping
from dataclasses import dataclass

from elect.core.messages import ConfigurationId, Number, Vote

HELD_MAX = 16_384
"""Votes that one node holds: those of four nodes with all the campaigns that may live at once. They take 5 MB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldVote:
    """A Vote that waits for its answer.

    Attributes:
        configuration: of the candidate, when it asked.
        link: on which it came.
        until: when it is refused if this node is still bound (ns).
    """

    vote: Vote
    configuration: ConfigurationId
    link: Number
    until: int


class HeldVotes:
    """At most one Vote of each candidate in each election, and no more than HELD_MAX."""

    def __init__(self) -> None:
        self._votes: dict[str, dict[str, HeldVote]] = {}
        self._count = 0

    def of(self, election: str) -> Mapping[str, HeldVote]:
        """Return the Votes that are held in an election, by candidate."""
        return self._votes.get(election, {})

    @property
    def elections(self) -> list[str]:
        """Return the elections in which a Vote is held."""
        return list(self._votes)

    def drop_candidate(self, candidate: str) -> None:
        """Hold no Vote of a candidate any longer."""
        for election in self.elections:
            self.drop(election, candidate)

    def add(self, candidate: str, held: HeldVote) -> bool:
        """Hold a Vote in the place of an earlier one; return False if there are too many."""
        self.drop(held.vote.election, candidate)
        if self._count >= HELD_MAX:
            return False
        self._votes.setdefault(held.vote.election, {})[candidate] = held
        self._count += 1
        return True

    def drop(self, election: str, candidate: str) -> None:
        """Hold a candidate's Vote no longer."""
        votes = self._votes.get(election, {})
        self._count -= votes.pop(candidate, None) is not None
        if not votes:
            self._votes.pop(election, None)
