"""Answer a Vote: one vote a term, on disk before it leaves (P1), and none against a promise (P3).

Source: PROTOCOL.md, section 4, "Voting" and "Boot fence".
"""

from elect.core.events import Voted
from elect.core.messages import ConfigurationId, Grant, RefusalReason, Refuse, Vote
from elect.core.options import OffsetRule
from elect.core.quorum import FOREVER
from elect.core.ready import Ballot
from elect.core.rules import leading, ranking
from elect.core.state.election_state import ElectionState, Following
from elect.core.state.held_votes import HeldVote
from elect.core.state.node_state import NodeState
from elect.core.state.peer_support import Peer


def refusal(
    state: NodeState, election: ElectionState, candidate: str, vote: Vote, configuration: ConfigurationId
) -> RefusalReason | None:
    """Return why this node gives `candidate` no vote, or None; the candidate's own vote follows the same rules."""
    return next(iter(refusals(state, election, candidate, vote, configuration)), None)


def refusals(
    state: NodeState, election: ElectionState, candidate: str, vote: Vote, configuration: ConfigurationId
) -> list[RefusalReason]:
    """Return every reason to give `candidate` no vote; the first one is told.

    Source: PROTOCOL.md, section 4, "Voting".
    """
    is_behind = state.offset_rule is OffsetRule.REQUIRE and vote.offset < state.offset
    rules = (
        # A standby cluster elects nobody, and a quorum of nodes that have the seal has to keep every candidate out.
        (not state.is_active, RefusalReason.NOT_ACTIVE),
        # Two lists of voters have two majorities that need not meet, and each could elect a leader in this term.
        (configuration != state.configuration.id, RefusalReason.CONFIGURATION),
        # The same danger, noticed in another way: some voter of this node's list has another list, or another store.
        (state.is_disputed, RefusalReason.CONFIGURATION),
        # A majority is one of the voters in the list; any other vote would count for nothing, or falsely.
        (candidate not in state.voters or not state.is_voter, RefusalReason.NOT_VOTER),
        # A restarted node cannot know to whom it was bound. The fence outlives every promise that it may have given.
        (state.is_fenced, RefusalReason.BOOT_FENCE),
        # That is the promise: while the session lives this node helps no candidate to replace its leader.
        (is_bound_elsewhere(election, candidate), RefusalReason.BOUND),
        # A leader is bound to itself while its lease holds, and after that until its application knows the loss.
        (leading.is_leading(state, election), RefusalReason.LEADING),
        # Newcomers know no old terms, so no term is free that somebody may have been elected in before they came.
        (vote.term <= state.configuration.floor, RefusalReason.TERM),
        # One vote a term: this is P1. In a lower term this node may have voted too; it remembers only its latest vote.
        (not is_term_free(election, candidate, vote.term), RefusalReason.TERM),
        # A setting of the application: a leader should not lack what this node has replicated.
        (is_behind, RefusalReason.OFFSET),
    )
    return [reason for is_broken, reason in rules if is_broken]


def is_bound_elsewhere(election: ElectionState, candidate: str) -> bool:
    """Return whether this node follows another leader in a live session."""
    return election.following is not None and election.following.leader != candidate


def is_term_free(election: ElectionState, candidate: str, term: int) -> bool:
    """Return whether this node's vote in a term is still free, or is this candidate's already."""
    # The second case answers a Vote that is repeated because the Grant was lost. It is no new vote. A vote that is
    # lowered is not equal: its Grant would leave without a write, and a restart could still follow the older leader.
    return term > election.term or election.ballot == Ballot(term=term, voted_for=candidate)


def receive_vote(
    state: NodeState, election: ElectionState, peer: Peer, vote: Vote, configuration: ConfigurationId
) -> None:
    """Grant, refuse or hold a peer's Vote; a refusal changes nothing here.

    In Raft a higher term alone is adopted. Here a node that comes back with one must not end the leadership of a
    healthy leader (P5).
    """
    assert peer.accepted is not None
    until = state.now + state.timing.turn_ns
    held = HeldVote(vote=vote, configuration=configuration, link=peer.accepted, until=until)
    if _is_only_bound(state, election, peer, held) and state.held.add(peer.id, held):
        state.index.unreviewed[election.name] = None  # for the time until which it is held
    else:
        _answer(state, election, peer, held)


