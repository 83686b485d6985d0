"""The checks that the nodes agree on who votes, and that each still has the votes that it gave.

Two lists of voters have two majorities that need not meet, and a voter that lost its votes may vote twice. So a node
remembers, durably, under which store it met each peer, and takes no part in any election while a voter of its own list
objects: refuses it as a node outside its list, shows another configuration of the same term and version, or met it
under another store. An objection is durable, too: it lasts over a restart, until the peer is met in agreement.

A node that has never voted has one more reason to wait. A stranger that counts it as a voter may have elected a leader
already, in a term that this node knows nothing of. A node that has voted goes on: it was there first.

Source: PROTOCOL.md, section 7.
"""

from collections.abc import Collection, Mapping

from elect.core.events import LossReason, Objection, PeerObjected
from elect.core.messages import ConfigurationId
from elect.core.ready import Meeting
from elect.core.rules import campaigning, leading
from elect.core.state.node_state import NodeState
from elect.core.state.peer_support import Peer

STRANGER_PROMISES = 5
"""A stranger is remembered for this many support durations; a node dials at least twice in each."""


def objection_to(
    node_id: str, store_id: bytes, *, voters: Collection[str], stores: Mapping[str, bytes]
) -> Objection | None:
    """Return why a node is not accepted as a peer at a handshake, or None.

    Args:
        node_id: the id that it shows.
        store_id: of its store.
        voters: ids in this node's list.
        stores: by peer, the store under which it was met first.
    """
    if node_id not in voters:
        return Objection.UNKNOWN_NODE
    return None if is_store_kept(node_id, store_id, stores) else Objection.OTHER_STORE


def is_store_kept(node_id: str, store_id: bytes, stores: Mapping[str, bytes]) -> bool:
    """Return whether a peer comes under the store that it was met under, or is met for the first time."""
    return stores.get(node_id, store_id) == store_id


def begin(state: NodeState) -> None:
    """Report the objections that were on disk."""
    for peer in state.other_voters:
        if peer.objection is not None:
            _report_objection(state, peer.id, peer.objection)
    review(state)


def remember_store(state: NodeState, peer: Peer, store_id: bytes | None) -> bool:
    """Remember the store of a peer that a new link leads to; False if the peer was met under another one.

    Messages of a peer met for the first time count once its store is on disk (`Peer.is_met`): else a restart between
    its vote and that write would let the peer vote again from another store.
    """
    if store_id is None:
        return True
    if peer.store_id is not None:
        return is_store_kept(peer.id, store_id, {peer.id: peer.store_id})
    peer.store_id = store_id
    peer.is_met = False
    state.write_meeting(peer)
    return True


def forget(state: NodeState, peer: Peer) -> None:
    """Accept a peer under any store that it has next: an operator states that its former votes no longer count.

    A new store numbers links and sessions from the start, so nothing that came with the former numbers is kept.
    """
    _set_objection(state, peer, None)
    for election in state.elections.values():
        if election.campaign is not None:
            campaigning.abandon(state, election, "voter_forgotten")
        if election.leadership is not None:
            election.leadership.follows.pop(peer.id, None)
    peer.reset(Meeting())
    leading.restart_counting(state, peer)
    state.write_meeting(peer)


def object_to(state: NodeState, peer: Peer, objection: Objection, detail: str) -> None:
    """Note that the peer refused this node's dial."""
    _set_objection(state, peer, objection, detail)


def receive_welcome(state: NodeState, peer: Peer) -> None:
    """Drop the objection of a peer that accepted this node: it knows the node, under the store that it has now."""
    if peer.objection is not Objection.OTHER_VOTERS:
        _set_objection(state, peer, None)


def drop_objection(state: NodeState, peer: Peer) -> None:
    """Drop the objection of a peer that lost its store: it no longer votes."""
    _set_objection(state, peer, None)


def compare(state: NodeState, peer: Peer, shown: ConfigurationId) -> None:
    """Compare the configuration that the peer shows with this node's.

    A refusal outlasts it: the peer may show the same list and know this node under another store.
    """
    own = state.configuration.id
    if peer.objection in (Objection.UNKNOWN_NODE, Objection.OTHER_STORE):
        return
    if shown == own:
        _set_objection(state, peer, None)
    elif (shown.term, shown.version) == (own.term, own.version):
        _set_objection(state, peer, Objection.OTHER_VOTERS, shown.digest.hex())


def note_stranger(state: NodeState, node_id: str) -> None:
    """Remember a node outside the list that dialed this one: it counts this node as a voter.

    Source: PROTOCOL.md, section 7, "Strangers".
    """
    # It may have elected a leader in a term that this node knows nothing of. A node that has voted was there first.
    if is_new_voter(state):
        if node_id not in state.strangers:
            _report_objection(state, node_id, Objection.STRANGER)
        state.strangers[node_id] = state.now + STRANGER_PROMISES * state.timing.support_duration_ns
        review(state)


def is_new_voter(state: NodeState) -> bool:
    """Return whether this node has never voted."""
    return all(election.ballot.term == 0 for election in state.elections.values())


def review(state: NodeState) -> None:
    """Leave every election when the nodes no longer agree, and enter it again when they do."""
    for node_id, until in list(state.strangers.items()):
        if until <= state.now:
            del state.strangers[node_id]
            _report_objection(state, node_id, None)
    is_disputed = bool(state.strangers) or any(peer.objection is not None for peer in state.other_voters)
    if is_disputed == state.is_disputed:
        return
    state.is_disputed = is_disputed
    state.index.are_peers_changed = True
    if is_disputed:
        withdraw(state, LossReason.CONFIGURATION)


def withdraw(state: NodeState, reason: LossReason) -> None:
    """Give up every candidacy and every leadership of this node."""
    for election in list(state.elections.values()):
        if election.campaign is not None:
            campaigning.abandon(state, election, reason.value)
        leading.resign(state, election, reason)


def _set_objection(state: NodeState, peer: Peer, objection: Objection | None, detail: str = "") -> None:
    if (objection, detail) == (peer.objection, peer.detail):
        return
    if objection is not peer.objection:
        peer.objection = objection
        state.write_meeting(peer)
    peer.detail = detail
    _report_objection(state, peer.id, objection, detail)
    review(state)


def _report_objection(state: NodeState, node_id: str, objection: Objection | None, detail: str = "") -> None:
    digest = state.configuration.id.digest.hex()
    event = PeerObjected(peer=node_id, objection=objection, detail=detail, digest=digest, at=state.now)
    state.effects.events.append(event)
