"""Answer a Lead, stay bound, stop following; and learn of leaders from others.

A node that follows is bound: it has promised not to help replace its leader while the session lives. P2 and P3 rest on
the refusals below.

Source: PROTOCOL.md, section 4, "Following" and "Bound"; section 6, first paragraph.
"""

from collections.abc import Iterable
from dataclasses import replace
from itertools import islice

from elect.core.messages import (
    Abandon,
    Abandoned,
    Follow,
    Knowledge,
    Known,
    Lead,
    RefusalReason,
    Refuse,
    Resign,
    Resigned,
)
from elect.core.ready import Ballot
from elect.core.rules import leading
from elect.core.state.election_state import ElectionState, Following
from elect.core.state.node_state import NodeState
from elect.core.state.peer_support import Peer
from elect.core.state.scale import LOWERED_MAX, OBSERVED_MAX, rotate


def refusal(election: ElectionState, leader: str, term: int) -> RefusalReason | None:
    """Return why a Lead of this term cannot be followed, or None.

    Source: PROTOCOL.md, section 4, "Following".
    """
    # This node was elected later, or in the same term, which would break P1: either way it does not follow.
    if election.leadership is not None and election.leadership.term >= term:
        return RefusalReason.LEADING
    # In `follow_term_min` this node voted for or followed a node that may have been elected, so no lower term may get a
    # lease by its vote (P2). Its own term does not count: a vote for itself elects no other node. If it counted, a
    # failed candidate could follow no leader, and would force another election.
    if term < election.follow_term_min:
        return RefusalReason.TERM
    # While the campaign lives it may still be won: following now would bind this node to a leader that it replaces.
    if election.campaign is not None and election.campaign.term > term:
        return RefusalReason.CANDIDATE
    # Two leaders of one term break P1, as after a disk was restored from a copy: this node stays with the first. A
    # candidate that got this node's vote is none: it can win this term no more.
    following = election.following
    if following is not None and following.is_elected and following.leader != leader and following.term == term:
        return RefusalReason.TERM
    return None


def receive_lead(state: NodeState, election: ElectionState, peer: Peer, lead: Lead) -> None:
    """Follow or refuse a peer that was elected."""
    if peer.session is None:  # nothing to follow it in; Lead is repeated when this node supports the peer
        return
    # Without a configuration that is active no lease may begin: a seal is complete when a quorum gives none any more.
    reason = refusal(election, peer.id, lead.term) if state.is_active else RefusalReason.NOT_ACTIVE
    if reason is None:
        _follow(state, election, peer, lead.term)
        return
    is_latest = election.refused is None or election.refused[1] <= lead.term
    if reason in (RefusalReason.CANDIDATE, RefusalReason.TERM) and is_latest:
        # Followed unasked when the campaign fails, or when the candidate that got this node's vote abandons.
        election.refused = (peer.id, lead.term, peer.session)
    leader = state.known(election).leader
    entry = Refuse(
        election=election.name, term=lead.term, own_term=election.term, reason=reason, leader=leader, is_to_lead=True
    )
    state.effects.send(peer.id, entry)


def follow_refused(state: NodeState, election: ElectionState) -> None:
    """Follow, unasked, the leader whose Lead was refused and now can be followed."""
    if election.refused is None or not state.is_active:
        return
    leader, term, session = election.refused
    peer = state.support.peers[leader]
    if peer.session != session:
        # The session of the Lead is over. The peer may have restarted: then it knows of no term that it led in, and
        # would neither answer a Follow that was lost nor repeat a Resign.
        election.refused = None
    elif refusal(election, leader, term) is None:
        _follow(state, election, peer, term)


def _follow(state: NodeState, election: ElectionState, peer: Peer, term: int) -> None:
    """Be bound from this step on; the Follow itself waits until the term is on disk.

    Source: PROTOCOL.md, section 4, "One step".
    """
    assert peer.session is not None
    if election.campaign is not None:
        state.end_campaign(election, "superseded")
    if election.leadership is not None:
        leading.end(state, election, "superseded")
    if term > election.term:  # no later vote in a term in which this node follows
        election.ballot = Ballot(term=term, voted_for=None)
    _begin_following(state, election, Following(leader=peer.id, term=term, session=peer.session))
    state.send_durably(election, peer, Follow(election=election.name, term=term, session=peer.session))


def _begin_following(state: NodeState, election: ElectionState, following: Following) -> None:
    state.follow(election, following)
    # There is a leader: the last resignation, its successor and the wait after it are over.
    election.resigned = None
    election.successor = None
    election.retry_at = 0


def lower_votes(state: NodeState) -> None:
    """Let a restart follow what this node would follow now: write that term beside votes that came to nothing.

    Nothing waits for it. So it is done when no campaign of this node needs the disk, and the disk works.

    Source: PROTOCOL.md, section 4, "Following again after a restart".
    """
    if state.index.campaigns.live or not state.is_storing:
        return
    for name in list(islice(state.index.lowerable, LOWERED_MAX)):
        election = state.elections[name]
        election.lower_vote()
        state.write(election)


