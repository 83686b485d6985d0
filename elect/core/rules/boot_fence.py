"""The early end of the boot fence, and the durable set of peers that may count on a promise of this node.

A restarted node does not know to whom it was bound. It knows, from its disk, which peers may count on a promise of an
earlier start. Each of them stops counting its former link before it dials again. When all have dialed this start,
nobody counts on a forgotten promise, and the fence has no purpose any more.

Source: PROTOCOL.md, section 4, "Boot fence".
"""

from dataclasses import replace

from elect.core.messages import Number
from elect.core.rules import agreement, campaigning, following
from elect.core.state.node_state import NodeState
from elect.core.state.peer_support import Peer


def expect(state: NodeState, peer: Peer) -> None:
    """Add a peer that this node hears to the set; no ack to it leaves before that is on disk."""
    if not peer.is_acknowledged:
        peer.is_acknowledged = True
        state.write_meeting(peer)


def accept(state: NodeState, peer: Peer, link: Number, *, is_trusted: bool) -> None:
    """Accept a peer's link, unless it had a higher one; it waits while a promise to its former store may be counted."""
    if peer.former_store is not None:
        peer.membership.waiting_link = link, is_trusted
        return
    had_session = peer.session is not None
    if not peer.is_former:
        expect(state, peer)
    if link.incarnation == peer.accepted_highest.incarnation:  # the process that had a link before
        campaigning.abandon_against(state, peer.id)
    if state.support.accept(peer, link, is_trusted=is_trusted) and had_session:
        following.release(state, (peer.id,))
    state.index.are_peers_changed = True


def end_early(state: NodeState) -> None:
    """End the boot fence if each peer of the set has dialed this start.

    Called with each heartbeat, so at least one peer has dialed. A node that is alone keeps its whole fence.
    """
    # A node that has never voted waits for strangers, too: section 7. They dial within its fence, and are in no set.
    if not state.is_fenced or agreement.is_new_voter(state) or state.former:
        return
    if all(_has_dialed(state, peer) for peer in state.support.peers.values() if peer.is_acknowledged):
        state.fence_until = state.now


def _has_dialed(state: NodeState, peer: Peer) -> bool:
    # One with another list of voters may follow or lead by it, and will object: section 7. One with another store than
    # the one that may count on a promise is not heard yet: see `accept`.
    return peer.heartbeat is not None and peer.heartbeat.configuration == state.configuration.id


def strike_off(state: NodeState) -> None:
    """Remove from the set, once an interval, each peer whose last ack left a fence's length ago or earlier."""
    if state.is_fenced or not state.is_storing:
        return
    fence_ns = state.timing.promised_ns(state.support.promise_ns)
    for peer in state.support.peers.values():
        # An ack leaves only while a session lives.
        if peer.may_acknowledge and peer.session is None and peer.promised_until + fence_ns <= state.now:
            peer.is_acknowledged = peer.may_acknowledge = False
            peer.former_store = None
            state.write_meeting(peer)
            if peer.membership.waiting_link is not None:
                link, is_trusted = peer.membership.waiting_link
                peer.membership.waiting_link = None
                accept(state, peer, link, is_trusted=is_trusted)
    for node_id, meeting in state.former.items():
        state.effects.meetings[node_id] = replace(meeting, is_acknowledged=False)
    state.former = {}
