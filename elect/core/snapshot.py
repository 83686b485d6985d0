"""A snapshot of a node for operators: immutable, taken at one moment."""

from dataclasses import dataclass
from enum import StrEnum

from elect.core.events import Objection, Role
from elect.core.messages import TERM_MAX, Number, RefusalReason, Standing
from elect.core.rules import campaigning, failback, following, leading
from elect.core.state.election_state import ElectionState
from elect.core.state.node_state import NodeState
from elect.core.state.peer_support import Peer


class WhyNoLeader(StrEnum):
    """The reason why this node does not lead an election."""

    LEADING = "leading"
    FOLLOWING = "following"
    VOTED = "voted"
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

    `is_configuration_same` is None until a heartbeat was read.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ElectorSnapshot:
    """The state of one node at one moment."""

    now: int
    node_id: str
    incarnation: int
    voters: tuple[str, ...]
    configuration: str
    quorum: int
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


def take_snapshot(state: NodeState, now: int) -> ElectorSnapshot:
    """The whole node, as of its last input; `now` is only noted."""
    return ElectorSnapshot(
        now=now,
        node_id=state.id,
        incarnation=state.incarnation,
        voters=state.voters,
        configuration=state.configuration.id.digest.hex(),
        quorum=state.configuration.quorum,
        rank=state.rank,
        is_paused=state.is_paused,
        is_healthy=state.is_healthy,
        is_storing=state.is_storing,
        is_disputed=state.is_disputed,
        strangers=tuple(state.strangers),
        fence_until=state.fence_until,
        supported_until=state.supported_until,
        peers=tuple(_peer(state, peer) for peer in state.support.peers.values()),
        elections=tuple(_election(state, election) for election in state.elections.values()),
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
        (not state.is_voter, WhyNoLeader.NOT_VOTER),
        (not election.is_entered, WhyNoLeader.NOT_STANDING),
        (state.is_paused, WhyNoLeader.PAUSED),
        (not state.is_healthy, WhyNoLeader.UNHEALTHY),
        (state.priority == 0, WhyNoLeader.WITNESS),
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
        peers = state.other_voters
        is_mixed = any(
            peer.heartbeat is not None and peer.heartbeat.configuration != state.configuration.id for peer in peers
        )
        return WhyNoLeader.CONFIGURATION if is_mixed else WhyNoLeader.NO_QUORUM
    if not campaigning.is_free(state, election) or following.known_leaders(state, election):
        return WhyNoLeader.LEADER_ELSEWHERE
    if RefusalReason.OFFSET in election.refusals.values():
        return WhyNoLeader.OFFSET
    if campaigning.next_term(election) > TERM_MAX:
        return WhyNoLeader.TERMS_USED_UP
    return WhyNoLeader.NOT_ITS_TURN
