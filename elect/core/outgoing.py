"""Heartbeats, entries and knowledge, packed into messages for the links that are open."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from elect.core.membership_messages import Message
from elect.core.messages import ENTRIES_MAX, Batch, Entry, Heartbeat, Knowledge, Known
from elect.core.ready import Send
from elect.core.state.node_state import NodeState
from elect.core.state.peer_support import Peer

Item = TypeVar("Item")


def heartbeats(state: NodeState, peer_ids: Sequence[str]) -> Iterator[Send]:
    """Yield a heartbeat for each of these peers."""
    if not peer_ids:
        return
    now, support = state.now, state.support
    duration, supports, standing = state.timing.support_duration_ns, support.supported, state.announced
    configuration = state.membership.installed.id
    for peer in _open(state, peer_ids):
        peer.sent_latest = now
        message = Heartbeat(
            sent=now,
            duration=duration,
            ack=support.ack(peer),
            supports=supports,
            standing=standing,
            configuration=configuration,
            said=peer.knowledge_numbers.sent,
            heard=peer.knowledge_numbers.received,
            busy=state.is_busy,
        )
        yield _send(peer, message)


def knowledge(state: NodeState, peer_ids: Sequence[str]) -> Iterator[Send]:
    """Yield all that is known, for peers with a new link or that missed some of it."""
    if not peer_ids:
        return
    led = (election for election in state.elections.values() if election.following or election.leadership)
    leaders = [known for known in map(state.known, led) if known.leader is not None]
    for peer in _open(state, peer_ids):
        if leaders or peer.knowledge_numbers.sent:
            yield from _number_and_send(peer, leaders, is_whole=True)


def changes(state: NodeState, besides: Sequence[str]) -> Iterator[Send]:
    """Yield what changed of that, for all peers but those that get everything."""
    known = list(state.effects.known.values())
    if known:
        for peer in _open(state, state.support.peers):
            if peer.id not in besides:
                yield from _number_and_send(peer, known, is_whole=False)


def membership(state: NodeState) -> Iterator[Send]:
    """Yield what is sent about changes of the members."""
    for peer_id, message in state.effects.messages:
        for peer in _open(state, (peer_id,)):
            yield _send(peer, message)


def _number_and_send(peer: Peer, known: Sequence[Known], *, is_whole: bool) -> Iterator[Send]:
    for entries in _chunks(known) or [()]:
        peer.knowledge_numbers.sent += 1
        yield _send(peer, Knowledge(number=peer.knowledge_numbers.sent, whole=is_whole, entries=entries))
        is_whole = False


def batches(state: NodeState, entries_by_peer: dict[str, list[Entry]]) -> Iterator[Send]:
    """Yield the entries for the peers that can be reached now; the others lose them, as a network may."""
    if not entries_by_peer:
        return
    for peer in _open(state, entries_by_peer):
        for entries in _chunks(entries_by_peer[peer.id]):
            yield _send(peer, Batch(configuration=state.configuration.id, entries=entries))


def _open(state: NodeState, peer_ids: Iterable[str]) -> list[Peer]:
    """Return the peers that messages can leave for: first those that this node hears, as the others may be dead."""
    peers = map(state.support.peers.get, peer_ids)  # one may have been dismissed in this step
    return sorted((peer for peer in peers if peer and peer.opened is not None), key=lambda peer: peer.session is None)


def _send(peer: Peer, message: Message) -> Send:
    assert peer.opened is not None
    return Send(peer=peer.id, link=peer.opened, message=message)


def _chunks(items: Sequence[Item]) -> list[tuple[Item, ...]]:
    return [tuple(items[start : start + ENTRIES_MAX]) for start in range(0, len(items), ENTRIES_MAX)]