def release(state: NodeState, leaders: Iterable[str], *, is_dead: bool = False) -> None:
    """End the binding to these peers, whose sessions ended; `is_dead`: their processes seem to have died.

    Source: PROTOCOL.md, section 4, "Bound"; section 5.
    """
    ended = frozenset(leaders)
    if not ended:
        return
    for election in state.elections.values():
        if election.following is not None and election.following.leader in ended:
            if is_dead:
                election.closed = election.following.leader, state.now + state.timing.turn_ns
                election.died = election.following.leader, election.following.term
            state.follow(election, None)
    # Peers wait for the message that this node no longer supports the leader: rule 3 needs a quorum of such nodes.
    state.effects.is_heartbeat_due = True
    state.index.are_peers_changed = True
    state.index.review_vacant()


def receive_resign(state: NodeState, election: ElectionState, peer: Peer, resign: Resign) -> None:
    """Stop following a peer that no longer leads, unless it is followed in a later term.

    Source: PROTOCOL.md, section 4, "Bound"; section 10, trace 6.
    """
    # Answered whatever follows, because the sender repeats it until then.
    state.effects.send(peer.id, Resigned(election=election.name, term=resign.term))
    if election.refused is not None and election.refused[0] == peer.id and election.refused[1] <= resign.term:
        election.refused = None
    following = election.following
    # A Resign is repeated, so an old one may come after the same peer was elected again: it must not free this node.
    if following is not None and following.leader == peer.id and following.term <= resign.term:
        state.follow(election, None)
    # Once a term: a Follow that crosses this Resign may be answered with one that names no successor.
    if election.following is None and (election.resigned is None or election.resigned[1] < resign.term):
        election.note_resign(peer.id, term=resign.term, successor=resign.successor)


def receive_abandon(state: NodeState, election: ElectionState, peer: Peer, abandon: Abandon) -> None:
    """Be free of a candidate that got this node's vote and was not elected, and follow earlier terms again.

    Source: PROTOCOL.md, section 4, "Abandon".
    """
    state.effects.send(peer.id, Abandoned(election=election.name, term=abandon.term))
    if is_bound_to_candidate(election, peer.id, abandon.term):
        state.follow(election, None)
    held = state.held.of(election.name).get(peer.id)
    if held is not None and held.vote.term <= abandon.term:
        state.held.drop(election.name, peer.id)
    election.note_abandon(peer.id, term=abandon.term)


def is_bound_to_candidate(election: ElectionState, candidate: str, term: int) -> bool:
    """Return whether this node is bound by its vote for this candidate in this very term, and knows of no election."""
    following = election.following
    is_bound = following is not None and not following.is_elected
    # Of that very term: an old Abandon must not free this node of the same candidate in a later one.
    return is_bound and following is not None and (following.leader, following.term) == (candidate, term)


def receive_knowledge(state: NodeState, peer: Peer, knowledge: Knowledge) -> None:
    """Store a peer's reports, in order: after a gap they are ignored until the peer sends all of them again.

    Source: PROTOCOL.md, section 4, "Known"; section 6, first paragraph.
    """
    if not peer.knowledge_numbers.receive(knowledge):
        return
    if knowledge.whole:
        peer.reports = {}
        state.index.review_vacant()
    for known in knowledge.entries:
        # A report without a leader creates no election here.
        election = state.elections.get(known.election) if known.leader is None else state.find_or_make(known.election)
        if election is None:
            continue
        if known.leader is None:
            peer.reports.pop(known.election, None)
        else:
            peer.reports[known.election] = known
        election.term_seen = max(election.term_seen, known.term)
        _note_elected(state, election, peer, known)
        if election.leadership is None:  # nothing that a leader does rests on reports
            state.index.unreviewed[election.name] = None


def _note_elected(state: NodeState, election: ElectionState, peer: Peer, known: Known) -> None:
    """Note that a candidate that got this node's vote was elected: it sends no Lead to a node that follows already."""
    if known.leader == peer.id and is_bound_to_candidate(election, peer.id, known.term):
        assert election.following is not None
        _begin_following(state, election, replace(election.following, is_elected=True))


def list_observed(state: NodeState, election: ElectionState) -> None:
    """List an election that this node knows from reports only: it has not entered it, and neither leads nor follows."""
    is_apart = election.is_idle and not election.is_entered
    if is_apart and any(election.name in peer.reports for peer in state.support.peers.values()):
        state.index.observed[election.name] = None
    else:
        state.index.observed.pop(election.name, None)


def review_observed(state: NodeState) -> None:
    """Consider some of the elections known from reports only: if their leader stops, no role of this node changes."""
    state.index.review(rotate(state.index.observed, OBSERVED_MAX))
