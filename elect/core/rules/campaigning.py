"""The rules of a campaign, from its beginning until it is won or abandoned.

Source: PROTOCOL.md, section 4, "Campaigning and winning"; section 6.
"""

from elect.core.messages import TERM_MAX, Abandon, Grant, Number, RefusalReason, Refuse, Resign, Vote
from elect.core.quorum import FOREVER, is_quorum
from elect.core.rules import following, known_leader, leading, ranking, voting
from elect.core.state.election_state import Campaign, ElectionState
from elect.core.state.node_state import NodeState
from elect.core.state.peer_support import Peer


def is_eligible(state: NodeState) -> bool:
    """Return whether rules 1 and 2 hold, as far as they are the same for every election.

    Source: PROTOCOL.md, section 6, rule 1 and rule 2.
    """
    # Fenced, it could not vote for itself: it may have promised another candidate, before the restart, not to.
    is_fit = state.is_voter and state.is_willing and not state.is_fenced
    # A node that reaches only a minority would win nothing, and its Votes would disturb those that can (P5). When links
    # are cut in odd places this picks the node that still reaches a quorum (P4).
    return is_fit and state.supported_until > state.now


def review(state: NodeState) -> None:
    """Note since when this node as a whole might win; if it newly might, every vacant election is considered."""
    if state.index.are_peers_changed:
        state.electable = ranking.electable(state)
        state.index.are_peers_changed = False
        state.index.review_vacant()
    if not is_eligible(state):
        state.eligible_since = None
    elif state.eligible_since is None:
        state.eligible_since = state.now
        state.index.review_vacant()


def consider(state: NodeState, election: ElectionState, *, is_next: bool = False) -> None:
    """Apply to one election all that has changed, at the end of an input; `is_next`: of those that wait to campaign."""
    following.follow_refused(state, election)
    held_until = voting.answer_held(state, election)
    ask_again(state, election)
    known_leader.report(state, election)
    following.list_observed(state, election)
    if election.is_vacant:
        state.index.deadlines.set(election.name, _campaign_if_due(state, election, is_next=is_next))
    else:
        election.free_since = None
        if held_until < FOREVER:
            state.index.deadlines.set(election.name, min(election.deadline, held_until))


def _campaign_if_due(state: NodeState, election: ElectionState, *, is_next: bool) -> int:
    """Campaign if this node's turn has come; return when the election is due next (ns)."""
    # Rule 3, and with `eligible_since` rules 1 and 2. When they change somebody has this election considered again.
    if not is_free(state, election):
        election.free_since = None
        return FOREVER
    if election.free_since is None:
        election.free_since = state.now
    if state.eligible_since is None:
        return FOREVER
    at = _turn_at(state, election, max(election.free_since, state.eligible_since))
    if at > state.now:
        return at
    # One that waits longer goes first: this node comes first in it, and another node perhaps in this one.
    waiting = state.index.campaigns.waiting
    if is_next or (not waiting and may_begin(state)):
        begin(state, election)
        del state.index.unreviewed[election.name]  # it is considered now
    else:
        waiting[election.name] = None
    return election.deadline


def may_begin(state: NodeState) -> bool:
    """Return whether the own disk and the peers can be expected to answer the Votes of another campaign in time."""
    # A peer whose stream has ended answers no more, although its promise may still be counted.
    windows = (peer.vote_window for peer in state.support.peers.values() if peer.session is not None)
    return not state.index.campaigns.is_reached(state.now, windows)


def _turn_at(state: NodeState, election: ElectionState, since: int) -> int:
    if next_term(state, election) > TERM_MAX:
        return FOREVER
    # Rule 4: the best one asks at once, and each other one a turn later than the one before it. So the best one
    # wins (P6), and two candidates seldom split the votes between them.
    place = ranking.place(state, election, state.electable)
    return max(election.retry_at, election.rests_until, since + place * state.timing.turn_ns)


