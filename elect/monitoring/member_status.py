"""The members of the cluster as a node sees them: a part of its status."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from elect.core.changes import Change
from elect.core.configuration import Configuration, Member, MemberKind
from elect.monitoring.membership_changes import SORTS
from elect.monitoring.peer_health import PeerHealth


class MemberState(StrEnum):
    """The part that a member takes now.

    A voter votes and leads. A witness votes and never leads. A learner is to vote, and does not yet. An observer does
    neither.
    """

    VOTER = "voter"
    WITNESS = "witness"
    LEARNER = "learner"
    OBSERVER = "observer"


def state_of(member: Member) -> MemberState:
    """Return the part that a member takes now."""
    return MemberState.LEARNER if member.is_learner else MemberState(member.kind.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberStatus:
    """One member of the cluster.

    Attributes:
        node_id: its id.
        kind: the part that it takes once it is ready.
        state: the part that it takes now.
        address: the address at which other nodes dial it, or None: not known.
        written_address: the one in the configuration, which each member has on disk; the leader writes a new one there.
        store_id: of the only store under which it may vote, in hex; None: the one that each node met first.
        is_self: it is the node that was asked.
        is_supported: it supports the node that was asked.
        has_installed: it has the same configuration on disk, as far as the node that was asked knows.
        lacks: what a learner lacks to be a voter, as a sentence of the leader; None: another node was asked.
        health: None for the node that was asked.
    """

    node_id: str
    kind: MemberKind
    state: MemberState
    address: str | None = None
    written_address: str | None = None
    store_id: str | None = None
    is_self: bool = False
    is_supported: bool = False
    has_installed: bool = False
    lacks: str | None = None
    health: PeerHealth | None = None

    def to_dict(self) -> dict[str, object]:
        """Return the content as JSON types."""
        return {
            "node": self.node_id,
            "kind": self.kind.value,
            "state": self.state.value,
            "address": self.address,
            "written_address": self.written_address,
            "store": self.store_id,
            "is_self": self.is_self,
            "is_supported": self.is_supported,
            "has_installed": self.has_installed,
            "lacks": self.lacks,
            **({} if self.health is None else self.health.to_dict()),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipStatus:
    """The configuration of a node, and its members.

    Attributes:
        configuration: the one that the node has decided for.
        members: one for each, sorted by id.
        is_settled: the next change can be made at once; None: another node leads.
        pending: the change that is made next, or None.
        leases_over_in: the seconds after which a sealed cluster has no lease any more; None: it is not sealed, or the
            node does not know yet that the seal is complete.
        highest_term: the highest one that the node knows of, in any election.
    """

    configuration: Configuration
    members: tuple[MemberStatus, ...]
    is_settled: bool | None = None
    pending: Change | None = None
    leases_over_in: float | None = None
    highest_term: int = 0

    @property
    def has_quorum(self) -> bool:
        """Return whether a quorum of its voters has installed the configuration."""
        voters = set(self.configuration.voters)
        installed = sum(member.has_installed for member in self.members if member.node_id in voters)
        return bool(voters) and installed >= self.configuration.quorum

    def to_dict(self) -> dict[str, object]:
        """Return the content as JSON types."""
        configuration = self.configuration
        cluster_id = configuration.cluster_id
        return {
            "configuration": configuration.id.digest.hex(),
            "term": configuration.term,
            "version": configuration.version,
            "floor": configuration.floor,
            "cluster_id": None if cluster_id is None else cluster_id.hex(),
            "state": configuration.state.value,
            "successor": configuration.successor or None,
            "promotion_floor": configuration.promotion_floor or None,
            "leases_over_in": self.leases_over_in,
            "highest_term": self.highest_term,
            "has_quorum": self.has_quorum,
            "is_settled": self.is_settled,
            "pending": None if self.pending is None else SORTS[type(self.pending)].value,
            "quorum": configuration.quorum if configuration.voters else None,
            "members": [member.to_dict() for member in self.members],
        }


def membership(
    configuration: Configuration,
    node_id: str,
    *,
    supported_by: Collection[str],
    installed_by: Collection[str],
    lacks: Mapping[str, str | None],
    address: Callable[[str], str | None],
    health: Callable[[str], PeerHealth],
) -> MembershipStatus:
    """Return the members as one node sees them.

    Args:
        configuration: the one that the node has installed.
        node_id: the node.
        supported_by: the nodes that support it.
        installed_by: the nodes, perhaps this one too, that have the same configuration on disk, as far as it is known.
        lacks: what each learner lacks, if this node leads.
        address: returns the address at which a node is dialed.
        health: returns the health of a peer.
    """

    def status(member: Member) -> MemberStatus:
        is_self = member.node_id == node_id
        return MemberStatus(
            node_id=member.node_id,
            kind=member.kind,
            state=state_of(member),
            address=address(member.node_id) or member.address,
            written_address=member.address,
            store_id=None if member.store_id is None else member.store_id.hex(),
            is_self=is_self,
            is_supported=member.node_id in supported_by,
            lacks=lacks.get(member.node_id),
            has_installed=member.node_id in installed_by,
            health=None if is_self else health(member.node_id),
        )

    return MembershipStatus(configuration=configuration, members=tuple(map(status, configuration.members)))
