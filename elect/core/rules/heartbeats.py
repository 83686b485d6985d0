"""The periodic traffic: heartbeats, and what is repeated with them.

Source: PROTOCOL.md, section 3.
"""

from elect.core.events import PeerChanged
from elect.core.messages import Heartbeat
from elect.core.rules import agreement, boot_fence, installing, leading
from elect.core.state.membership_state import order
from elect.core.state.node_state import NodeState
from elect.core.state.peer_support import Peer
from elect.core.state.scale import OWED_MAX, rotate


def receive_heartbeat(state: NodeState, peer: Peer, heartbeat: Heartbeat) -> None:
    """Extend the promise to a peer, count its promise to this node, and note its reports of others.

    Source: PROTOCOL.md, section 3, "Heartbeat" and "Counting".
    """
    before = peer.heartbeat
    if before is not None and heartbeat.sent < before.sent:  # overtaken on its link
        return
    peer.heartbeat = heartbeat
    numbers = peer.knowledge_numbers
    if heartbeat.heard > numbers.acked and heartbeat.ack is not None and heartbeat.ack.link == peer.opened:
        numbers.acked = min(heartbeat.heard, numbers.sent)  # said of this link, not of an older one
    is_opened = False
    # To a former member, and with a seal to anybody, the promise runs out, and they lead nothing by it. In a standby
    # cluster nobody leads: support only tells who is alive.
    if not (peer.is_former or state.is_sealed):
        boot_fence.expect(state, peer)
        # No promise is longer than what is on disk: after a restart the boot fence has to outlive it. The peer asks
        # again.
        if not state.support.may_promise(heartbeat.duration):
            state.effects.is_promise_due = True
        elif state.support.promise(state.now, peer, heartbeat):
            is_opened = state.effects.is_heartbeat_due = True  # at once: rule 3 of other nodes may wait for it
    if is_opened or before is None or _says(before) != _says(heartbeat):
        state.index.are_peers_changed = True
        agreement.compare(state, peer, heartbeat.configuration)
    boot_fence.end_early(state)
    _count(state, peer, heartbeat)


def _says(heartbeat: Heartbeat) -> tuple[object, ...]:
    return (heartbeat.supports, heartbeat.standing, heartbeat.configuration)


def _count(state: NodeState, peer: Peer, heartbeat: Heartbeat) -> None:
    shown, own = heartbeat.configuration, state.configuration.id
    if shown != own:
        installing.offer(state, peer, shown)
        # A peer with a newer configuration, or with another list, may stand for another majority: its support would
        # count for the wrong one. One with an older configuration votes for nobody against this node's.
        if order(shown) >= order(own):
            return
    if heartbeat.ack is None:
        return
    counted_before = peer.counted_until
    if state.support.count(peer, heartbeat.ack):
        leading.restart_counting(state, peer)
        leading.repeat(state, peer)
    if peer.counted_until != counted_before:
        state.effects.is_count_changed = state.effects.is_lease_due = True


def announce_rank(state: NodeState, *, is_interval_over: bool) -> None:
    """Tell all peers the rank of this moment, once an interval, and at once when its willingness changes.

    Heartbeats that leave earlier for another reason repeat the rank before: the next leader is being chosen then.

    Source: PROTOCOL.md, section 6, "Ranks as announced".
    """
    if state.is_willing != state.announced.willing:
        is_interval_over = state.effects.is_heartbeat_due = True
    if is_interval_over and state.announced != state.rank:
        state.announced = state.rank
        state.effects.is_rank_new = True
        state.index.review_vacant()


def repeat(state: NodeState) -> list[str]:
    """Send again, each interval, what peers have not answered; return the peers that missed some Knowledge."""
    missed = []
    for peer in state.support.peers.values():
        if peer.opened is None:
            continue
        if peer.leads:
            leading.repeat(state, peer)
        for owed in (peer.resigns, peer.abandons):
            for name in rotate(owed, OWED_MAX):
                state.effects.send(peer.id, owed[name])
        if peer.knowledge_numbers.has_missed(state.now, state.timing.support_duration_ns):
            missed.append(peer.id)
    return missed


def report_support(state: NodeState) -> None:
    """Report each peer whose support began or ended to logs and metrics."""
    for peer in state.support.peers.values():
        is_supporting = peer.counted_until > state.now
        if is_supporting != peer.is_supporting:
            peer.is_supporting = is_supporting
            at = state.now if is_supporting else (peer.counted_until or state.now)
            state.effects.events.append(PeerChanged(peer=peer.id, supported=is_supporting, at=at))
