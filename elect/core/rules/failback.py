"""Failback: a leader hands an election to the node that should lead it.

A node that comes back unseats nobody (P5). So without this it would lead nothing ever again, and the node that starts
last would lead nothing. Only this is decided here: when to resign, and to whom. Safety does not rest on it.

Source: PROTOCOL.md, section 6, "Failback".
"""

from elect.core.events import FailedBack, LossReason
from elect.core.options import OffsetRule
from elect.core.rules import leading, ranking
from elect.core.state.election_state import ElectionState
from elect.core.state.failback_lists import Contender, HandedBack
from elect.core.state.node_state import DEFAULT_ELECTION, NodeState
from elect.core.state.peer_support import Peer
from elect.core.state.scale import CHECKED_MAX, FAILBACKS_MAX, rotate

WAIT_FACTOR_MAX = 8
"""The longest wait before an election is handed to the same process again, in times of `failback`."""


def review(state: NodeState) -> bool:
    """Hand over some of the elections that another node has headed for `failback`; return whether more may be due."""
    if state.failback_ns is None:
        return False
    _end_acknowledged(state)
    state.failbacks.unacknowledged.clear()
    _review_order(state, state.failback_ns)
    # A node that campaigns has enough to do; one in its boot fence neither campaigns nor grants.
    # A leader of a sealed cluster keeps what it leads until it resigns all of it.
    if state.is_sealed or state.is_busy or any(map(_is_busy, state.other_voters)):
        return False
    _list_headed(state)
    return _hand_over(state, state.failback_ns) == FAILBACKS_MAX


def after_ns(state: NodeState, election: str) -> int | None:
    """Return how long another node must head an election before it is handed over; None: it never is."""
    return state.failback_ns if election != DEFAULT_ELECTION or state.is_default_failed_back else None


def _is_busy(peer: Peer) -> bool:
    return peer.session is not None and peer.heartbeat is not None and peer.heartbeat.busy


def note_contenders(state: NodeState) -> None:
    """Note each change of a priority in the step in which it is heard of: between two intervals there may be two."""
    lists = state.failbacks
    if state.failback_ns is None or (lists.electable is state.electable and lists.priority == state.priority):
        return
    lists.electable, lists.priority = state.electable, state.priority
    priorities = {node_id: standing.priority for node_id, standing in state.electable}
    priorities[state.id] = state.priority
    for voter in state.voters:
        lists.contenders.setdefault(voter, Contender()).note(priorities.get(voter, 0), state.now, state.failback_ns)


def _review_order(state: NodeState, failback_ns: int) -> None:
    """Look at every election led here again, if another node may come first in some of them."""
    lists = state.failbacks
    order = tuple(
        (voter, contender.highest_at(state.now, failback_ns)) for voter, contender in lists.contenders.items()
    )
    if order != lists.order:
        lists.order = order
        lists.headed = {}
        lists.unchecked = {name: None for _, group in state.index.lease_groups for name in [*group.told, *group.untold]}


def _list_headed(state: NodeState) -> None:
    """List elections under the node that heads them: CHECKED_MAX at a time, as each takes a hash for each voter."""
    lists = state.failbacks
    for name in rotate(lists.unchecked, CHECKED_MAX):
        del lists.unchecked[name]
        head = _head(state, name)
        if head != state.id and after_ns(state, name) is not None:
            lists.headed.setdefault(head, {})[name] = None


def _head(state: NodeState, election: str) -> str:
    """Return the node that heads an election, perhaps since a moment ago."""
    _, _, head = min(_order(state, election))
    return head


def _order(state: NodeState, election: str) -> list[tuple[int, bytes, str]]:
    """Return the sort keys of all voters in an election; the smallest heads it.

    The offset decides nothing: it moves all the time, and each move would cost a hand-over.
    """
    # A node that left a moment ago keeps its place for `failback`: otherwise each of its restarts would cost two.
    return [(-highest, ranking.spread(election, voter), voter) for voter, highest in state.failbacks.order]