def answer_held(state: NodeState, election: ElectionState) -> int:
    """Answer the Votes that this node needs to hold no longer; return when that is due for the others (ns).

    Source: PROTOCOL.md, section 6, "Asking at once".
    """
    if not state.held.of(election.name):
        return FOREVER
    for candidate, held in list(state.held.of(election.name).items()):
        peer = state.support.peers[candidate]
        is_over = held.until <= state.now or peer.accepted != held.link
        if is_over or not _is_only_bound(state, election, peer, held):
            state.held.drop(election.name, candidate)
            if peer.accepted == held.link:
                _answer(state, election, peer, held, was_held=True)
    return min((held.until for held in state.held.of(election.name).values()), default=FOREVER)


def _is_only_bound(state: NodeState, election: ElectionState, peer: Peer, held: HeldVote) -> bool:
    """Return whether the vote could be given if this node were not bound."""
    return refusals(state, election, peer.id, held.vote, held.configuration) == [RefusalReason.BOUND]


def _answer(state: NodeState, election: ElectionState, peer: Peer, held: HeldVote, *, was_held: bool = False) -> None:
    vote = held.vote
    # By the rules of this moment: to hold a Vote promises nothing.
    reason = refusal(state, election, peer.id, vote, held.configuration)
    if reason is None:
        _grant(state, election, peer, vote.term)
    else:
        is_only = len(refusals(state, election, peer.id, vote, held.configuration)) == 1
        if is_only and _is_outranked(state, election, peer, vote):
            reason = RefusalReason.YIELDS
            give_way(state, election)
        leader = state.known(election).leader
        entry = Refuse(election=election.name, term=vote.term, own_term=election.term, reason=reason, leader=leader)
        state.effects.send(peer.id, entry)
    answer = "granted" if reason is None else reason.value
    state.effects.events.append(
        Voted(election=election.name, term=vote.term, candidate=peer.id, answer=answer, was_held=was_held, at=state.now)
    )


def _is_outranked(state: NodeState, election: ElectionState, peer: Peer, vote: Vote) -> bool:
    """Return whether this node is a candidate in the term of the Vote, and should give way to its sender.

    Source: PROTOCOL.md, section 6, "Two candidates in one term".
    """
    campaign = election.campaign
    return campaign is not None and campaign.term == vote.term and ranking.is_before(state, election, peer.id)


def give_way(state: NodeState, election: ElectionState) -> None:
    """End the campaign, so that the better candidate gets this vote in its next term."""
    # Both may find the other one better, and give way. So the wait is random, as after any campaign that failed.
    election.retry_at = state.now + state.rng.randrange(2 * state.timing.turn_ns)
    state.end_campaign(election, "yielded")


def _grant(state: NodeState, election: ElectionState, peer: Peer, term: int) -> None:
    """Give the vote; it ends a candidacy, a lapsed leadership, and the following of an older term of the candidate."""
    # With this vote another node may be elected, so this node must not be, in a lower term.
    if election.campaign is not None:
        state.end_campaign(election, "granted_another")
    # Changed in memory now, not when the write ends: a Lead of a lower term may come before, and is refused (trace 5).
    election.vote_for(peer.id, term=term)
    # The candidate is left the two turns that its campaign may take.
    election.retry_at = max(election.retry_at, state.now + 2 * state.timing.turn_ns)
    if election.leadership is not None:
        leading.end(state, election, "granted_another")
    _bind(state, election, peer, term)
    # On disk before it leaves: else a restart in between lets this node vote again in the same term.
    assert peer.accepted is not None
    grant = Grant(election=election.name, term=term, session=peer.session, link=peer.accepted)
    state.send_durably(election, peer, grant)


def _bind(state: NodeState, election: ElectionState, peer: Peer, term: int) -> None:
    """Follow the candidate from now on: it counts the grant as a Follow once it is elected.

    Source: PROTOCOL.md, section 4, "A grant follows".
    """
    before = election.following
    if before is not None and (before.term, before.session) == (term, peer.session):
        return
    following = None
    if peer.session is not None:
        following = Following(leader=peer.id, term=term, session=peer.session, is_elected=False)
    state.follow(election, following)
