"""The changes between two configurations, one for each member: for logs, events and metrics."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from elect.core.changes import (
    AddMember,
    Change,
    DemoteMember,
    NameCluster,
    PromoteMember,
    RemoveMember,
    ReplaceMember,
    Seal,
)
from elect.core.configuration import ClusterState, Configuration, Member, MemberKind


class MembershipChange(StrEnum):
    """A change of one member, or of the cluster.

    Attributes:
        ADD: the node is a new member.
        REMOVE: the node is no member any more.
        PROMOTE: the member has a vote now, or votes in another part.
        DEMOTE: the member is an observer now.
        REPLACE: the member is to vote with another store, once it is ready.
        NAME: the cluster has an id now.
        SEAL: the cluster elects nobody any more.
        ACTIVATE: the cluster elects leaders now. It was a standby cluster, or a seal that was not complete is lost.
    """

    ADD = "add"
    REMOVE = "remove"
    PROMOTE = "promote"
    DEMOTE = "demote"
    REPLACE = "replace"
    NAME = "name"
    SEAL = "seal"
    ACTIVATE = "activate"


SORTS: Mapping[type[Change], MembershipChange] = {
    AddMember: MembershipChange.ADD,
    RemoveMember: MembershipChange.REMOVE,
    PromoteMember: MembershipChange.PROMOTE,
    DemoteMember: MembershipChange.DEMOTE,
    ReplaceMember: MembershipChange.REPLACE,
    NameCluster: MembershipChange.NAME,
    Seal: MembershipChange.SEAL,
}
"""The sort of each change that can be asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberChange:
    """One change.

    Attributes:
        change: its sort.
        node_id: of the member; None for a change of the cluster.
        member: the member after the change; None: there is none any more.
    """

    change: MembershipChange
    node_id: str | None
    member: Member | None = None


def changes_between(before: Configuration, after: Configuration) -> Iterator[MemberChange]:
    """Yield the changes from one configuration to a later one, by node id; several steps may lie between them.

    Addresses are hints: a new one is no change.
    """
    if before.cluster_id is None and after.cluster_id is not None and before.members:
        yield MemberChange(change=MembershipChange.NAME, node_id=None)
    if before.state is not after.state and before.members:
        is_sealed = after.state is ClusterState.SEALED
        yield MemberChange(change=MembershipChange.SEAL if is_sealed else MembershipChange.ACTIVATE, node_id=None)
    for node_id in sorted({*before.node_ids, *after.node_ids}):
        member = after.member(node_id)
        change = _change(before.member(node_id), member)
        if change is not None:
            yield MemberChange(change=change, node_id=node_id, member=member)


def _change(before: Member | None, after: Member | None) -> MembershipChange | None:
    if before is None or after is None:
        return MembershipChange.ADD if before is None else MembershipChange.REMOVE
    if after.kind is MemberKind.OBSERVER and before.kind is not MemberKind.OBSERVER:
        return MembershipChange.DEMOTE
    if after.is_voter:
        is_same = before.is_voter and before.kind is after.kind
        return None if is_same else MembershipChange.PROMOTE
    if before.is_voter or before.store_id not in (None, after.store_id):
        return MembershipChange.REPLACE
    return None
