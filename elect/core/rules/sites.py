"""Two sites: promote a standby cluster, and judge whether a seal is complete.

Source: PROTOCOL.md, section 8.
"""

from dataclasses import replace

from elect.core.changes import why_not_active
from elect.core.configuration import ClusterState, Configuration
from elect.core.events import LossReason
from elect.core.promotion import FLOOR_MAX, FLOOR_STEP, PromotionRefusal, PromotionRefused
from elect.core.rules import installing, leading
from elect.core.state.node_state import NodeState


def promote(state: NodeState, floor: int) -> None:
    """Make the standby cluster an active one, in which all terms are above the floor; promoted already, it stays so.

    Raises:
        PromotionRefused: it cannot be promoted.
    """
    own = state.configuration
    if _is_promoted(own):
        return
    check_promotable(state)
    _check_floor(state, floor)
    # Each leader has a term above its floor, and so above this one. So what leaders make of a promoted cluster is newer
    # than each promotion of it: a node that is promoted later, behind a cut link, takes no change of the voters back.
    term = floor // FLOOR_STEP
    promoted = replace(
        own, term=term, version=own.version + 1, floor=floor, state=ClusterState.ACTIVE, promotion_floor=floor
    )
    installing.install(state, promoted)


def check_promotable(state: NodeState) -> None:
    """Check all that a promotion needs but its floor. One that is made already passes.

    Raises:
        PromotionRefused: the cluster cannot be promoted.
    """
    own = state.configuration
    if _is_promoted(own):
        return
    if own.state is ClusterState.SEALED:
        raise PromotionRefused(PromotionRefusal.SEALED, why_not_active(own))
    if not own.members:
        text = "this node is in no cluster yet; promote a member of the standby cluster"
        raise PromotionRefused(PromotionRefusal.NEVER_STANDBY, text)
    if own.state is ClusterState.ACTIVE:
        text = "this cluster is active and never was a standby cluster; promote a node of the standby cluster"
        raise PromotionRefused(PromotionRefusal.NEVER_STANDBY, text)
    if state.is_disputed:
        text = (
            "the nodes do not agree on who votes, or this one has lost its data_dir: `elect status` says which. Promote"
            " a node that no other one refuses; or give all of them the same peers, and [mirror] to all or to none"
        )
        raise PromotionRefused(PromotionRefusal.DISPUTED, text)


def _is_promoted(configuration: Configuration) -> bool:
    return configuration.state is ClusterState.ACTIVE and configuration.promotion_floor > 0


def _check_floor(state: NodeState, floor: int) -> None:
    highest = highest_term(state)
    is_in_range = type(floor) is int and max(FLOOR_STEP, highest + 1) <= floor <= FLOOR_MAX
    if not is_in_range or floor % FLOOR_STEP:
        text = (
            f"floor is {floor!r}; a multiple of {FLOOR_STEP:,} above {highest:,}, up to {FLOOR_MAX:,}, is needed:"
            f" above every term of the source"
        )
        raise PromotionRefused(PromotionRefusal.FLOOR, text)


def highest_term(state: NodeState) -> int:
    """Return the highest term that this node knows of, in any election or configuration.

    With a seal that is complete no leader has had a higher one: each had the vote of one that has reported since.
    """
    own = state.configuration
    seen = (election.term_seen for election in state.elections.values())
    reported = (report.term for report in installing.reports(state).values())
    return max([own.term, own.floor, installing.highest_term(state), *seen, *reported])


def is_sealed_for_good(state: NodeState) -> bool:
    """Return whether a quorum is known to have the seal, and no leader can have made a newer configuration.

    Only a leader of `default` in a later term could. It needs the votes of a majority, and each voter that has the seal
    on its disk gives none, and has reported the highest term in which it did. If all voters have the seal, none of them
    made a newer configuration: it would have that one.
    """
    if not state.is_sealed:
        return False
    terms = {voter: report.root_term for voter, report in installing.reports(state).items()}
    if state.is_voter and state.membership.is_written:
        terms[state.id] = installing.root_term(state)
    not_later = [voter for voter, term in terms.items() if term <= state.configuration.term]
    return len(not_later) >= state.configuration.quorum or len(terms) == len(state.voters)


def note_seal(state: NodeState) -> None:
    """Note the moment from which the seal is known to be complete, and resign everything that this node leads.

    Before that a leader goes on, as long as the promises last that it has: if it resigned at once the voters that have
    not heard of the seal would elect another leader in the meantime, in a term that is above that of the seal.
    """
    if state.membership.settling_since is None and is_sealed_for_good(state):
        state.membership.settling_since = state.now
        for election in installing.led(state):
            leading.resign(state, election, LossReason.SEALED)


def leases_over_at(state: NodeState) -> int:
    """Return when every lease of a sealed cluster is over (ns); 0: the seal is not known to be complete.

    A leader counted each voter until that had the seal, and after that for the longest support that the voter ever
    acknowledged.
    """
    since = state.membership.settling_since
    if since is None or not state.is_sealed:
        return 0
    return since + state.timing.promised_ns(installing.longest_support(state))
