"""The part of one node's state that only changes of the members need.

Source: PROTOCOL.md, section 7, "Changing" and "Former members".
"""

from dataclasses import dataclass

from elect.core.changes import Change
from elect.core.configuration import Configuration, Member, MemberKind
from elect.core.membership_messages import InstallReport
from elect.core.messages import ConfigurationId, Number
from elect.core.quorum import FOREVER

Order = tuple[int, int]
"""The place of a configuration among all: (term, version)."""


def order(configuration: ConfigurationId) -> Order:
    """Return the place of a configuration among all."""
    return configuration.term, configuration.version


@dataclass(slots=True)
class PeerMembership:
    """The part of a peer that only changes of the members need.

    Attributes:
        left_at: when it was removed (ns), and `left_in` by which configuration.
        waiting_link: the latest link of its next store, and whether it is trusted; accepted when no promise to the
            former store can be counted any more.
        offered: the configuration that was sent to it last, and `offered_at` when (ns).
        is_report_due: it waits for a report.
        report: its latest one.
        ready_since: since when a learner has all that a voter needs (ns), or None.
    """

    left_at: int = 0
    left_in: Order = (0, 0)
    waiting_link: tuple[Number, bool] | None = None
    offered: ConfigurationId | None = None
    offered_at: int = 0
    is_report_due: bool = False
    report: InstallReport | None = None
    ready_since: int | None = None


class MembershipState:
    """The change under way.

    Attributes:
        own: this node as the configuration has it, or None: it is no member.
        is_witness: it votes and never leads.
        store_id: of its store, or None: stores are not compared.
        installed: the configuration that is on disk; heartbeats show this one.
        is_written: it is the one that this node has decided for.
        is_made: a leader made that one; otherwise it is the list in the settings.
        has_former: some peer is no member any more.
        pending: the change that is made when the restamped configuration has settled, or None.
        settling_since: since when a quorum that follows is known to have installed exactly this configuration (ns).
        due_at: when the wait since then is over (ns).
    """

    def __init__(self, own: Member | None, store_id: bytes | None, configuration: Configuration) -> None:
        self.store_id = store_id
        self.has_former = False
        self.installed = configuration
        self.begin(own, configuration)
        self.is_written = True

    def begin(self, own: Member | None, configuration: Configuration) -> None:
        """Begin with another configuration, which is not on disk yet."""
        self.own = own
        self.is_witness = own is not None and own.kind is MemberKind.WITNESS
        self.is_written = False
        self.is_made = (configuration.term, configuration.version) > (0, 0)
        self.pending: Change | None = None
        self.settling_since: int | None = None
        self.due_at = FOREVER

    @property
    def is_store_named(self) -> bool:
        """Return whether the configuration names the store that this node has."""
        return self.own is not None and self.store_id is not None and self.own.store_id == self.store_id

    def votes_as(self, member: Member | None) -> bool:
        """Return whether this node has a vote as that member, under the store that it has."""
        if member is None or not member.is_voter:
            return False
        return None in (member.store_id, self.store_id) or member.store_id == self.store_id

    def may_lead_as(self, member: Member | None) -> bool:
        """Return whether this node may lead as that member."""
        return member is not None and member.kind is MemberKind.VOTER and self.votes_as(member)
