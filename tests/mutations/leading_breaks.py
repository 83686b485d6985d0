"""Breaks of the lease, of Lead and of Resign.

Source: PROTOCOL.md, section 4, "The lease"; section 6, "Handing over".
"""

from elect.core.events import LossReason
from elect.core.quorum import FOREVER, nth_largest
from elect.core.rules import heartbeats, leading
from elect.core.state.scale import LeaseGroups
from tests.mutations import worlds
from tests.mutations.breaking import Breaks, nothing, replaced, wrapped

LEADING = Breaks()


@LEADING.add("a later session counts without a new Follow", "4", worlds.HOSTILE, 15)
def follow_once():
    def regrouping(regroup):
        def regroup_all(state, election):
            leadership = election.leadership
            if leadership is not None:
                for peer in state.other_voters:
                    if peer.id in leadership.follows and peer.counted_session is not None:
                        leadership.follows[peer.id] = peer.counted_session
            regroup(state, election)

        return regroup_all

    return wrapped(leading, "regroup", regrouping)


@LEADING.add("a Follow counts in whatever session", "4", worlds.SLOW_FOLLOWS, 20)
def follows_of_any_session():
    def taking(take):
        def take_any(state, election, peer, term, session):
            take(state, election, peer, term, peer.counted_session or session)

        return take_any

    return wrapped(leading, "receive_follow", taking)


@LEADING.add("Lead is said once", "4", worlds.CONTEST, 20)
def lead_once():
    return replaced(leading, "repeat", nothing)


@LEADING.add("Resign is said once", "4", worlds.LOSSY, 20)
def resign_once():
    return replaced(heartbeats, "OWED_MAX", 0)


@LEADING.add("a Follow of a term not led is not answered", "6", worlds.IN_VAIN, 5)
def lost_followers():
    def taking(take):
        def take_led(state, election, peer, term, session):
            if election.leadership is not None and election.leadership.term == term:
                take(state, election, peer, term, session)

        return take_led

    return wrapped(leading, "receive_follow", taking)


@LEADING.add("the lease needs no quorum of followers", "4", worlds.HOSTILE, 3)
def small_leases():
    def lifecycle(lease_until):
        def until(state, followers):
            ends = [state.support.peers[follower].counted_until for follower in followers]
            return nth_largest([*ends, FOREVER], len(state.voters) // 2)

        return until

    return wrapped(leading, "lease_until", lifecycle)


@LEADING.add("a token is shown before the lease holds", "4", worlds.HOSTILE, 10)
def hasty_tokens():
    def holding(hold):
        def hold_all(state):
            with replaced(leading, "lease_until", lambda state, followers: FOREVER):
                hold(state)

        return hold_all

    return wrapped(leading, "_announce", holding)


@LEADING.add("a lapsed lease is not given up", "4", worlds.HOSTILE, 10)
def claims_stay():
    def telling(tell):
        def tell_only(state, election, reason, at):
            tell(state, election, reason, at)
            if reason is LossReason.LEASE_LAPSED:
                del state.effects.leases[election.name]

        return tell_only

    return wrapped(leading, "_lose_lease", telling)


@LEADING.add("a suspended leader never resigns", "4", worlds.HUB, 40)
def suspended_for_ever():
    def lapsing(lapse):
        def lapse_for_ever(state, *, is_cut_short=False):
            held = [name for _, group in state.index.lease_groups for name in group.told]
            lapse(state, is_cut_short=is_cut_short)
            for name in held:
                state.elections[name].leading.ends_at = FOREVER
                state.index.deadlines.set(name, FOREVER)

        return lapse_for_ever

    return wrapped(leading, "suspend", lapsing)


@LEADING.add("one elected without a lease never resigns", "4", worlds.WITHOUT_LEASE, 10)
def elected_for_ever():
    def beginning(begin):
        def begin_for_ever(state, election):
            begin(state, election)
            if election.leadership is not None:
                election.leadership.ends_at = FOREVER

        return begin_for_ever

    return wrapped(leading, "begin", beginning)


@LEADING.add("Resign leaves before the application has heard", "6", worlds.HOSTILE, 15)
def hasty_resigns():
    def resigning(resign):
        def resign_at_once(state, election, reason, successor=None):
            resign(state, election, reason, successor)
            if election.leadership is not None and election.leadership.resigning is not None:
                leading.end(state, election, reason.value)

        return resign_at_once

    return wrapped(leading, "resign", resigning)


@LEADING.add("a leader that resigned takes its lease back", "4", worlds.HOSTILE, 3)
def taken_back():
    def updating(update):
        def update_all_but_resigning(self, election):
            if election.leadership is None or election.leadership.resigning is None:
                update(self, election)

        return update_all_but_resigning

    return wrapped(LeaseGroups, "update", updating)
