"""Elections led here, grouped by who follows: one end of a lease serves thousands of them."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from elect.core.state.election_state import ElectionState

Followers = frozenset[str]


@dataclass(slots=True)
class LeaseGroup:
    """Elections led here that the same peers follow: their leases end together.

    Attributes:
        told: elections whose application was told that it leads, in the order of telling.
        untold: the others: no lease yet, or a lapsed one.
    """

    told: dict[str, None] = field(default_factory=dict)
    untold: dict[str, None] = field(default_factory=dict)

    def side(self, *, is_told: bool) -> dict[str, None]:
        """Return the elections on one of the two sides."""
        return self.told if is_told else self.untold


class LeaseGroups:
    """The groups, by followers; a group without elections is dropped."""

    def __init__(self) -> None:
        self._groups: dict[Followers, LeaseGroup] = {}
        self._places: dict[str, tuple[Followers, bool]] = {}

    def __iter__(self) -> Iterator[tuple[Followers, LeaseGroup]]:
        """Iterate over a copy, so that elections may change groups meanwhile."""
        return iter(list(self._groups.items()))

    def __len__(self) -> int:
        return len(self._groups)

    def update(self, election: ElectionState) -> None:
        """Have an election in the group of its followers, on the side that its application was told of."""
        leadership = election.leadership
        place = None
        if leadership is not None and leadership.resigning is None:
            place = leadership.followers, leadership.is_told
        before = self._places.get(election.name)
        if place == before:
            return
        if place is None:
            del self._places[election.name]
        else:
            self._places[election.name] = place
            group = self._groups.setdefault(place[0], LeaseGroup())
            group.side(is_told=place[1])[election.name] = None
        if before is not None:
            self._remove(election.name, *before)

    def _remove(self, name: str, followers: Followers, is_told: bool) -> None:
        group = self._groups[followers]
        del group.side(is_told=is_told)[name]
        if not (group.told or group.untold):
            del self._groups[followers]
