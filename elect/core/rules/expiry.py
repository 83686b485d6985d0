"""Promises, leases, campaigns, graces and the boot fence end by the passing of time."""

from elect.core.rules import campaigning, following, leading
from elect.core.state.node_state import NodeState


def end_what_is_over(state: NodeState) -> None:
    """End whatever is over at `state.now`."""
    # Promises first: a leader whose promise is over may be replaced, and what comes after should know it.
    following.release(state, state.support.expire(state.now))
    leading.suspend(state)
    names = state.index.deadlines.take_due(state.now)
    over = [election for election in map(state.elections.__getitem__, names) if election.deadline <= state.now]
    campaigning.time_out(state, [election for election in over if election.campaign is not None])
    for election in over:
        if election.leadership is not None:
            leading.expire(state, election)
    state.index.review(names)


def next_ends(state: NodeState) -> tuple[int, int]:
    """Return when something ends next that has to be noticed at once, and when anything does (ns)."""
    if state.index.unreviewed:
        return state.now, state.now
    promise_until, counted_until = state.support.next_ends()
    ends_at = min(promise_until, state.index.deadlines.next_at, leading.next_lapse(state))
    if state.is_fenced:
        ends_at = min(ends_at, state.fence_until)
    return ends_at, min(ends_at, counted_until)
