"""Breaks of a vote that also follows, and of Abandon, which frees the voter.

Source: PROTOCOL.md, section 4, "A grant follows" and "Abandon".
"""

from dataclasses import replace

from elect.core.elector import Elector
from elect.core.messages import Abandon, Resign
from elect.core.rules import campaigning, following, leading, voting
from elect.core.state.election_state import ElectionState
from elect.core.state.node_state import NodeState
from tests.mutations import traces, worlds
from tests.mutations.breaking import Breaks, both, nothing, replaced, wrapped

GRANTS = Breaks()


@GRANTS.add("a Grant does not bind", "4 †", worlds.HOSTILE, 10)
def unbound_grants():
    return replaced(voting, "_bind", nothing)


@GRANTS.add("a Grant binds from its write on", "4 †", worlds.OWN_VOTE, 20)
def late_bound_grants():
    waiting = {}

    def binding(bind):
        def bind_later(state, election, peer, term):
            if election.following is not None and election.following.term < term:
                state.follow(election, None)
            waiting.setdefault(state, []).append((election, peer, term, peer.session))

        def bind_now(state):
            for election, peer, term, session in waiting.pop(state, ()):
                is_latest = election.ballot.term == term and election.leadership is None
                if session is not None and session == peer.session and is_latest and election.following is None:
                    bind(state, election, peer, term)

        binding.now = bind_now
        return bind_later

    def writing(written):
        def write(self, now, number):
            binding.now(self.state)
            return written(self, now, number)

        return write

    return both(wrapped(voting, "_bind", binding), wrapped(Elector, "written", writing))


@GRANTS.add("a Grant of another link counts", "4 †", traces.FORMER_LINK, 3)
def grants_of_any_link():
    def receiving(receive):
        def receive_any(state, election, peer, grant):
            receive(state, election, peer, replace(grant, link=peer.opened or grant.link))

        return receive_any

    return wrapped(campaigning, "receive_grant", receiving)


@GRANTS.add("a Grant follows in whatever session", "4 †", worlds.SLOW_FOLLOWS, 5)
def grants_of_any_session():
    def beginning(begin):
        def begin_with_any(state, election):
            for voter in election.campaign.grants:
                if voter != state.id:
                    election.campaign.grants[voter] = state.support.peers[voter].counted_session
            begin(state, election)

        return begin_with_any

    return wrapped(leading, "begin", beginning)


@GRANTS.add("a vote that is asked for again does not bind again", "4 †", worlds.OWN_VOTE, 20)
def bound_once():
    def granting(grant):
        def grant_once(state, election, peer, term):
            is_again = election.ballot.term == term
            with replaced(voting, "_bind", nothing if is_again else voting._bind):
                grant(state, election, peer, term)

        return grant_once

    return wrapped(voting, "_grant", granting)


@GRANTS.add("Abandon is said of a term that was won", "4 †", worlds.HOSTILE, 10)
def abandoned_although_won():
    def owing(owe):
        def owe_abandon(self, peer, entry):
            election = self.elections[entry.election]
            if isinstance(entry, Resign) and election.leadership is None:
                entry = Abandon(election=entry.election, term=entry.term)
            owe(self, peer, entry)

        return owe_abandon

    return wrapped(NodeState, "owe", owing)


@GRANTS.add("Abandon frees of whatever term", "4 †", worlds.HOSTILE, 10)
def abandon_of_any_term():
    def is_bound(election, candidate, _term):
        bond = election.following
        return bond is not None and not bond.is_elected and bond.leader == candidate

    return replaced(following, "is_bound_to_candidate", is_bound)


@GRANTS.add("an Abandoned vote is forgotten, whatever came since", "4 †", traces.GRANTED_AGAIN, 3)
def restored_too_far():
    def voting_for(vote_for):
        def vote(self, candidate, *, term):
            before = self.granted_vote
            vote_for(self, candidate, term=term)
            if before is not None and before.candidate == candidate:
                self.granted_vote = replace(self.granted_vote, follow_term_min=before.follow_term_min)

        return vote

    def noting(note):
        def note_any(self, candidate, *, term):
            vote = self.granted_vote
            note(self, candidate, term=term if vote is None or vote.candidate != candidate else vote.term)

        return note_any

    return both(wrapped(ElectionState, "vote_for", voting_for), wrapped(ElectionState, "note_abandon", noting))


@GRANTS.add("an Abandon frees nobody", "4", worlds.BOUND_IN_VAIN, 5)
def deaf_to_abandon():
    return replaced(following, "receive_abandon", nothing)
