"""Breaks of the rules by which the members change.

Source: PROTOCOL.md, section 7.
"""

from dataclasses import replace

from elect.core.changes import DemoteMember, RemoveMember
from elect.core.messages import RefusalReason
from elect.core.rules import campaigning, following, heartbeats, installing, leading, membership, voting
from elect.core.state.membership_state import MembershipState, order
from elect.core.state.node_state import NodeState
from tests.mutations import change_worlds as worlds
from tests.mutations.breaking import Breaks, both, nothing, replaced, wrapped

CHANGES = Breaks()


# When a leader makes a configuration.


@CHANGES.add("a quorum need not have the configuration before", "7", worlds.CHANGING, 5)
def not_installed():
    return replaced(membership, "_installed", lambda state, leadership: {state.id, *leadership.followers})


@CHANGES.add("the quorum that has it need not follow", "7", worlds.INSTALLED_ELSEWHERE, 2)
def not_following():
    def installed(state, leadership):
        return {*installing.reports(state), *[state.id] * state.membership.is_written}

    return replaced(membership, "_installed", installed)


@CHANGES.add("a change does not wait until old leases are over", "7 †", worlds.CHANGING, 5)
def no_wait():
    return replaced(membership, "_settled_at", lambda state: state.membership.settling_since)


@CHANGES.add("a change does not wait for the one before", "7", worlds.CHANGING, 5)
def no_settling():
    return replaced(membership, "is_settled", lambda state: True)


@CHANGES.add("two voters change at a time", "7", worlds.DEMOTED, 1)
def two_at_a_time():
    def changing(changed):
        def change_two(configuration, change):
            after = changed(configuration, change)
            if isinstance(change, RemoveMember | DemoteMember) and len(after.voters) > 2:
                after = changed(after, DemoteMember(node_id=after.voters[-1]))
            return after

        return change_two

    return wrapped(membership, "changed", changing)


@CHANGES.add("a new leader puts no term on the configuration", "7", worlds.CHANGING, 5)
def no_restamp():
    def making(make):
        def make_at_once(state, leadership, after):
            change = state.membership.pending or membership._ready(state)
            if after != state.configuration:
                make(state, leadership, after)
            elif change is not None:
                membership._carry_out(state, leadership, change)

        return make_at_once

    return wrapped(membership, "_make", making)


@CHANGES.add("a new voter brings no floor", "7 †", worlds.CHANGING, 5)
def no_floor():
    def installing_without(install):
        def install_low(state, configuration):
            is_made = leading.root_leadership(state) is not None and configuration.floor > state.configuration.floor
            return install(state, replace(configuration, floor=state.configuration.floor) if is_made else configuration)

        return install_low

    return wrapped(installing, "install", installing_without)


# When votes are asked for, given and counted.


@CHANGES.add("votes are asked for and given below the floor", "7 †", worlds.CHANGING, 40)
def below_the_floor():
    def refusing(refusals):
        def refusals_but_floor(state, election, candidate, vote, configuration):
            found = refusals(state, election, candidate, vote, configuration)
            is_free = voting.is_term_free(election, candidate, vote.term)
            return [reason for reason in found if reason is not RefusalReason.TERM or not is_free]

        return refusals_but_floor

    def next_term(state, election):
        return 1 + max(election.term, election.term_seen)

    return both(wrapped(voting, "refusals", refusing), replaced(campaigning, "next_term", next_term))


@CHANGES.add("a candidate of an older configuration gets votes", "7", worlds.CHANGING, 40)
def votes_for_the_old():
    def refusing(refusals):
        def refusals_of(state, election, candidate, vote, configuration):
            own = state.configuration.id
            shown = own if order(configuration) < order(own) else configuration
            return refusals(state, election, candidate, vote, shown)

        return refusals_of

    return wrapped(voting, "refusals", refusing)


@CHANGES.add("a candidacy outlives an installation", "7", worlds.CHANGING, 80)
def candidacy_goes_on():
    def abandoning(abandon):
        def abandon_(state, election, outcome):
            if outcome != "configuration":
                abandon(state, election, outcome)

        return abandon_

    return wrapped(campaigning, "abandon", abandoning)


@CHANGES.add("support of one with a newer configuration counts", "7", worlds.CHANGING, 40)
def newer_counts():
    def counting(count):
        def count_all(state, peer, heartbeat):
            own = state.configuration.id
            is_newer = order(heartbeat.configuration) > order(own)
            count(state, peer, replace(heartbeat, configuration=own) if is_newer else heartbeat)

        return count_all

    return wrapped(heartbeats, "_count", counting)


@CHANGES.add("learners vote and count", "7", worlds.CHANGING, 10)
def learners_vote():
    def deciding(decide):
        def decide_for_all(state, configuration):
            decide(state, configuration)
            state.other_voters = tuple(peer for peer in state.support.peers.values() if not peer.is_former)

        return decide_for_all

    return wrapped(NodeState, "decide", deciding)


@CHANGES.add("a witness leads", "7", worlds.CHANGING, 40)
def witnesses_lead():
    def beginning(begin):
        def begin_as_a_voter(members, own, configuration):
            begin(members, own, configuration)
            members.is_witness = False

        return begin_as_a_voter

    return wrapped(MembershipState, "begin", beginning)


# When a node installs a configuration.


@CHANGES.add("older configurations are installed", "7", worlds.CHANGING, 40)
def older_is_installed():
    return replaced(installing, "_is_next", lambda state, configuration: configuration != state.configuration)


@CHANGES.add("a configuration is shown before it is on disk", "7", worlds.CHANGING, 40)
def shown_early():
    def deciding(decide):
        def decide_and_show(state, configuration):
            decide(state, configuration)
            state.membership.installed = configuration

        return decide_and_show

    return wrapped(NodeState, "decide", deciding)


@CHANGES.add("a leader without a vote leads on", "7", worlds.DEMOTED, 3)
def no_step_down():
    return replaced(installing, "_step_down", nothing)


@CHANGES.add("a lapsed leadership below the floor may come back", "7 †", worlds.BACK_BELOW, 3)
def lapsed_below_the_floor():
    def stepping_down(step_down):
        return lambda state, configuration: step_down(state, replace(configuration, floor=0))

    return wrapped(installing, "_step_down", stepping_down)


@CHANGES.add("a former member is dismissed within its promise", "7", worlds.REMOVED, 3)
def dismissed_at_once():
    def is_over(state, peer):
        peer.session = None
        following.release(state, (peer.id,))
        return True

    return replaced(installing, "_is_over", is_over)
