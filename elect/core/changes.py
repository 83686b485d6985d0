"""The changes of a configuration, as values, and the configuration that each leads to.

Only what the configuration itself tells is judged here. Whether enough voters live, and whether a learner is ready, the
leader judges: see `rules.membership`.

Source: PROTOCOL.md, section 7, "Changing".
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from elect.core.configuration import MEMBERS_MAX, ClusterState, Configuration, Member, MemberKind, check_successor
from elect.core.elect_error import ElectError


class ChangeRefusal(StrEnum):
    """The reason why a change was refused.

    Attributes:
        NOT_LEADER: this node does not lead `default` on a valid lease.
        IN_PROGRESS: the change before it is not over.
        TOO_FEW_LIVE: the voters that are left and are heard would be no quorum.
        ID_IN_USE: a member has that id already, and is another node or of another kind.
        NOT_MEMBER: no member has that id.
        NOT_READY: the learner lags behind.
        LEADER: the leader would have no vote; it hands over first.
        LAST_VOTER: nobody would have a vote.
        TOO_MANY: there are as many members as there can be.
        OTHER_CLUSTER: the cluster has another id already.
        STANDBY: the cluster is a standby cluster: it has no leader, and so nobody who changes it.
        SEALED: the cluster is sealed.
    """

    NOT_LEADER = "not_leader"
    IN_PROGRESS = "in_progress"
    TOO_FEW_LIVE = "too_few_live"
    ID_IN_USE = "id_in_use"
    NOT_MEMBER = "not_member"
    NOT_READY = "not_ready"
    LEADER = "leader"
    LAST_VOTER = "last_voter"
    TOO_MANY = "too_many"
    OTHER_CLUSTER = "other_cluster"
    STANDBY = "standby"
    SEALED = "sealed"


class ChangeRefused(ElectError, ValueError):  # noqa: N818 - an answer, not a fault of this program
    """A change was refused; the text says why, with numbers, and what to do.

    Attributes:
        refusal: the reason.
        text: the sentence.
    """

    def __init__(self, refusal: ChangeRefusal, text: str) -> None:
        super().__init__(refusal, text)
        self.refusal = refusal
        self.text = text

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class AddMember:
    """Add a node: a voter or a witness as a learner, which the leader promotes when it is ready.

    For a member of that kind and store it only sets the address.

    Attributes:
        store_id: of its store; None: the store that comes first.
        address: at which it is dialed; None: not known, or as before.
    """

    node_id: str
    kind: MemberKind = MemberKind.VOTER
    store_id: bytes | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveMember:
    """Remove a member; `is_forced`: even if too few voters are heard then."""

    node_id: str
    is_forced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PromoteMember:
    """Give a member a vote; `kind`: voter or witness, or None: the kind that it has, and voter for an observer."""

    node_id: str
    kind: MemberKind | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoteMember:
    """Make a member an observer."""

    node_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceMember:
    """Accept a member under another store: it is a learner until it is ready.

    Attributes:
        store_id: of that store; None: the next one that comes.
        address: at which it is dialed, or None: as before.
        is_forced: even if it is heard under its former store, or too few other voters are heard.
    """

    node_id: str
    store_id: bytes | None = None
    address: str | None = None
    is_forced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NameCluster:
    """Give the cluster its random id: propose it, or take over what is proposed once a quorum has that."""

    cluster_id: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """Have the cluster elect no leader any more: another site takes over.

    Attributes:
        successor: the addresses of that site, to which this cluster refers people from now on; or empty.
    """

    successor: str = ""

    def __post_init__(self) -> None:
        check_successor(self.successor)


Change = AddMember | RemoveMember | PromoteMember | DemoteMember | ReplaceMember | NameCluster | Seal


def changed(configuration: Configuration, change: Change) -> Configuration:
    """Return the members after a change, in a configuration of the same term and version.

    A change that is in force already returns the configuration itself.

    Raises:
        ChangeRefused: the members, or the state of the cluster, do not allow it.
    """
    if configuration.state is not ClusterState.ACTIVE:
        return _unchanged(configuration, change)
    match change:
        case AddMember():
            return _added(configuration, change)
        case NameCluster():
            return _named(configuration, change.cluster_id)
        case Seal():
            return replace(configuration, state=ClusterState.SEALED, successor=change.successor)
        case _:
            return _with_changed_member(configuration, change)


def _with_changed_member(
    configuration: Configuration, change: RemoveMember | PromoteMember | DemoteMember | ReplaceMember
) -> Configuration:
    member = configuration.member(change.node_id)
    if member is None:
        members = ", ".join(configuration.node_ids)
        text = f"{change.node_id!r} is no member; the members are {members}; name one of them"
        raise ChangeRefused(ChangeRefusal.NOT_MEMBER, text)
    match change:
        case RemoveMember():
            after = None
        case PromoteMember():
            after = _promoted(member, change.kind)
        case DemoteMember():
            after = replace(member, kind=MemberKind.OBSERVER, is_voter=False)
        case ReplaceMember():
            after = _replaced(member, change)
        case _:
            assert_never(change)
    result = _with(configuration, member, after)
    if not result.voters:
        text = f"{member.node_id!r} is the last voter; make another member a voter first"
        raise ChangeRefused(ChangeRefusal.LAST_VOTER, text)
    return result


def _unchanged(configuration: Configuration, change: Change) -> Configuration:
    """Refuse each change of a cluster that has no leader, but for the seal of a sealed one."""
    is_sealed = configuration.state is ClusterState.SEALED
    if is_sealed and isinstance(change, Seal):
        return configuration
    raise ChangeRefused(ChangeRefusal.SEALED if is_sealed else ChangeRefusal.STANDBY, why_not_active(configuration))


def why_not_active(configuration: Configuration) -> str:
    """Return the sentence that says why a cluster elects no leader, and what to do; empty for one that is active."""
    match configuration.state:
        case ClusterState.ACTIVE:
            return ""
        case ClusterState.STANDBY:
            return "this is a standby cluster: it has no leader before it is promoted"
        case ClusterState.SEALED:
            where = configuration.successor or "the cluster that has taken over"
            return f"this cluster is sealed: it has no leader any more; go to {where}"


def _added(configuration: Configuration, change: AddMember) -> Configuration:
    present = configuration.member(change.node_id)
    if present is not None:
        is_same_store = change.store_id is None or present.store_id in (None, change.store_id)
        if is_same_store and present.kind is change.kind:
            return _with(configuration, present, _at(present, change.address))
        store = "" if present.store_id is None else f" and store {present.store_id.hex()}"
        text = f"{present.node_id!r} has kind {present.kind}{store} already; take another id, or replace that member"
        raise ChangeRefused(ChangeRefusal.ID_IN_USE, text)
    if len(configuration.members) >= MEMBERS_MAX:
        text = f"there are {len(configuration.members)} members, as many as there can be; remove one first"
        raise ChangeRefused(ChangeRefusal.TOO_MANY, text)
    member = Member(
        node_id=change.node_id, kind=change.kind, is_voter=False, store_id=change.store_id, address=change.address
    )
    return _with(configuration, None, member)


def _named(configuration: Configuration, cluster_id: bytes) -> Configuration:
    if configuration.cluster_id is not None and configuration.cluster_id != cluster_id:
        text = (
            f"the cluster has the id {configuration.cluster_id.hex()} for good; name that one, or ask another cluster"
        )
        raise ChangeRefused(ChangeRefusal.OTHER_CLUSTER, text)
    if configuration.cluster_id is not None:
        return configuration
    proposed = configuration.proposed_cluster_id
    if proposed is None:
        return replace(configuration, proposed_cluster_id=cluster_id)
    return replace(configuration, cluster_id=proposed, proposed_cluster_id=None)


def _promoted(member: Member, kind: MemberKind | None) -> Member:
    if kind is None:
        kind = MemberKind.VOTER if member.kind is MemberKind.OBSERVER else member.kind
    if kind is MemberKind.OBSERVER:
        raise ValueError("kind is observer; voter or witness is needed; demote makes an observer")
    return replace(member, kind=kind, is_voter=True)


def _replaced(member: Member, change: ReplaceMember) -> Member:
    return replace(_at(member, change.address), is_voter=False, store_id=change.store_id)


def _at(member: Member, address: str | None) -> Member:
    """Return a member at an address; None: where it is.

    A caller that gives an address knows a later one than the configuration has: also where nothing else changes.
    """
    return member if address is None else replace(member, address=address)


def _with(configuration: Configuration, before: Member | None, after: Member | None) -> Configuration:
    if before == after:
        return configuration
    kept = [member for member in configuration.members if member is not before]
    members = sorted([*kept, after] if after is not None else kept, key=lambda member: member.node_id)
    return replace(configuration, members=tuple(members))