def _hand_over(state: NodeState, failback_ns: int) -> int:
    """Hand over at most FAILBACKS_MAX of what is due, out of as many of each node, and return how many it was."""
    left = FAILBACKS_MAX
    for head, names in state.failbacks.headed.items():
        if not _is_steady(state, head):
            continue
        for name in rotate(names, FAILBACKS_MAX):
            election = state.elections[name]
            leadership = election.leadership
            if leadership is None or leadership.resigning is not None:
                del names[name]
            elif left and leadership.is_told and (peer := _successor(state, election, head, names)) is not None:
                wait_ns = _wait_ns(state, election, peer, failback_ns)
                if state.now - election.led_since >= wait_ns and _has_offset(state, peer):
                    left -= 1
                    del names[name]
                    _fail_back(state, election, peer, wait_ns)
    return FAILBACKS_MAX - left


def _is_steady(state: NodeState, node_id: str) -> bool:
    return state.failbacks.contenders[node_id].is_steady(state.now, state.failback_ns or 0)


def _successor(state: NodeState, election: ElectionState, head: str, names: dict[str, int | None]) -> Peer | None:
    """Return the first node in the order that would take an election; None: this one, or one that is waited for."""
    peers = state.support.peers
    if _would_take(election, peers[head], state.id):
        names[election.name] = None
        return peers[head]
    since = names[election.name]
    if since is None:
        names[election.name] = state.now
    # It may follow again in a moment, as after its link was renewed. Or it never does, as one whose term is above this
    # leader's: it would keep the election from the next in the order for good.
    if since is None or state.now - since < (state.failback_ns or 0):
        return None
    for _, _, node_id in sorted(_order(state, election.name)):
        if node_id == state.id or not _is_steady(state, node_id):
            return None
        if _would_take(election, peers[node_id], state.id):
            return peers[node_id]
    return None


def _has_offset(state: NodeState, peer: Peer) -> bool:
    """Return whether no vote could be refused for the peer's offset, by what all have announced.

    The leader's own offset counts, too, even where a quorum would do without its vote: this hand-over is not worth
    losing what only the leader has.
    """
    if state.offset_rule is not OffsetRule.REQUIRE:
        return True
    offsets = {each.id: each.heartbeat.standing.offset for each in state.other_voters if each.heartbeat is not None}
    return offsets.get(peer.id, -1) >= max(state.offset, *offsets.values())


def _would_take(election: ElectionState, peer: Peer, leader: str) -> bool:
    """Return whether the peer says that it follows this leader, and is a candidate in this election itself."""
    known = peer.reports.get(election.name)
    return known is not None and known.leader == leader and known.term == election.leading.term and known.stands


def _wait_ns(state: NodeState, election: ElectionState, peer: Peer, failback_ns: int) -> int:
    """Return how long this node leads before it hands over: longer, if the same process did not keep it before."""
    before = state.failbacks.handed.get(election.name)
    if before is None or (before.successor, before.incarnation) != (peer.id, peer.accepted_highest.incarnation):
        return failback_ns
    if election.led_since - before.at > WAIT_FACTOR_MAX * before.wait_ns:  # it kept it for long
        return failback_ns
    return min(2 * before.wait_ns, WAIT_FACTOR_MAX * failback_ns)


def _fail_back(state: NodeState, election: ElectionState, peer: Peer, wait_ns: int) -> None:
    state.failbacks.handed[election.name] = HandedBack(
        successor=peer.id, incarnation=peer.accepted_highest.incarnation, at=state.now, wait_ns=wait_ns
    )
    state.failbacks.unacknowledged.add(election.name)
    term = election.leading.term
    state.effects.events.append(FailedBack(election=election.name, term=term, successor=peer.id, at=state.now))
    leading.give_up(state, election, LossReason.TRANSFERRED, peer.id)


def acknowledge(state: NodeState, election: ElectionState, reason: str) -> None:
    """End a leadership whose loss the application has acknowledged.

    Failbacks that begin together end together: one by one they would be as many frames, steps and writes at each node.
    """
    lists = state.failbacks
    if election.name not in lists.unacknowledged:
        leading.end(state, election, reason)
        return
    lists.unacknowledged.remove(election.name)
    lists.acknowledged[election.name] = election.leading.term
    if not lists.unacknowledged:
        _end_acknowledged(state)


def _end_acknowledged(state: NodeState) -> None:
    acknowledged, state.failbacks.acknowledged = state.failbacks.acknowledged, {}
    for name, term in acknowledged.items():
        election = state.elections[name]
        if election.leadership is not None and election.leadership.term == term:  # its grace is not over
            leading.end(state, election, LossReason.TRANSFERRED.value)
