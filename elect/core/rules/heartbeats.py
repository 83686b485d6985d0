"""The periodic traffic: what a heartbeat brings, and what is repeated with it.

Source: PROTOCOL.md, section 3.
"""

from elect.core.events import PeerChanged
from elect.core.messages import Heartbeat
from elect.core.rules import agreement, leading
from elect.core.state.node_state import NodeState
from elect.core.state.peer_support import Peer
from elect.core.state.scale import RESIGNS_MAX, rotate


def receive_heartbeat(state: NodeState, peer: Peer, heartbeat: Heartbeat) -> None:
    """Extend the promise to a peer, count its promise to us, and take what it says of others.

    One that was overtaken by a later one on its link is ignored.
    """
    before = peer.heartbeat
    if before is not None and heartbeat.sent < before.sent:
        return
    peer.heartbeat = heartbeat
    numbers = peer.knowledge_numbers
    if heartbeat.heard > numbers.acked and heartbeat.ack is not None and heartbeat.ack.link == peer.opened:
        numbers.acked = min(heartbeat.heard, numbers.sent)  # it heard that on this link, not on an older one
    is_opened = False
    if not state.support.may_promise(heartbeat.duration):
        state.effects.is_promise_due = True
    elif state.support.promise(state.now, peer, heartbeat):
        is_opened = state.effects.is_heartbeat_due = True
    if is_opened or before is None or _says(before) != _says(heartbeat):
        state.index.are_peers_changed = True
        agreement.compare(state, peer, heartbeat.configuration)
    _count(state, peer, heartbeat)


def _says(heartbeat: Heartbeat) -> tuple[object, ...]:
    return (heartbeat.supports, heartbeat.standing, heartbeat.configuration)


def _count(state: NodeState, peer: Peer, heartbeat: Heartbeat) -> None:
    if heartbeat.ack is None or not state.configuration.is_older_or_same(heartbeat.configuration):
        return
    counted_before = peer.counted_until
    if state.support.count(peer, heartbeat.ack):
        leading.restart_counting(state, peer)
        leading.repeat(state, peer)
    if peer.counted_until != counted_before:
        state.effects.is_count_changed = True
        leading.announce(state)


def repeat(state: NodeState) -> list[str]:
    """Say again, each interval, what peers have not answered; return the peers that missed some Knowledge."""
    missed = []
    for peer in state.support.peers.values():
        if peer.opened is None:
            continue
        if peer.leads:
            leading.repeat(state, peer)
        if peer.resigns:
            _repeat_resigns(state, peer)
        if peer.knowledge_numbers.has_missed(state.now, state.timing.support_duration_ns):
            missed.append(peer.id)
    return missed


def _repeat_resigns(state: NodeState, peer: Peer) -> None:
    for name in rotate(peer.resigns, RESIGNS_MAX):
        state.effects.send(peer.id, peer.resigns[name])


def tell_support(state: NodeState) -> None:
    """Tell logs and metrics whose support began or ended."""
    for peer in state.support.peers.values():
        is_supporting = peer.counted_until > state.now
        if is_supporting != peer.is_supporting:
            peer.is_supporting = is_supporting
            at = state.now if is_supporting else (peer.counted_until or state.now)
            state.effects.events.append(PeerChanged(peer=peer.id, supported=is_supporting, at=at))
