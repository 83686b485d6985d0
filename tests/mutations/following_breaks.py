"""Breaks of following, of letting go, and of the knowledge of leaders.

Source: PROTOCOL.md, section 4, "Following" and "Bound"; section 6, first paragraph.
"""

from dataclasses import replace

from elect.core.messages import Known, RefusalReason
from elect.core.rules import following, known_leader, voting
from elect.core.state.election_state import ElectionState
from elect.core.state.node_state import NodeState
from tests.mutations import traces, worlds
from tests.mutations.breaking import Breaks, both, nothing, replaced, wrapped

FOLLOWING = Breaks()


def _followed_whenever(is_followed):
    """A Lead refused for its term is followed all the same if the predicate says so."""

    def refusing(refusal):
        def refuse(election, leader, term):
            reason = refusal(election, leader, term)
            return None if reason is RefusalReason.TERM and is_followed(election, term) else reason

        return refuse

    return wrapped(following, "refusal", refusing)


@FOLLOWING.add("any term is followed", "4 †", worlds.CONTEST, 30)
def any_term_is_followed():
    return _followed_whenever(lambda election, term: True)


@FOLLOWING.add("a term above the own vote's is followed", "4 †", worlds.CONTEST, 30)
def failed_grants_forgotten():
    """Trace 1 of section 10: a node that voted last, and did not follow, follows any term."""
    return _followed_whenever(lambda election, term: election.ballot.voted_for is not None)


@FOLLOWING.add("a lower term than the own is never followed", "4", worlds.REGAIN, 30)
def only_higher_terms():
    def refusing(refusal):
        def refuse(election, leader, term):
            return RefusalReason.TERM if term < election.term else refusal(election, leader, term)

        return refuse

    return wrapped(following, "refusal", refusing)


@FOLLOWING.add("base does not rise with a Grant", "4 †", worlds.CONTEST, 60)
def base_without_grants():
    def granting(grant):
        def grant_(state, election, peer, term):
            lowest = election.follow_term_min
            grant(state, election, peer, term)
            election.follow_term_min = lowest

        return grant_

    return wrapped(voting, "_grant", granting)


@FOLLOWING.add("base does not rise with an election", "4 †", traces.LED_AND_RESIGNED, 3)
def base_without_elections():
    def becoming(become):
        def become_(self, *, ends_at):
            lowest = self.follow_term_min
            leadership = become(self, ends_at=ends_at)
            self.follow_term_min = lowest
            return leadership

        return become_

    return wrapped(ElectionState, "become_leader", becoming)


@FOLLOWING.add("base does not rise with a Follow", "4 †", worlds.CONTEST_OF_FIVE, 40)
def base_without_follows():
    def becoming(become):
        def become_(self, following=None):
            term_min = self.follow_term_min
            become(self, following)
            self.follow_term_min = term_min

        return become_

    return wrapped(ElectionState, "become_follower", becoming)


@FOLLOWING.add("a live candidate follows a lower term", "4", worlds.SLOW_FOLLOWS, 3)
def unsteady_candidates():
    def refusing(refusal):
        def refuse(election, leader, term):
            reason = refusal(election, leader, term)
            return None if reason is RefusalReason.CANDIDATE else reason

        return refuse

    return wrapped(following, "refusal", refusing)


@FOLLOWING.add("base is forgotten at a restart", "4 †", traces.RESTARTED_VOTER, 3)
def base_without_disk():
    def making(make):
        def make_(self, name, durable, index):
            make(self, name, durable, index)
            self.follow_term_min = 0

        return make_

    return wrapped(ElectionState, "__init__", making)


def _lower(election, term):
    """Let a restart follow this term, whatever the vote."""
    if term < election.ballot.follow_term_min:
        election.ballot = replace(election.ballot, lowered_to=term)


@FOLLOWING.add("a vote for itself is written as lowered", "4 †", traces.RESTARTED_LEADER, 3)
def lowered_own_votes():
    def becoming(become):
        def become_(self, **campaign):
            begun = become(self, **campaign)
            _lower(self, self.follow_term_min)
            return begun

        return become_

    return wrapped(ElectionState, "become_candidate", becoming)


