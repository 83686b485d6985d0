"""Bounds and shortcuts for thousands of elections. Skip this file on a first reading.

With a handful of elections no bound of this file is reached, each group has one election, and all Knowledge fits one
message: the rules read as if this file did nothing.

Source: PROTOCOL.md, section 2, "Bounds".
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from elect.core.messages import Knowledge
from elect.core.state.election_state import ElectionState

Item = TypeVar("Item")
Followers = frozenset[str]

ELECTIONS_MAX = 100_000
"""Elections of one node: they take about 150 MB."""

FOREIGN_MAX = 16_384
"""Of these, elections that the node has not entered. Peers name them, and each that has got a vote costs memory and
disk for good. What peers say of more is ignored, as if it had been lost."""

CONSIDERED_MAX = 1024
"""Elections considered after one input: some 10 ms. The rest follows after the next one, so no heartbeat waits."""

CAMPAIGNS_MAX = 4096
"""Live campaigns of one node: their Votes fill 16 frames to each peer."""

CAMPAIGNS_MIN = 16
"""Live campaigns that are always allowed, whatever timed out: their Votes fit one message."""

OBSERVED_MAX = 256
"""Elections known from reports only that are considered again in one interval; more of them take more intervals."""

FAILBACKS_MAX = 64
"""Elections handed back in one interval: their campaigns end in a part of it, and the Votes fit one message."""

CHECKED_MAX = 256
"""Elections in one interval whose head is computed for failback: less than a millisecond."""

OWED_MAX = 1024
"""Resigns, and Abandons, repeated to one peer in one interval, so that a peer that never answers costs no more."""


def rotate(waiting: dict[str, Item], count: int) -> list[str]:
    """Return the first `count` names that wait, and move them behind the others."""
    names = list(islice(waiting, count))
    for name in names:
        waiting[name] = waiting.pop(name)
    return names


class CampaignLimit:
    """The live campaigns, and the elections that wait until one of them ends.

    A campaign has two turns. A node that begins more of them at once than it and its peers can end in that time
    would see all of them time out, again and again. So the limit is halved when some do, and grows by one with each
    campaign that is won.

    Attributes:
        live: elections in which this node campaigns.
        live_max: the number that may live now.
        waiting: elections whose time to campaign has come, in order.
    """

    def __init__(self) -> None:
        self.live: set[str] = set()
        self.live_max = CAMPAIGNS_MAX
        self.waiting: OrderedDict[str, None] = OrderedDict()

    @property
    def is_reached(self) -> bool:
        """Return whether no other campaign may begin now."""
        return len(self.live) >= self.live_max

    def update(self, election: ElectionState) -> None:
        """Count an election while this node campaigns in it."""
        if election.campaign is None:
            self.live.discard(election.name)
        else:
            self.live.add(election.name)

    def raise_after_win(self) -> None:
        """Allow one more campaign at a time."""
        self.live_max = min(CAMPAIGNS_MAX, self.live_max + 1)

    def halve_after_timeout(self) -> None:
        """Allow half of the campaigns that live now."""
        self.live_max = max(CAMPAIGNS_MIN, len(self.live) // 2)


@dataclass(slots=True)
class KnowledgeNumbers:
    """The numbers of the Knowledge on one pair of links: with them only changes are sent, and a loss is noticed.

    Attributes:
        received: of the peer's latest Knowledge taken on its link.
        sent: of the latest one sent on this node's link to the peer.
        acked: of the latest one that the peer says it took.
        ack_due: of the one that should be acked by `check_at` (ns).
    """

    received: int = 0
    sent: int = 0
    acked: int = 0
    ack_due: int = 0
    check_at: int = 0

    def restart_sending(self) -> None:
        """Begin again on a new link."""
        self.sent = self.acked = self.ack_due = 0

    def receive(self, knowledge: Knowledge) -> bool:
        """Accept the next number; False for one that is late, or that comes after a gap and does not replace all."""
        is_next = knowledge.number == self.received + 1
        if knowledge.number <= self.received or not (knowledge.whole or is_next):
            return False
        self.received = knowledge.number
        return True

    def has_missed(self, now: int, period_ns: int) -> bool:
        """Return whether something sent a period ago is not acked by now; asked again only after another period."""
        if now < self.check_at:
            return False
        has_missed = self.acked < self.ack_due
        self.ack_due = self.sent
        self.check_at = now + period_ns
        return has_missed


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
    """The elections led here by the peers that follow: one end of a lease serves thousands of them.

    The groups, by followers; a group without elections is dropped.
    """

    def __init__(self) -> None:
        self._groups: dict[Followers, LeaseGroup] = {}
        self._places: dict[str, tuple[Followers, bool]] = {}

    def __iter__(self) -> Iterator[tuple[Followers, LeaseGroup]]:
        """Iterate over a copy, so that elections may change groups meanwhile."""
        return iter(list(self._groups.items()))

    def __len__(self) -> int:
        return len(self._groups)

    def update(self, election: ElectionState) -> None:
        """Move an election to the group of its followers, and to the side of what its application was told."""
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
