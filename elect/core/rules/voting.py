"""Answering a Vote.

Source: PROTOCOL.md, section 4, "Voting" and "Boot fence".
"""

from elect.core.events import Voted
from elect.core.messages import ConfigurationId, Grant, RefusalReason, Refuse, Vote
from elect.core.options import OffsetRule
from elect.core.ready import Ballot
from elect.core.rules import leading
from elect.core.state.election_state import ElectionState
from elect.core.state.node_state import NodeState
from elect.core.state.peer_support import Peer


def refusal(
    state: NodeState, election: ElectionState, candidate: str, vote: Vote, configuration: ConfigurationId
) -> RefusalReason | None:
    """Why this node gives `candidate` no vote, or None; the candidate's own vote follows the same rules."""
    is_behind = state.offset_rule is OffsetRule.REQUIRE and vote.offset < state.offset
    rules = (
        (configuration != state.configuration.id, RefusalReason.CONFIGURATION),
        (state.is_disputed, RefusalReason.CONFIGURATION),
        (candidate not in state.voters or not state.is_voter, RefusalReason.NOT_VOTER),
        (state.is_fenced, RefusalReason.BOOT_FENCE),
        (is_bound_elsewhere(election, candidate), RefusalReason.BOUND),
        (leading.is_leading(state, election), RefusalReason.LEADING),
        (vote.term <= state.configuration.floor, RefusalReason.TERM),
        (not is_term_free(election, candidate, vote.term), RefusalReason.TERM),
        (is_behind, RefusalReason.OFFSET),
    )
    return next((reason for is_broken, reason in rules if is_broken), None)


def is_bound_elsewhere(election: ElectionState, candidate: str) -> bool:
    """Whether this node follows another leader in a live session."""
    return election.following is not None and election.following.leader != candidate


def is_term_free(election: ElectionState, candidate: str, term: int) -> bool:
    """Whether this node's vote in a term is still to give, or is this candidate's already."""
    return term > election.term or election.ballot == Ballot(term=term, voted_for=candidate)


def receive_vote(
    state: NodeState, election: ElectionState, peer: Peer, vote: Vote, configuration: ConfigurationId
) -> None:
    """Grant or refuse a peer's Vote; a refusal changes nothing here."""
    reason = refusal(state, election, peer.id, vote, configuration)
    if reason is None:
        _grant(state, election, peer, vote.term)
    else:
        leader = state.known(election).leader
        entry = Refuse(election=election.name, term=vote.term, own_term=election.term, reason=reason, leader=leader)
        state.effects.send(peer.id, entry)
    result = "granted" if reason is None else reason.value
    voted = Voted(election=election.name, term=vote.term, candidate=peer.id, answer=result, at=state.now)
    state.effects.events.append(voted)


def _grant(state: NodeState, election: ElectionState, peer: Peer, term: int) -> None:
    """Give the vote: it ends a candidacy, a leadership without a lease, and following an older term of the same one.

    Whoever has it is left the two intervals that its campaign may take.
    """
    if election.campaign is not None:
        state.end_campaign(election, "granted_another")
    election.vote_for(peer.id, term=term)
    election.retry_at = max(election.retry_at, state.now + 2 * state.timing.heartbeat_interval_ns)
    if election.leadership is not None:
        leading.end(state, election, "granted_another")
    if election.following is not None and election.following.term < term:
        election.become_follower()
        state.tell_known(election)
    state.send_durably(election, peer, Grant(election=election.name, term=term))
