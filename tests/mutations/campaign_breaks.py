"""Breaks of the conditions for a campaign and for its success.

Source: PROTOCOL.md, section 4, "Campaigning and winning"; section 6.
"""

from dataclasses import replace
from unittest.mock import PropertyMock, patch

from elect.core.messages import Standing
from elect.core.quorum import FOREVER, is_quorum
from elect.core.rules import campaigning, leading, ranking, voting
from elect.core.state.election_state import Campaign
from elect.core.state.node_state import NodeState
from tests.mutations import traces, worlds
from tests.mutations.breaking import Breaks, nothing, replaced, wrapped

CAMPAIGN = Breaks()
HINTS = Breaks()
"""Rules that change only how long an election takes: no checker notices their breaks, and each says why."""


@CAMPAIGN.add("the unwilling campaign", "6 (1)", worlds.HOSTILE, 10)
def unwilling_candidates():
    return patch.object(NodeState, "is_willing", new_callable=PropertyMock, return_value=True)


@CAMPAIGN.add("candidates need no quorum's support", "6 (2)", worlds.HOSTILE, 3)
def lonely_candidates():
    return replaced(campaigning, "is_eligible", lambda state: state.is_willing and not state.is_fenced)


@CAMPAIGN.add("a known leader delays no candidate", "6 (3)", worlds.MINORITY, 30)
def troublemakers():
    return replaced(campaigning, "is_free", lambda state, election: True)


@CAMPAIGN.add("candidates have no order", "6 (4)", worlds.SUCCESSION, 20)
def no_order():
    return replaced(ranking, "place", lambda state, election, electable: 0)


@CAMPAIGN.add("priority does not matter", "6 (4)", worlds.SUCCESSION, 60)
def no_priority():
    def changed(rank):
        return lambda election, node_id, standing: rank(election, node_id, Standing(priority=1, offset=standing.offset))

    return wrapped(ranking, "_order_key", changed)


@CAMPAIGN.add("the offset does not matter", "6 (4)", worlds.SUCCESSION, 60)
def no_offset():
    def changed(rank):
        return lambda election, node_id, standing: rank(election, node_id, Standing(priority=standing.priority))

    return wrapped(ranking, "_order_key", changed)


@CAMPAIGN.add("half of the voters elect", "4", worlds.SUCCESSION, 40)
def half_elects():
    return replaced(campaigning, "is_quorum", lambda votes, voters: votes * 2 >= voters)


@CAMPAIGN.add("the own vote before its write", "4", worlds.HOSTILE, 20)
def own_vote_before_the_disk():
    def beginning(begin):
        def begin_with_own_vote(state, election):
            begin(state, election)
            campaigning.count_grant(state, election, state.id, election.campaign.term)

        return begin_with_own_vote

    return wrapped(campaigning, "begin", beginning)


@CAMPAIGN.add("a Grant of an older term counts", "4", worlds.LATE, 5)
def old_grants():
    def taking(take):
        def take_any(state, election, peer, grant):
            if election.campaign is not None:
                grant = replace(grant, term=election.campaign.term)
            take(state, election, peer, grant)

        return take_any

    return wrapped(campaigning, "receive_grant", taking)


@CAMPAIGN.add("the own vote is not needed", "4", worlds.OWN_VOTE, 20)
def own_vote_not_needed():
    def taking(take):
        def take_and_win(state, election, voter, term, session=None):
            take(state, election, voter, term, session)
            campaign = election.campaign
            if campaign is not None and is_quorum(len(campaign.grants), len(state.voters)):
                leading.begin(state, election)

        return take_and_win

    return wrapped(campaigning, "count_grant", taking)


@CAMPAIGN.add("an abandoned term is taken up again", "4", traces.LATE_GRANT, 3)
def abandoned_terms():
    def taking(take):
        def take_late(state, election, peer, grant):
            stands_or_leads = election.campaign is not None or election.leadership is not None
            if not stands_or_leads and grant.term > election.elected_term and grant.link == peer.opened:
                election.become_follower()
                election.campaign = Campaign(term=grant.term, ends_at=state.now, grants={state.id: None})
                state.index.update(election)
            take(state, election, peer, grant)

        return take_late

    return wrapped(campaigning, "receive_grant", taking)


@CAMPAIGN.add("terms told of are not stepped over", "4", worlds.BEHIND, 5)
def terms_untold():
    def next_term(state, election):
        del state
        return 1 + election.term

    return replaced(campaigning, "next_term", next_term)


@CAMPAIGN.add("no random wait after a failed campaign", "4", worlds.SPLIT, 5)
def no_random_wait():
    def abandon(state, election, outcome):
        state.end_campaign(election, outcome)

    return replaced(campaigning, "abandon", abandon)


@CAMPAIGN.add("a campaign never times out", "4", worlds.RESETS, 20)
def endless_campaigns():
    def beginning(begin):
        def begin_for_ever(state, election):
            campaign = begin(state, election)
            campaign.ends_at = FOREVER
            return campaign

        return begin_for_ever

    return wrapped(campaigning, "begin", beginning)


@CAMPAIGN.add("a successor has no precedence", "6", worlds.HAND_OVER, 20)
def no_successor():
    def changed(rank):
        return lambda election, node_id, standing: (False, *rank(election, node_id, standing)[1:])

    return wrapped(ranking, "_order_key", changed)


@HINTS.add("no Vote is held", "6", worlds.SUCCESSION, 5)
def no_held_votes():
    """Section 6, "Holding a Vote": without it a voter that is bound refuses, and the candidate asks later."""
    return replaced(voting, "_is_only_bound", lambda state, election, peer, held: False)


@HINTS.add("who was asked too early is not asked again", "4", worlds.HAND_OVER, 5)
def asked_once():
    """Section 4: a voter that is bound holds the Vote for a turn, and a later campaign asks it again in any case."""
    return replaced(campaigning, "ask_again", nothing)


@HINTS.add("nobody asks at once", "6", worlds.SUCCESSION, 5)
def nobody_asks_at_once():
    """Section 6, "Asking at once": without it a node waits for the heartbeats of a quorum."""
    return replaced(campaigning, "_asks_at_once", lambda state, election, leader: False)


@HINTS.add("no candidate gives way", "6", worlds.SPLIT, 5)
def stubborn_candidates():
    """Section 6, "Two candidates in one term": without it they wait for random times, and one of them wins later."""
    return replaced(voting, "_is_outranked", lambda state, election, peer, vote: False)


@HINTS.add("a node ranks itself by its offset of now", "6", worlds.SUCCESSION, 5)
def unannounced_ranks():
    """Section 6, "Ranks as announced": without it candidates meet more often, and one wins after random waits."""

    def placing(place):
        def place_as_now(state, election, electable):
            announced, state.announced = state.announced, state.rank
            found = place(state, election, electable)
            state.announced = announced
            return found

        return place_as_now

    return wrapped(ranking, "place", placing)


@HINTS.add("a campaign that cannot be won goes on", "4", worlds.HOSTILE, 5)
def hopeless_campaigns():
    """Section 4: only a majority of Grants elects, whatever the refusals, and the campaign ends after two intervals."""

    def abandoning(abandon):
        def abandon_(state, election, outcome):
            if outcome != "refused":
                abandon(state, election, outcome)

        return abandon_

    return wrapped(campaigning, "abandon", abandoning)
