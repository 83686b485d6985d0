"""A snapshot of a node for operators: immutable, taken at one moment."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from elect.core.changes import Change
from elect.core.configuration import ClusterState, Configuration
from elect.core.events import Objection, Role
from elect.core.messages import TERM_MAX, Number, RefusalReason, Standing
from elect.core.rules import campaigning, failback, known_leader, leading, membership, sites
from elect.core.state.election_state import ElectionState
from elect.core.state.node_state import NodeState
from elect.core.state.peer_support import Peer


class WhyNoLeader(StrEnum):
    """The reason why this node does not lead an election."""

    LEADING = "leading"
    FOLLOWING = "following"
    VOTED = "voted"
    STANDBY = "standby"
    SEALED = "sealed"
    NOT_VOTER = "not_voter"
    NOT_STANDING = "not_standing"
    PAUSED = "paused"
    UNHEALTHY = "unhealthy"
    WITNESS = "witness"
    STORE_FAILING = "store_failing"
    OTHER_STORE = "other_store"
    BOOT_FENCE = "boot_fence"
    RESTING = "resting"
    CONFIGURATION = "configuration"
    NO_QUORUM = "no_quorum"
    OFFSET = "offset"
    LEADER_ELSEWHERE = "leader_elsewhere"
    CAMPAIGNING = "campaigning"
    NO_LEASE = "no_lease"
    RESIGNING = "resigning"
    TERMS_USED_UP = "terms_used_up"
    NOT_ITS_TURN = "not_its_turn"


@dataclass(frozen=True, slots=True, kw_only=True)
class ElectionSnapshot:
    """One election; times in ns of the node's clock, 0 where there is none; `failback_ns` is None for never."""

    name: str
    role: Role
    term: int
    voted_for: str | None
    durable_term: int
    is_entered: bool
    leader: str | None
    leader_term: int
    lease_until: int
    followers: tuple[str, ...]
    failback_ns: int | None
    waiting: WhyNoLeader
    refusals: tuple[tuple[str, RefusalReason], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerSnapshot:
    """One peer, both ways; times in ns of the node's clock, 0 where there is none.

    `is_configuration_same` is None until a heartbeat was read. `lacks` is what keeps a learner from its vote, as the
    leader of `default` sees it, or None.
    """

    node_id: str
    accepted: Number | None
    opened: Number | None
    is_trusted: bool
    is_supported: bool
    promised_until: int
    counted_until: int
    supports: tuple[str, ...]
    rank: Standing | None
    is_configuration_same: bool | None
    objection: Objection | None
    detail: str
    lacks: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ElectorSnapshot:
    """The state of one node at one moment.

    Attributes:
        members: the configuration that the node has decided for, whole.
        is_settled: this node leads `default`, and no change that it made is under way.
        pending: the change that this node makes next, or None.
        highest_term: the highest one that this node knows of, in any election.
        leases_over_at: when each lease of a sealed cluster is over (ns); 0: the seal is not known to be complete.
    """

    now: int
    node_id: str
    incarnation: int
    voters: tuple[str, ...]
    configuration: str
    quorum: int
    members: Configuration
    is_settled: bool
    pending: Change | None
    highest_term: int
    leases_over_at: int
    rank: Standing
    is_paused: bool
    is_healthy: bool
    is_storing: bool
    is_disputed: bool
    strangers: tuple[str, ...]
    fence_until: int
    supported_until: int
    peers: tuple[PeerSnapshot, ...]
    elections: tuple[ElectionSnapshot, ...]


def take_snapshot(state: NodeState, now: int, names: Collection[str] | None = None) -> ElectorSnapshot:
    """The node as of its last input, with the elections of these names, or with all; `now` is only noted."""
    elections = state.elections
    chosen = elections.values() if names is None else [elections[name] for name in names if name in elections]
    return ElectorSnapshot(
        now=now,
        node_id=state.id,
        incarnation=state.incarnation,
        voters=state.voters,
        configuration=state.configuration.id.digest.hex(),
        quorum=state.configuration.quorum,
        members=state.configuration,
        is_settled=membership.is_settled(state),
        pending=state.membership.pending,
        highest_term=sites.highest_term(state),
        leases_over_at=sites.leases_over_at(state),
        rank=state.rank,
        is_paused=state.is_paused,
        is_healthy=state.is_healthy,
        is_storing=state.is_storing,
        is_disputed=state.is_disputed,
        strangers=tuple(state.strangers),
        fence_until=state.fence_until,
        supported_until=state.supported_until,
        peers=tuple(_peer(state, peer) for peer in state.support.peers.values()),
        elections=tuple(_election(state, election) for election in chosen),
    )


def _peer(state: NodeState, peer: Peer) -> PeerSnapshot:
    heartbeat = peer.heartbeat
    return PeerSnapshot(
        node_id=peer.id,
        accepted=peer.accepted,
        opened=peer.opened,
        is_trusted=peer.is_trusted,
        is_supported=peer.session is not None,
        promised_until=peer.promised_until,
        counted_until=peer.counted_until,
        supports=peer.supported_ids,
        rank=None if heartbeat is None else heartbeat.standing,
        is_configuration_same=_is_configuration_same(state, peer),
        objection=peer.objection,
        detail=peer.detail,
        lacks=membership.describe_lack(state, peer),
    )


def _is_configuration_same(state: NodeState, peer: Peer) -> bool | None:
    if peer.objection in (Objection.UNKNOWN_NODE, Objection.OTHER_VOTERS):
        return False
    return None if peer.heartbeat is None else peer.heartbeat.configuration == state.configuration.id


def _election(state: NodeState, election: ElectionState) -> ElectionSnapshot:
    leadership = election.leadership
    is_held = leadership is not None and leadership.is_told
    leader, leader_term = election.leader
    return ElectionSnapshot(
        name=election.name,
        role=election.role,
        term=election.term,
        voted_for=election.ballot.voted_for,
        durable_term=election.durable.term,
        is_entered=election.is_entered,
        leader=leader,
        leader_term=leader_term,
        lease_until=leading.lease_until(state, leadership.followers) if leadership is not None and is_held else 0,
        followers=tuple(sorted(leadership.followers)) if leadership is not None else (),
        failback_ns=failback.after_ns(state, election.name),
        waiting=_waiting(state, election),
        refusals=tuple(sorted(election.refusals.items())),
    )


def _waiting(state: NodeState, election: ElectionState) -> WhyNoLeader:
    leadership = election.leadership
    if leadership is not None and leadership.resigning is not None:
        return WhyNoLeader.RESIGNING
    if leadership is not None:
        return WhyNoLeader.LEADING if leadership.is_told else WhyNoLeader.NO_LEASE
    if election.following is not None:
        return WhyNoLeader.FOLLOWING if election.following.is_elected else WhyNoLeader.VOTED
    if election.campaign is not None:
        return WhyNoLeader.CAMPAIGNING
    return _unfit(state, election) or _outnumbered(state, election)


def _unfit(state: NodeState, election: ElectionState) -> WhyNoLeader | None:
    """Return what this node itself lacks, or None."""
    has_lost_votes = any(peer.objection is Objection.OTHER_STORE for peer in state.other_voters)
    lacks = (
        (state.configuration.state is ClusterState.STANDBY, WhyNoLeader.STANDBY),
        (state.is_sealed, WhyNoLeader.SEALED),
        (not state.is_voter, WhyNoLeader.NOT_VOTER),
        (not election.is_entered, WhyNoLeader.NOT_STANDING),
        (state.is_paused, WhyNoLeader.PAUSED),
        (not state.is_healthy, WhyNoLeader.UNHEALTHY),
        (state.priority == 0 or state.membership.is_witness, WhyNoLeader.WITNESS),
        (not state.is_storing, WhyNoLeader.STORE_FAILING),
        (has_lost_votes, WhyNoLeader.OTHER_STORE),
        (state.is_disputed, WhyNoLeader.CONFIGURATION),
        (state.is_fenced, WhyNoLeader.BOOT_FENCE),
        (election.rests_until > state.now, WhyNoLeader.RESTING),
    )
    return next((waiting for is_lacking, waiting in lacks if is_lacking), None)


def _outnumbered(state: NodeState, election: ElectionState) -> WhyNoLeader:
    """Return what the other nodes do not give."""
    if state.supported_until <= state.now:
        return WhyNoLeader.NO_QUORUM
    if not campaigning.is_free(state, election) or known_leader.reported_leaders(state, election):
        return WhyNoLeader.LEADER_ELSEWHERE
    if RefusalReason.OFFSET in election.refusals.values():
        return WhyNoLeader.OFFSET
    if campaigning.next_term(state, election) > TERM_MAX:
        return WhyNoLeader.TERMS_USED_UP
    return WhyNoLeader.NOT_ITS_TURN
