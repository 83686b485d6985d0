"""Answering a Vote.

Source: PROTOCOL.md, section 4, "Voting" and "Boot fence".
"""

from elect.core import leading
from elect.core.election import Election
from elect.core.messages import ConfigurationId, Grant, RefusalReason, Refuse, Vote
from elect.core.options import OffsetRule
from elect.core.ready import Ballot, Voted
from elect.core.state import State
from elect.core.support import Peer


def refusal(
    state: State, election: Election, candidate: str, vote: Vote, configuration: ConfigurationId
) -> RefusalReason | None:
    """Why this node gives `candidate` no vote, or None; the candidate's own vote follows the same rules."""
    if configuration != state.configuration.id:
        return RefusalReason.CONFIGURATION
    if candidate not in state.voters or not state.is_voter:
        return RefusalReason.NOT_VOTER
    if state.is_fenced:
        return RefusalReason.BOOT_FENCE
    if is_bound_elsewhere(election, candidate):
        return RefusalReason.BOUND
    if leading.is_leading(state, election):
        return RefusalReason.LEADING
    if vote.term <= state.configuration.floor or not is_term_free(election, candidate, vote.term):
        return RefusalReason.TERM
    if state.offset_rule is OffsetRule.REQUIRE and vote.offset < state.offset:
        return RefusalReason.OFFSET
    return None


def is_bound_elsewhere(election: Election, candidate: str) -> bool:
    """Whether this node follows another leader in a live session."""
    return election.following is not None and election.following.leader != candidate


def is_term_free(election: Election, candidate: str, term: int) -> bool:
    """Whether this node's vote in a term is still to give, or is this candidate's already."""
    return term > election.term or election.ballot == Ballot(term=term, voted_for=candidate)


def answer(state: State, election: Election, peer: Peer, vote: Vote, configuration: ConfigurationId) -> None:
    """Grant or refuse a peer's Vote; a refusal changes nothing here."""
    reason = refusal(state, election, peer.id, vote, configuration)
    if reason is None:
        _grant(state, election, peer, vote.term)
    else:
        leader = state.known(election).leader
        entry = Refuse(election=election.name, term=vote.term, own_term=election.term, reason=reason, leader=leader)
        state.outcome.send(peer.id, entry)
    result = "granted" if reason is None else reason.value
    voted = Voted(election=election.name, term=vote.term, candidate=peer.id, answer=result, at=state.now)
    state.outcome.events.append(voted)


def _grant(state: State, election: Election, peer: Peer, term: int) -> None:
    """Give the vote: it ends a candidacy, a leadership without a lease, and following an older term of the same one."""
    election.ballot = Ballot(term=term, voted_for=peer.id)
    election.base = max(election.base, term)
    if election.campaign is not None:
        state.end_campaign(election, "granted_another")
    if election.leadership is not None:
        leading.end(state, election, "granted_another")
    if election.following is not None and election.following.term < term:
        election.become_follower()
        state.tell_known(election)
    state.send_durably(election, peer, Grant(election=election.name, term=term))
    state.touch(election)
