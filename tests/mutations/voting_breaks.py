"""Breaks of voting, of the boot fence, and of writing before sending.

Source: PROTOCOL.md, section 4.
"""

from unittest.mock import PropertyMock, patch

from elect.core.elector import Elector
from elect.core.messages import Follow, Grant
from elect.core.options import OffsetRule
from elect.core.ready import Ballot
from elect.core.rules import leading, voting
from elect.core.state.node_state import NodeState
from elect.testing.world.simulated_disk import SimulatedDisk
from tests.mutations import worlds
from tests.mutations.breaking import Breaks, nothing, replaced, wrapped

VOTING = Breaks()


@VOTING.add("the boot fence is gone", "4 †", worlds.HOSTILE, 5)
def no_boot_fence():
    return patch.object(NodeState, "is_fenced", new_callable=PropertyMock, return_value=False)


@VOTING.add("the boot fence is half as long", "4 †", worlds.HOSTILE, 10)
def short_boot_fence():
    def making(make):
        def make_short(self, *, now, **options):
            make(self, now=now, **options)
            self.fence_until = now + (self.fence_until - now) // 2 if self.fence_until else 0

        return make_short

    return wrapped(NodeState, "__init__", making)


@VOTING.add("the longest promise is not on disk", "4 †", worlds.HOSTILE, 10)
def forgotten_promise():
    def opening(open_):
        def open_forgetful(self, *given, **named):
            open_(self, *given, **named)
            return 0

        return open_forgetful

    return wrapped(SimulatedDisk, "open", opening)


@VOTING.add("a vote while bound", "4", worlds.REGAIN, 30)
def vote_while_bound():
    return replaced(voting, "is_bound_elsewhere", lambda election, candidate: False)


@VOTING.add("a held Vote is granted in the end", "6 †", worlds.REGAIN, 30)
def held_votes_are_promises():
    def answering(answer):
        def answer_and_grant(state, election, peer, held, *, was_held=False):
            if was_held and held.until <= state.now and voting.is_term_free(election, peer.id, held.vote.term):
                election.become_follower()
            answer(state, election, peer, held, was_held=was_held)

        return answer_and_grant

    return wrapped(voting, "_answer", answering)


@VOTING.add("two votes in one term", "4", worlds.HOSTILE, 5)
def two_votes_a_term():
    return replaced(voting, "is_term_free", lambda election, candidate, term: term >= election.term)


@VOTING.add("a vote in a term below the own one", "4", worlds.HOSTILE, 10)
def vote_below():
    return replaced(voting, "is_term_free", lambda election, candidate, term: term != election.term)


def _sent_at_once(kind):
    """Entries of a kind leave before what they rest on is written."""

    def sending(send):
        def send_at_once(self, election, peer, entry):
            if isinstance(entry, kind):
                self.write(election)
                self.effects.send(peer.id, entry)
            else:
                send(self, election, peer, entry)

        return send_at_once

    return wrapped(NodeState, "send_durably", sending)


@VOTING.add("a Grant before its write", "4", worlds.HOSTILE, 3)
def grants_before_the_disk():
    return _sent_at_once(Grant)


@VOTING.add("a Follow before its write", "4", worlds.HOSTILE, 10)
def follows_before_the_disk():
    return _sent_at_once(Follow)


@VOTING.add("a refusal adopts the term", "4", worlds.HOSTILE, 5)
def refusals_adopt_terms():
    def answering(answer):
        def answer_and_adopt(state, election, peer, vote, configuration):
            answer(state, election, peer, vote, configuration)
            if vote.term > election.term:
                election.ballot = Ballot(term=vote.term, voted_for=None)
                state.write(election)

        return answer_and_adopt

    return wrapped(voting, "receive_vote", answering)


@VOTING.add("a failed write is rolled back", "4 †", worlds.DISKS, 15)
def rolled_back():
    def failing(fail):
        def fail_and_forget(self, now, number):
            write = self._writes.get(number)
            for name in write.ballots if write is not None else ():
                election = self.state.elections[name]
                election.ballot = election.durable
                election.follow_term_min = min(election.follow_term_min, election.term)
            return fail(self, now, number)

        return fail_and_forget

    return wrapped(Elector, "write_failed", failing)


@VOTING.add("a candidate behind is voted for", "4", worlds.OFFSETS, 5)
def offsets_ignored():
    def refusing(refusal):
        def refuse(state, election, candidate, vote, configuration):
            rule, state.offset_rule = state.offset_rule, OffsetRule.PREFER
            try:
                return refusal(state, election, candidate, vote, configuration)
            finally:
                state.offset_rule = rule

        return refuse

    return wrapped(voting, "refusal", refusing)


@VOTING.add("a vote while leading on a valid lease", "4", worlds.PESTERED, 20)
def vote_while_leading():
    return replaced(leading, "is_leading", lambda state, election: False)


def _voted_in_any_role(role):
    """A vote for another leaves this node in a role that should end with it."""

    def granting(grant):
        def grant_and_keep(state, election, peer, term):
            kept = getattr(election, role)
            with replaced(NodeState, "end_campaign", nothing), replaced(leading, "end", nothing):
                grant(state, election, peer, term)
            if kept is not None:
                election.become_follower()
                setattr(election, role, kept)
                state.index.update(election)

        return grant_and_keep

    return wrapped(voting, "_grant", granting)


@VOTING.add("a vote for another leaves the own candidacy", "4", worlds.LATE, 5)
def vote_and_stand():
    return _voted_in_any_role("campaign")


@VOTING.add("a vote for another leaves a lapsed leadership", "4", worlds.CONTEST, 30)
def vote_and_lead():
    return _voted_in_any_role("leadership")