def is_free(state: NodeState, election: ElectionState) -> bool:
    """Return whether rule 3 holds: no known leader, or a quorum does not support it.

    A node that is cut off from a healthy leader alone still reads from its peers that they support that leader. It
    waits, and the leader is not disturbed (P5).

    Source: PROTOCOL.md, section 6, rule 3.
    """
    leaders = {known.leader for known in known_leader.reported_leaders(state, election)}
    return all(
        leader is None or _asks_at_once(state, election, leader) or ranking.denies_support(state, leader)
        for leader in leaders
    )


def _asks_at_once(state: NodeState, election: ElectionState, leader: str) -> bool:
    """Return whether this node saw that leader die a moment ago, and comes first: it need not hear of it from others.

    Source: PROTOCOL.md, section 6, "Asking at once".
    """
    closed = election.closed
    if closed is None or closed[0] != leader or closed[1] <= state.now:
        return False
    # A leader that has dialed again lives.
    is_gone = state.support.peers[leader].accepted is None
    return is_gone and ranking.place(state, election, state.electable) == 0


def next_term(state: NodeState, election: ElectionState) -> int:
    """Return the term to campaign in; above TERM_MAX there is none."""
    # Above every term that a peer has named: the peers have voted in those, and would refuse. Above the floor, for the
    # same reason; and above the term of the configuration, so that a leader can make a newer one.
    configuration = state.configuration
    return 1 + max(election.term, election.term_seen, configuration.floor, configuration.term)


def begin(state: NodeState, election: ElectionState) -> Campaign:
    """Vote for this node, and ask every other voter for its vote.

    Source: PROTOCOL.md, section 4, "Campaigning and winning".
    """
    term = next_term(state, election)
    vote = Vote(election=election.name, term=term, offset=state.offset)
    # Rules 1 to 4 are hints, and safety never rests on them. It rests on this: the own vote follows the rules of votes.
    reason = voting.refusal(state, election, state.id, vote, state.configuration.id)
    assert reason is None, reason
    ends_at = state.now + 2 * state.timing.turn_ns
    campaign = election.become_candidate(term=term, voter=state.id, ends_at=ends_at)
    if election.closed is not None:
        campaign.presumed_dead = election.closed[0]
        election.closed = None  # one term for one end of stream
    # The write and the requests go on at the same time. The own vote counts when it is on disk: see `count_grant`.
    state.write(election)
    state.index.campaigns.own_window.ask(election.name, state.now, ends_at)
    for peer in state.other_voters:
        state.effects.send(peer.id, vote)
        if peer.counted_until > state.now and peer.session is not None:
            peer.vote_window.ask(election.name, state.now, ends_at)
    state.report_role(election, "campaign")
    return campaign


def receive_grant(state: NodeState, election: ElectionState, peer: Peer, grant: Grant) -> None:
    """Count a vote that was given, and the Follow that goes with it; a candidate no longer needs it says so.

    Source: PROTOCOL.md, section 4, "A grant follows" and "Abandon".
    """
    # It answers a Vote that came on another link, perhaps of an incarnation that has said Abandon since (trace 11).
    if grant.link != peer.opened:
        return
    peer.vote_window.answer(election.name, state.now)
    if election.campaign is not None and election.campaign.term == grant.term:
        count_grant(state, election, peer.id, grant.term, grant.session)
    elif election.leadership is not None and election.leadership.term == grant.term:
        if grant.session is not None:
            leading.receive_follow(state, election, peer, grant.term, grant.session)
    # The voter is bound for nothing. A term that was won is resigned, never abandoned: others may have followed in it,
    # and a voter that went back below it would follow an older leader (trace 9).
    elif grant.term <= election.elected_term:
        state.owe(peer, Resign(election=election.name, term=grant.term))
    elif grant.term <= election.term:
        state.owe(peer, Abandon(election=election.name, term=grant.term))


