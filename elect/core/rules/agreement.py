"""The checks that the nodes agree on who votes, and that each still has the votes that it gave.

Two lists of voters have two majorities that need not meet, and a voter that lost its votes may vote twice. So a node
remembers, durably, under which store it met each peer, and takes no part in any election while a voter of its own list
objects: refuses it as a node outside its list, shows another configuration of the same term and version, or met it
under another store. An objection is durable, too: it lasts over a restart, until the peer is met in agreement.

A node that has never voted has one more reason to wait. A stranger that counts it as a voter may have elected a leader
already, in a term that this node knows nothing of. A node that has voted goes on: it was there first.

Source: PROTOCOL.md, section 7.
"""

from elect.core.configuration import Member
from elect.core.events import LossReason, Objection, PeerObjected
from elect.core.messages import ConfigurationId
from elect.core.ready import Meeting
from elect.core.rules import campaigning, leading
from elect.core.state.node_state import NodeState
from elect.core.state.peer_support import Peer

STRANGER_PROMISES = 5
"""A stranger is remembered for this many support durations; a node dials in each."""


def objection_to(member: Member | None, store_id: bytes, met: bytes | None) -> Objection | None:
    """Return why a node is not accepted as a peer at a handshake, or None.

    Args:
        member: the other member of this node's configuration with the id that it shows; None: there is none.
        store_id: of its store.
        met: the store under which it was met, or None.
    """
    if member is None:
        return Objection.UNKNOWN_NODE
    return None if is_store_kept(member, store_id, met) else Objection.OTHER_STORE


def is_store_kept(member: Member, store_id: bytes, met: bytes | None) -> bool:
    """Return whether a peer comes under the store that counts: that of its configuration, or else the first one."""
    if member.store_id is not None:
        return store_id == member.store_id
    # Without a vote it can vote for nobody twice. The leader names its store in the change that gives it a vote.
    return met in (None, store_id) or not member.is_voter


def begin(state: NodeState) -> None:
    """Report the objections that were on disk, and take the stores from the configuration."""
    _take_stores(state)
    if state.membership.is_made:
        _drop_outdated(state)
    for peer in state.other_voters:
        if peer.objection is not None:
            _report_objection(state, peer.id, peer.objection)
    review(state)


def remember_store(state: NodeState, peer: Peer, store_id: bytes | None) -> bool:
    """Remember the store of a peer that a new link leads to; False if the peer was met under another one.

    Messages of a peer met for the first time count once its store is on disk (`Peer.is_met`): else a restart between
    its vote and that write would let the peer vote again from another store.
    """
    if store_id is None or peer.store_id == store_id:
        return True
    member = state.configuration.member(peer.id)
    if member is None or not is_store_kept(member, store_id, peer.store_id):
        return False
    change_store(state, peer, store_id)
    return True


def change_store(state: NodeState, peer: Peer, store_id: bytes) -> None:
    """Accept a peer under this store only; what came from another one is forgotten, but for the promise to it.

    The process with the former store may live, and count on that promise. So the links of the next store are accepted
    when nobody can count on it any more: `boot_fence.strike_off`.
    """
    if peer.store_id == store_id:
        return
    if peer.store_id is None:
        peer.store_id = store_id
        peer.is_met = False
    else:
        _set_objection(state, peer, None)
        peer.change_store(store_id)
        leading.forget_follower(state, peer)
    state.write_meeting(peer)


def _take_stores(state: NodeState) -> None:
    for member in state.configuration.members:
        peer = state.support.peers.get(member.node_id)
        if peer is not None and member.store_id is not None:
            change_store(state, peer, member.store_id)


def begin_configuration(state: NodeState) -> None:
    """Drop the objections to the configuration before."""
    state.strangers.clear()
    _drop_outdated(state)
    review(state)


def _drop_outdated(state: NodeState) -> None:
    for peer in state.support.peers.values():
        if peer.objection in (Objection.UNKNOWN_NODE, Objection.OTHER_VOTERS):
            _set_objection(state, peer, None)
        if peer.objection is Objection.OTHER_STORE and state.membership.is_store_named:
            _set_objection(state, peer, None)


def forget(state: NodeState, peer: Peer) -> None:
    """Accept a peer under any store that it has next: an operator states that its former votes no longer count.

    A new store numbers links and sessions from the start, so nothing that came with the former numbers is kept.
    """
    _set_objection(state, peer, None)
    for election in state.elections.values():
        if election.campaign is not None:
            campaigning.abandon(state, election, "voter_forgotten")
    peer.reset(Meeting())
    leading.forget_follower(state, peer)
    state.write_meeting(peer)


def object_to(state: NodeState, peer: Peer, objection: Objection, detail: str) -> None:
    """Note that the peer refused this node's dial."""
    # A leader decides on members, so a peer that does not know this node, or its store, is behind or ahead.
    is_outdated = state.membership.is_made if objection is Objection.UNKNOWN_NODE else state.membership.is_store_named
    if is_outdated:
        return
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
    # And where a leader decided on the members, a node that is no member any more may dial for a while.
    if is_new_voter(state) and not state.membership.is_made:
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
