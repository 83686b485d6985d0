"""Bounds and shortcuts for thousands of elections. Skip this file on a first reading.

With a handful of elections no bound of this file is reached, each group has one election, and all Knowledge fits one
message: the rules read as if this file did nothing.

Source: PROTOCOL.md, section 2, "Bounds".
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice, takewhile
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

CONSIDERED_MAX = 256
"""Elections considered after one input: some 10 ms. The rest follows after the next one, so no heartbeat waits."""

CAMPAIGNS_MAX = 4096
"""Live campaigns of one node: their Votes fill 16 frames to each peer."""

UNANSWERED_FIRST = 64
"""Votes that a peer, or the own disk, may have to answer at a time, until it has shown how fast it answers."""

UNANSWERED_MIN = 16
"""The least number of them: on a machine that does not answer those in time nobody is elected."""

OBSERVED_MAX = 256
"""Elections known from reports only that are considered again in one interval; more of them take more intervals."""

LOWERED_MAX = 256
"""Votes that are lowered in one interval: the disk writes them in some milliseconds, and nothing waits for them."""

LEADERLESS_MAX = 256
"""Elections of which peers are told in one interval that they have no leader any more: one message. Nobody waits for
it, and most have a new leader before."""

FAILBACKS_MAX = 64
"""Elections handed back in one turn: the successor has as many Votes unanswered at first, so it asks for all at once,
before another node's turn comes. 10,000 elections of three nodes are shared again within six seconds."""

CHECKED_MAX = 256
"""Elections in one interval whose head is computed for failback: less than a millisecond."""

OWED_MAX = 1024
"""Leads, Resigns, and Abandons, repeated to one peer in one interval, each. One that never answers costs no more, and
one that starts has answered these before it gets them again."""


def rotate(waiting: dict[str, Item], count: int) -> list[str]:
    """Return the first `count` names that wait, and move them behind the others."""
    names = list(islice(waiting, count))
    for name in names:
        waiting[name] = waiting.pop(name)
    return names


class VoteWindow:
    """The Votes that one peer has not answered yet, or the own ones that are not on disk, and how many there may be.

    A campaign has two turns. A node that asks for more votes at once than its peers and its disk can give in that time
    would see all campaigns time out, again and again. So it begins with few. Each answer within a quarter of a
    campaign's time allows one more, so the number at most doubles from one answer to the next, and answers then take
    half of that time. A Vote without an answer in time halves it. (TCP finds the capacity of a path in the same way.)

    A window is of one peer, although a majority elects: a slow peer that the others outvote would fall behind for good.

    Source: Jacobson, "Congestion Avoidance and Control", 1988.
    """

    def __init__(self) -> None:
        self.size = UNANSWERED_FIRST
        self._asked: OrderedDict[str, tuple[int, int]] = OrderedDict()  # its first is found in constant time
        self._halved_at = 0
        self._is_full = False

    def is_full(self, now: int) -> bool:
        """Return whether no other campaign may begin now."""
        lost = list(takewhile(lambda name: self._asked[name][1] <= now, self._asked))
        # Of those that were asked since it was halved: the others met the same delay.
        if lost and self._asked[lost[-1]][0] >= self._halved_at:
            self.size = max(UNANSWERED_MIN, len(self._asked) // 2)
            self._halved_at = now
        for name in lost:
            del self._asked[name]
        # Until half of them are answered: with one campaign for each answer all would travel in messages of their own.
        self._is_full = len(self._asked) > (self.size // 2 if self._is_full else self.size - 1)
        return self._is_full

    def ask(self, election: str, now: int, ends_at: int) -> None:
        """Count the Vote of a campaign that ends at that time (ns) at the latest."""
        self._asked.pop(election, None)
        self._asked[election] = (now, ends_at)

    def clear(self) -> None:
        """Expect no more answers: the link on which the Votes were sent is closed."""
        self._asked.clear()

    def answer(self, election: str, now: int) -> None:
        """Count an answer; one that comes soon allows one more, where more than half of what is allowed was asked."""
        is_used = 2 * len(self._asked) > self.size  # else it would grow for good while nothing waits for it
        asked_at, ends_at = self._asked.pop(election, (0, 0))
        if is_used and now - asked_at < (ends_at - asked_at) // 4:
            self.size = min(CAMPAIGNS_MAX, self.size + 1)


class CampaignLimit:
    """The live campaigns, and the elections that wait until another one may begin.

    Attributes:
        live: elections in which this node campaigns.
        waiting: elections whose time to campaign has come, in order.
        own_window: of this node's votes for itself, which its disk answers.
    """

    def __init__(self) -> None:
        self.own_window = VoteWindow()
        self.live: set[str] = set()
        self.waiting: OrderedDict[str, None] = OrderedDict()

    def is_reached(self, now: int, windows: Iterable[VoteWindow]) -> bool:
        """Return whether no other campaign may begin now, by the own window and those of all peers."""
        is_full = self.own_window.is_full(now) or any(window.is_full(now) for window in windows)
        return is_full or len(self.live) >= CAMPAIGNS_MAX

    def update(self, election: ElectionState) -> None:
        """Count an election while this node campaigns in it."""
        if election.campaign is None:
            self.live.discard(election.name)
        else:
            self.live.add(election.name)


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