def count_grant(
    state: NodeState, election: ElectionState, voter: str, term: int, session: Number | None = None
) -> None:
    """Count a voter's grant; a majority that includes the own vote elects."""
    campaign = election.campaign
    # An abandoned term stays abandoned: this node may have granted or followed another since (trace 1).
    if campaign is None or campaign.term != term or voter not in state.voters:
        return
    campaign.grants[voter] = session
    # Without its own vote on disk it could restart, know nothing of this term, and be elected in it once more.
    if state.id in campaign.grants and is_quorum(len(campaign.grants), len(state.voters)):
        leading.begin(state, election)


def receive_refusal(state: NodeState, election: ElectionState, peer: Peer, refuse: Refuse) -> None:
    """Learn the peer's term; abandon once a majority is impossible."""
    election.term_seen = max(election.term_seen, refuse.own_term)
    if refuse.is_to_lead:
        # A candidate may follow later, unasked. That Follow is sent once and may be lost, so Lead is still repeated.
        # So may one whose seal did not reach a quorum, and is overtaken by a newer configuration.
        is_final = refuse.reason not in (RefusalReason.CANDIDATE, RefusalReason.NOT_ACTIVE)
        if is_final and election.leadership is not None and election.leadership.term == refuse.term:
            leading.stop_repeating_lead(peer, election, peer.counted_session)
        return
    peer.vote_window.answer(election.name, state.now)
    campaign = election.campaign
    if campaign is None or campaign.term != refuse.term or peer.id not in state.voters:
        return
    if _is_early(election, campaign, peer, refuse):
        campaign.early.add(peer.id)
        return
    if refuse.reason is RefusalReason.YIELDS and peer.id not in campaign.yielded:
        _stand_again(state, election, {*campaign.yielded, peer.id})
        return
    election.refusals[peer.id] = refuse.reason
    if not is_quorum(len(state.voters) - len(election.refusals), len(state.voters)):
        abandon(state, election, "refused")


def abandon_against(state: NodeState, leader: str) -> None:
    """Abandon the campaigns that presumed this leader dead: it lives, and can be followed again at once."""
    for election in [state.elections[name] for name in sorted(state.index.campaigns.live)]:
        if election.campaign is not None and election.campaign.presumed_dead == leader:
            abandon(state, election, "refused")


def _stand_again(state: NodeState, election: ElectionState, yielded: set[str]) -> None:
    """Campaign one term higher, without a wait: a rival gave its candidacy up and can vote for this node now.

    Source: PROTOCOL.md, section 6, "Two candidates in one term".
    """
    state.end_campaign(election, "refused")
    if is_eligible(state) and is_free(state, election) and next_term(state, election) <= TERM_MAX:
        begin(state, election).yielded = yielded


def _is_early(election: ElectionState, campaign: Campaign, peer: Peer, refuse: Refuse) -> bool:
    """Return whether the voter is bound to a leader that resigned: it will read Resign too, and can be asked again."""
    is_bound = refuse.reason is RefusalReason.BOUND and peer.id not in campaign.asked_again
    return is_bound and election.resigned is not None and election.resigned[0] == refuse.leader


def ask_again(state: NodeState, election: ElectionState) -> None:
    """Ask voters that were asked too early once more, when they say that they no longer follow a leader.

    A Vote can overtake a Resign that is under way on another link. Without this a named successor would lose its votes,
    and the election, to the candidate that comes next.
    """
    campaign = election.campaign
    if campaign is None or not campaign.early:
        return
    for peer in state.other_voters:
        if peer.id in campaign.early and election.name not in peer.reports:
            campaign.early.remove(peer.id)
            campaign.asked_again.add(peer.id)
            state.effects.send(peer.id, Vote(election=election.name, term=campaign.term, offset=state.offset))


def time_out(state: NodeState, elections: list[ElectionState]) -> None:
    """Abandon campaigns that have had their two turns."""
    for election in elections:
        abandon(state, election, "timed_out")


def abandon(state: NodeState, election: ElectionState, outcome: str) -> None:
    """Give the term up for good, and wait a random time below two turns: two candidates must not meet again."""
    election.retry_at = state.now + state.rng.randrange(2 * state.timing.turn_ns)
    state.end_campaign(election, outcome)
