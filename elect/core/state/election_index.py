"""Which elections of a node are in which situation, so that no rule has to search all of them."""

from collections import OrderedDict
from collections.abc import Iterable

from elect.core.state.deadlines import Deadlines
from elect.core.state.election_state import ElectionState
from elect.core.state.scale import CampaignLimit, LeaseGroups


class ElectionIndex:
    """The lists of elections; each election calls `update` when its role changes. No rule does.

    Attributes:
        unreviewed: elections to consider before the input is done, in the order in which they came up.
        vacant: elections in which this node might campaign.
        campaigns: elections in which it does, and those that wait to.
        observed: elections that this node has not entered and knows from reports, in the order of their next review.
        lowerable: elections whose vote came to nothing, as the disk does not know yet.
        lease_groups: elections led here, by the peers that follow.
        deadlines: when each election is due, if nothing happens before.
        are_peers_changed: the order of the candidates has to be computed again, and every vacant election considered.
    """

    def __init__(self) -> None:
        self.unreviewed: OrderedDict[str, None] = OrderedDict()  # its first is removed in constant time
        self.vacant: dict[str, None] = {}
        self.campaigns = CampaignLimit()
        self.observed: dict[str, None] = {}
        self.lowerable: dict[str, None] = {}
        self.lease_groups = LeaseGroups()
        self.deadlines = Deadlines()
        self.are_peers_changed = True

    def update(self, election: ElectionState) -> None:
        """List an election where its role belongs now, and consider it before the input is done."""
        name = election.name
        self.unreviewed[name] = None
        if election.is_vacant:
            self.vacant[name] = None
        else:
            self.vacant.pop(name, None)
        if election.is_lowerable:
            self.lowerable[name] = None
        else:
            self.lowerable.pop(name, None)
        self.campaigns.update(election)
        self.lease_groups.update(election)
        self.deadlines.set(name, election.deadline)

    def review(self, names: Iterable[str]) -> None:
        """Consider elections before the input is done, because something else that they rest on has changed."""
        self.unreviewed.update(dict.fromkeys(names))

    def review_vacant(self) -> None:
        """Consider every vacant election before the input is done, but for those considered before they campaign."""
        waiting = self.campaigns.waiting
        self.review(name for name in self.vacant if name not in waiting)
