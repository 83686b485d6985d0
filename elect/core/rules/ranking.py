"""The order of the candidates: which one should lead, and how long each waits for those before it.

Source: PROTOCOL.md, section 6, rule 4 and "Handing over".
"""

from functools import lru_cache
from hashlib import blake2b

from elect.core.messages import Standing
from elect.core.state.election_state import ElectionState
from elect.core.state.node_state import DEFAULT_ELECTION, NodeState
from elect.core.state.peer_support import Peer


def place(state: NodeState, election: ElectionState, electable: tuple[tuple[str, Standing], ...]) -> int:
    """Return how many electable nodes come before this one in an election."""
    own = _order_key(election, state.id, state.announced)
    before = sum(_order_key(election, node_id, standing) < own for node_id, standing in electable)
    # A named successor has a turn for itself, electable or not: it may be so already, and this node not know it.
    is_counted = any(node_id == election.successor for node_id, _ in electable)
    return before + (election.successor not in (None, state.id) and not is_counted)


def is_before(state: NodeState, election: ElectionState, node_id: str) -> bool:
    """Return whether that node is electable and comes before this one."""
    own = _order_key(election, state.id, state.announced)
    return any(
        other == node_id and _order_key(election, node_id, standing) < own for other, standing in state.electable
    )


def _order_key(election: ElectionState, node_id: str, standing: Standing) -> tuple[bool, bool, int, int, bytes, str]:
    """Return the sort key of a candidate; the smallest should lead."""
    # A node that resigned comes last, whatever its priority: it would otherwise get back at once what it gave up.
    has_resigned = election.resigned is not None and election.resigned[0] == node_id
    is_named = election.successor == node_id
    placed = spread(election.name, node_id)
    return (not is_named, has_resigned, -standing.priority, -standing.offset, placed, node_id)


@lru_cache(maxsize=1024)
def spread(election: str, node_id: str) -> bytes:
    """Return a node's hash in an election; the others share the elections of a stopped node without asking each other.

    Source: Thaler and Ravishankar, "A Name-Based Mapping Scheme for Rendezvous", 1996.
    """
    # `default` is not spread, so that with one election the order is exactly that of P6.
    if election == DEFAULT_ELECTION:
        return b""
    return blake2b(f"{election}\0{node_id}".encode(), digest_size=8).digest()


def electable(state: NodeState) -> tuple[tuple[str, Standing], ...]:
    """Return the other voters that could win: supported here and by a quorum, and willing, by their heartbeats."""
    return tuple(
        (peer.id, peer.heartbeat.standing)
        for peer in state.other_voters
        if peer.heartbeat is not None and _is_electable(state, peer, peer.heartbeat.standing)
    )


def _is_electable(state: NodeState, peer: Peer, standing: Standing) -> bool:
    if peer.session is None or not standing.willing or standing.priority == 0:
        return False
    supporters = 1 + state.is_voter  # the peer itself, and this node, which supports it
    supporters += sum(other is not peer and peer.id in other.supported_ids for other in state.other_voters)
    return supporters >= state.configuration.quorum


def denies_support(state: NodeState, leader: str) -> bool:
    """Return whether a quorum, this node included, says that it does not support that leader."""
    # Only the latest heartbeat of a supported node counts. A missing one may mean a cut link, and denies nothing.
    peers = state.support.peers
    own = state.is_voter and (leader not in peers or peers[leader].session is None)
    denials = own + sum(
        peer.session is not None and peer.heartbeat is not None and leader not in (peer.id, *peer.supported_ids)
        for peer in state.other_voters
    )
    return denials >= state.configuration.quorum
