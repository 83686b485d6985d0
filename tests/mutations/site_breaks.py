"""Breaks of the rules of two sites.

Source: PROTOCOL.md, section 8.
"""

from dataclasses import replace

from elect.core.messages import RefusalReason
from elect.core.promotion import FLOOR_STEP
from elect.core.rules import following, heartbeats, installing, sites, voting
from elect.core.state.node_state import NodeState
from tests.mutations import site_worlds as worlds
from tests.mutations.breaking import Applied, Breaks, both, replaced, wrapped

SITES = Breaks()


def _votes_and_campaigns() -> Applied:
    """A node campaigns, and grants votes, in whatever state its cluster is."""

    def refusing(refusals):
        def refusals_but_state(*given):
            return [reason for reason in refusals(*given) if reason is not RefusalReason.NOT_ACTIVE]

        return refusals_but_state

    willing = property(lambda state: state.priority > 0 and state.entered > 0 and state.is_storing)
    return both(wrapped(voting, "refusals", refusing), replaced(NodeState, "is_willing", willing))


@SITES.add("a sealed cluster campaigns and votes", "8 †", worlds.SEALED, 10)
def sealed_votes():
    return _votes_and_campaigns()


@SITES.add("a standby cluster campaigns and votes", "8 †", worlds.STANDING_BY, 2)
def standby_votes():
    return _votes_and_campaigns()


@SITES.add("a node follows in whatever state its cluster is", "8", worlds.BOTH, 10)
def follows():
    def receiving(receive):
        def receive_lead(state, election, peer, lead):
            is_active, state.is_active = state.is_active, True
            receive(state, election, peer, lead)
            state.is_active = is_active

        return receive_lead

    return wrapped(following, "receive_lead", receiving)


@SITES.add("a seal is complete without a quorum", "8 †", worlds.ALONE, 1)
def no_quorum():
    return replaced(sites, "is_sealed_for_good", lambda state: state.is_sealed and state.membership.is_written)


@SITES.add("a seal is complete although a voter has voted in a later term", "8 †", worlds.BELOW, 3)
def any_term():
    def is_sealed(state):
        have = {*installing.reports(state), *[state.id] * state.membership.is_written}
        return state.is_sealed and len(have & {*state.voters}) >= state.configuration.quorum

    return replaced(sites, "is_sealed_for_good", is_sealed)


@SITES.add("a sealed node goes on supporting", "8 †", worlds.STALLED, 50)
def supports():
    def receiving(receive):
        def receive_all(state, peer, heartbeat):
            is_sealed, state.is_sealed = state.is_sealed, False
            receive(state, peer, heartbeat)
            state.is_sealed = is_sealed

        return receive_all

    return wrapped(heartbeats, "receive_heartbeat", receiving)


@SITES.add("the leases of a source are taken as over when its seal is complete", "8 †", worlds.BOTH, 10)
def no_wait():
    def leases_over_at(state):
        return (state.membership.settling_since or 0) if state.is_sealed else 0

    return replaced(sites, "leases_over_at", leases_over_at)


@SITES.add("a promotion has no floor", "8", worlds.STANDING_BY, 2)
def no_floor():
    def installing_without(install):
        return lambda state, made: install(state, replace(made, floor=0) if not state.is_active else made)

    return wrapped(installing, "install", installing_without)


@SITES.add("the term of a promotion is its floor", "8 †", worlds.LATE, 3)
def floor_as_term():
    def installing_high(install):
        def install_high(state, made):
            is_promotion = 0 < made.term < FLOOR_STEP <= made.floor
            return install(state, replace(made, term=made.floor) if is_promotion else made)

        return install_high

    return wrapped(installing, "install", installing_high)
