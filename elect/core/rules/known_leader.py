"""The leader that a node knows: itself, the one that it follows, or the latest that its peers report.

Source: PROTOCOL.md, section 6, first paragraph.
"""

from elect.core.events import LeaderChanged, LeaderEnd
from elect.core.messages import Known
from elect.core.state.election_state import ElectionState
from elect.core.state.node_state import NodeState


def report(state: NodeState, election: ElectionState) -> None:
    """Tell the application the leader that this node knows, if it changed."""
    leader, term = _leader(state, election)
    if (leader, term) == election.leader or (leader is None and election.leader[0] is None):
        return
    end = _end_of_former(state, election, leader)
    election.leader = (leader, term)
    state.effects.events.append(LeaderChanged(election=election.name, term=term, leader=leader, at=state.now, end=end))


def _end_of_former(state: NodeState, election: ElectionState, leader: str | None) -> LeaderEnd | None:
    """Return how the leadership that was reported last ended; None: there was none, or it was this node's own."""
    former = election.leader
    if former[0] in (None, state.id):
        return None
    if election.resigned == former:
        return LeaderEnd.RESIGNED
    if election.died == former:
        return LeaderEnd.CLOSED
    return LeaderEnd.SILENT if leader is None else LeaderEnd.SUPERSEDED


def _leader(state: NodeState, election: ElectionState) -> tuple[str | None, int]:
    if election.leadership is not None:
        return (state.id if election.leadership.is_told else None, election.leadership.term)
    if election.following is not None and election.following.is_elected:
        return (election.following.leader, election.following.term)
    latest = max(reported_leaders(state, election), key=lambda known: known.term, default=None)
    return (None, election.term) if latest is None else (latest.leader, latest.term)


def reported_leaders(state: NodeState, election: ElectionState) -> list[Known]:
    """Return the leaders reported by peers that this node supports, if the reporting peer supports that leader."""
    found = []
    for peer in state.support.peers.values():
        known = peer.reports.get(election.name)
        if known is None or known.leader is None or known.leader == state.id:
            continue
        # A peer that no longer supports the leader is about to stop following it.
        if known.leader != peer.id and known.leader not in peer.supported_ids:
            continue
        # A peer that is not supported may have stopped: its report may be old.
        if peer.session is not None and not _is_outdated(state, election, known):
            found.append(known)
    return found


def _is_outdated(state: NodeState, election: ElectionState, known: Known) -> bool:
    """Return whether a report is outdated: a later leader was known, the leader sent Resign, or has restarted since."""
    # Once another is elected, the lease of the leader before it is over for good.
    if known.term < election.led_term:
        return True
    if election.resigned is not None and election.resigned[0] == known.leader and known.term <= election.resigned[1]:
        return True
    leader = state.support.peers.get(known.leader or "")
    return leader is not None and known.incarnation < leader.accepted_highest.incarnation