@FOLLOWING.add("a vote for another is written as lowered", "4 †", traces.VOTER_OF_TWO, 3)
def lowered_votes():
    def voting_for(vote_for):
        def vote(self, candidate, *, term):
            lowest = self.follow_term_min
            vote_for(self, candidate, term=term)
            _lower(self, lowest)

        return vote

    return wrapped(ElectionState, "vote_for", voting_for)


def _lowered_when_refused(reason):
    def receiving(receive):
        def receive_and_lower(state, election, peer, lead):
            receive(state, election, peer, lead)
            if peer.session is not None and following.refusal(election, peer.id, lead.term) is reason:
                _lower(election, lead.term)
                state.write(election)

        return receive_and_lower

    return wrapped(following, "receive_lead", receiving)


@FOLLOWING.add("a live candidacy lowers the vote", "4 †", traces.RESTARTED_LEADER, 3)
def lowered_by_candidates():
    return _lowered_when_refused(RefusalReason.CANDIDATE)


@FOLLOWING.add("a Lead of a term that is too low lowers the vote", "4 †", traces.VOTER_OF_TWO, 3)
def lowered_by_any_lead():
    return _lowered_when_refused(RefusalReason.TERM)


@FOLLOWING.add("an Abandon lowers the vote, whatever came since", "4 †", traces.ABANDONED_AND_RESTARTED, 3)
def lowered_by_abandon():
    def receiving(receive):
        def receive_and_lower(state, election, peer, abandon):
            receive(state, election, peer, abandon)
            _lower(election, abandon.term - 1)
            state.write(election)

        return receive_and_lower

    return wrapped(following, "receive_abandon", receiving)


@FOLLOWING.add("a lowered vote is given again", "4 †", traces.LOWERED_VOTE, 3)
def lowered_votes_given_again():
    def is_free(election, candidate, term):
        return term > election.term or (election.term, election.ballot.voted_for) == (term, candidate)

    return replaced(voting, "is_term_free", is_free)


@FOLLOWING.add("an old Resign lets go", "4 †", worlds.REGAIN, 10)
def old_resigns():
    def taking(take):
        def take_any(state, election, peer, resign):
            bound = election.following
            if bound is not None and bound.leader == peer.id:
                bound.term = min(bound.term, resign.term)
            take(state, election, peer, resign)

        return take_any

    return wrapped(following, "receive_resign", taking)


@FOLLOWING.add("a repeated Resign takes the successor away", "6", worlds.HAND_OVER_AT_ONCE, 10)
def forgotten_successors():
    def taking(take):
        def take_again(state, election, peer, resign):
            take(state, election, peer, resign)
            if election.resigned == (peer.id, resign.term):
                election.note_resign(peer.id, term=resign.term, successor=resign.successor)

        return take_again

    def owing(owe):
        def owe_as_given(self, peer, entry):
            peer.resigns.pop(entry.election, None)
            owe(self, peer, entry)

        return owe_as_given

    return both(wrapped(following, "receive_resign", taking), wrapped(NodeState, "owe", owing))


@FOLLOWING.add("a follower stays bound when the session ends", "4", worlds.HOSTILE, 5)
def bound_for_ever():
    return replaced(following, "release", nothing)


@FOLLOWING.add("second-hand knowledge is passed on", "4", worlds.HUB, 200)
def second_hand_knowledge():
    def knowing(known):
        def know(self, election):
            own = known(self, election)
            heard = known_leader.reported_leaders(self, election)
            if own.leader is not None or not heard:
                return own
            return Known(
                election=election.name, term=heard[0].term, leader=heard[0].leader, incarnation=heard[0].incarnation
            )

        return know

    def taking(take):
        def take_and_tell(state, peer, knowledge):
            elections = [
                state.elections[each.election] for each in knowledge.entries if each.election in state.elections
            ]
            before = [state.known(election) for election in elections]
            take(state, peer, knowledge)
            for election, known in zip(elections, before, strict=True):
                if state.known(election) != known:
                    state.queue_known(election)

        return take_and_tell

    return both(wrapped(NodeState, "known", knowing), wrapped(following, "receive_knowledge", taking))
