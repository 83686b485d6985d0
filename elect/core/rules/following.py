"""Answering a Lead, staying bound, letting go; and what this node knows of leaders from others.

Source: PROTOCOL.md, section 4, "Following" and "Bound"; section 6, first paragraph.
"""

from collections.abc import Iterable

from elect.core.events import LeaderChanged
from elect.core.messages import Follow, Knowledge, Known, Lead, RefusalReason, Refuse, Resign, Resigned
from elect.core.ready import Ballot
from elect.core.rules import leading
from elect.core.state.election_state import ElectionState, Following
from elect.core.state.node_state import NodeState
from elect.core.state.peer_support import Peer
from elect.core.state.scale import OBSERVED_MAX, rotate


def refusal(election: ElectionState, leader: str, term: int) -> RefusalReason | None:
    """Why a Lead can't be followed, or None."""
    if election.leadership is not None and election.leadership.term >= term:
        return RefusalReason.LEADING
    if term < election.term and term < election.follow_term_min:
        return RefusalReason.TERM
    if election.campaign is not None and election.campaign.term > term:
        return RefusalReason.CANDIDATE
    following = election.following
    if following is not None and following.leader != leader and following.term >= term:
        return RefusalReason.TERM
    return None


def receive_lead(state: NodeState, election: ElectionState, peer: Peer, lead: Lead) -> None:
    """Follow or refuse a peer that was elected; outside a session there is nothing to follow it in."""
    if peer.session is None:
        return
    reason = refusal(election, peer.id, lead.term)
    if reason is None:
        _follow(state, election, peer, lead.term)
        return
    if reason is RefusalReason.CANDIDATE:
        election.refused = (peer.id, lead.term, peer.session)
    leader = state.known(election).leader
    entry = Refuse(
        election=election.name, term=lead.term, own_term=election.term, reason=reason, leader=leader, is_to_lead=True
    )
    state.effects.send(peer.id, entry)


def follow_refused(state: NodeState, election: ElectionState) -> None:
    """Follow, unasked, the leader that was refused and now can be followed.

    Only in the session in which its Lead came: the next process of that node knows of no term that it led in, and would
    neither answer a Follow that was lost nor repeat a Resign.
    """
    if election.refused is None:
        return
    leader, term, session = election.refused
    peer = state.support.peers[leader]
    if peer.session != session:
        election.refused = None
    elif refusal(election, leader, term) is None:
        _follow(state, election, peer, term)


def _follow(state: NodeState, election: ElectionState, peer: Peer, term: int) -> None:
    """Be bound from this step on; Follow itself waits until the term is on disk."""
    assert peer.session is not None
    if election.campaign is not None:
        state.end_campaign(election, "superseded")
    if election.leadership is not None:
        leading.end(state, election, "superseded")
    if term > election.term:
        election.ballot = Ballot(term=term, voted_for=None)
    before = election.following
    election.become_follower(Following(leader=peer.id, term=term, session=peer.session))
    election.resigned = None
    election.successor = None
    election.retry_at = 0
    if before is None or (before.leader, before.term) != (peer.id, term):
        state.tell_known(election)
    state.send_durably(election, peer, Follow(election=election.name, term=term, session=peer.session))


def release(state: NodeState, leaders: Iterable[str]) -> None:
    """The sessions of these peers ended: nobody is bound to them any more."""
    gone = frozenset(leaders)
    if not gone:
        return
    for election in state.elections.values():
        if election.following is not None and election.following.leader in gone:
            _let_go(state, election)
    state.effects.is_heartbeat_due = True
    state.index.are_peers_changed = True
    state.index.review_vacant()


def _let_go(state: NodeState, election: ElectionState) -> None:
    election.become_follower()
    state.tell_known(election)


def receive_resign(state: NodeState, election: ElectionState, peer: Peer, resign: Resign) -> None:
    """A peer no longer leads: let go, unless it was followed in a later term."""
    state.effects.send(peer.id, Resigned(election=election.name, term=resign.term))
    if election.refused is not None and election.refused[0] == peer.id and election.refused[1] <= resign.term:
        election.refused = None
    following = election.following
    if following is not None and following.leader == peer.id and following.term <= resign.term:
        _let_go(state, election)
    if election.following is None and (election.resigned is None or election.resigned[1] <= resign.term):
        election.hear_resign(peer.id, term=resign.term, successor=resign.successor)


def receive_knowledge(state: NodeState, peer: Peer, knowledge: Knowledge) -> None:
    """Take what a peer knows, in order: a gap waits until the peer says all of it again."""
    if not peer.knowledge_numbers.receive(knowledge):
        return
    if knowledge.whole:
        peer.reports = {}
        state.index.review_vacant()
    for known in knowledge.entries:
        election = state.elections.get(known.election) if known.leader is None else state.find_or_make(known.election)
        if election is None:
            continue
        if known.leader is None:
            peer.reports.pop(known.election, None)
        else:
            peer.reports[known.election] = known
        election.term_seen = max(election.term_seen, known.term)
        state.index.review((election.name,))


def known_leaders(state: NodeState, election: ElectionState) -> list[Known]:
    """Who leads, by the word of a supported peer that supports the leader itself and has not heard it resign."""
    found = []
    for peer in state.support.peers.values():
        known = peer.reports.get(election.name)
        if known is None or known.leader is None or known.leader == state.id:
            continue
        if known.leader != peer.id and known.leader not in peer.supported_ids:
            continue
        if peer.session is not None and not _is_past(state, election, known):
            found.append(known)
    return found


def list_observed(state: NodeState, election: ElectionState) -> None:
    """Note whether this node has no part in an election but to hear of it."""
    is_apart = election.is_idle and not election.is_entered
    if is_apart and any(election.name in peer.reports for peer in state.support.peers.values()):
        state.index.observed[election.name] = None
    else:
        state.index.observed.pop(election.name, None)


def review_observed(state: NodeState) -> None:
    """Consider elections that are only heard of again, in turns: nobody waits for them, and there may be many."""
    state.index.review(rotate(state.index.observed, OBSERVED_MAX))


def _is_past(state: NodeState, election: ElectionState, known: Known) -> bool:
    """Whether this node itself knows that the leader resigned in that term, or has restarted since."""
    if election.resigned is not None and election.resigned[0] == known.leader and known.term <= election.resigned[1]:
        return True
    leader = state.support.peers.get(known.leader or "")
    return leader is not None and known.incarnation < leader.accepted_highest.incarnation


def tell_leader(state: NodeState, election: ElectionState) -> None:
    """Tell the application whom this node knows to lead, if that changed."""
    leader, term = _leader(state, election)
    if (leader, term) == election.leader or (leader is None and election.leader[0] is None):
        return
    election.leader = (leader, term)
    state.effects.events.append(LeaderChanged(election=election.name, term=term, leader=leader, at=state.now))


def _leader(state: NodeState, election: ElectionState) -> tuple[str | None, int]:
    if election.leadership is not None:
        return (state.id if election.leadership.is_told else None, election.leadership.term)
    if election.following is not None:
        return (election.following.leader, election.following.term)
    latest = max(known_leaders(state, election), key=lambda known: known.term, default=None)
    return (None, election.term) if latest is None else (latest.leader, latest.term)
