"""What the passing of time ends by itself: promises, leases, campaigns, graces, the boot fence."""

from elect.core import campaign, following, leading
from elect.core.state import State


def end_what_is_over(state: State) -> None:
    """Bring every rule forward to `state.now`."""
    if state.support.next_expiry <= state.now:
        following.release(state, state.support.expire(state.now))
    if leading.next_lapse(state) <= state.now:
        leading.lapse(state)
    due = [state.elections[name] for name in state.deadlines.take_due(state.now)]
    over = [election for election in due if election.deadline <= state.now]
    campaign.time_out(state, [election for election in over if election.campaign is not None])
    for election in over:
        if election.leadership is not None:
            leading.expire(state, election)
    for election in due:
        state.touch(election)


def next_end(state: State) -> int:
    """When something ends next (ns); at once, if elections are still to be considered."""
    if state.touched:
        return state.now
    ends_at = min(state.support.next_expiry, state.deadlines.next_at, leading.next_lapse(state))
    return min(ends_at, state.fence_until) if state.is_fenced else ends_at
