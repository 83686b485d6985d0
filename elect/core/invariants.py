"""The invariants of one node between any two inputs, whatever came before.

The simulator checks the promises that span nodes. These are the ones that one node can check; a broken one is a bug of
elect, never of a peer.
"""

from collections.abc import Iterator

from elect.core.state.election_state import ElectionState
from elect.core.state.node_state import NodeState


class InvariantError(AssertionError):
    """The state of a node breaks an invariant: a bug of elect."""


def check(state: NodeState) -> None:
    """Check one node between two inputs.

    Raises:
        InvariantError: with every rule that is broken.
    """
    broken = [rule for election in state.elections.values() for rule in _broken(state, election)]
    broken += _broken_links(state)
    broken += _broken_members(state)
    if broken:
        raise InvariantError(f"node {state.id!r}: " + "; ".join(broken))


def _broken(state: NodeState, election: ElectionState) -> Iterator[str]:
    parts = (election.following, election.campaign, election.leadership)
    rules = (
        (sum(part is not None for part in parts) <= 1, "plays one part at most"),
        (_is_in_own_term(election), "campaigns and leads in its own term"),
        (election.durable.term <= election.term, "the disk is never ahead of memory"),
        (election.follow_term_min <= election.term, "base is at most the term"),
        (_is_bound_in_live_session(state, election), "bound only while the session lives"),
        (_is_allowed(state, election), "campaigns above the floor, and leads, as a voter, on voters"),
        (_is_led_in_this_state(state, election), "an active cluster campaigns, a standby cluster has no part to play"),
        (_is_grouped(state, election), "each leadership shares its lease's end with its own followers"),
        (_is_listed(state, election), "vacant elections are those it might campaign in, and candidacies are listed"),
    )
    return (f"{election.name}: {rule}" for is_kept, rule in rules if not is_kept)


def _is_in_own_term(election: ElectionState) -> bool:
    """Return whether a campaign or a leadership is of the current term: a later vote or leader ends earlier ones."""
    part = election.campaign or election.leadership
    return part is None or part.term == election.term


def _is_allowed(state: NodeState, election: ElectionState) -> bool:
    campaign, leadership = election.campaign, election.leadership
    if campaign is not None:
        return state.is_voter and campaign.term > state.configuration.floor
    if leadership is None or leadership.resigning is not None:
        return True
    return state.is_voter and leadership.followers <= set(state.voters) - {state.id}


def _is_led_in_this_state(state: NodeState, election: ElectionState) -> bool:
    if state.is_sealed:
        is_led = election.leadership is not None and election.leading.is_told
        return election.campaign is None and not (is_led and state.membership.settling_since is not None)
    return state.is_active or election.is_idle


def _is_listed(state: NodeState, election: ElectionState) -> bool:
    is_campaigning = election.campaign is not None
    is_listed = (election.name in state.index.vacant) == election.is_vacant
    return is_listed and (election.name in state.index.campaigns.live) == is_campaigning


def _is_bound_in_live_session(state: NodeState, election: ElectionState) -> bool:
    following = election.following
    return following is None or state.support.peers[following.leader].session == following.session


def _is_grouped(state: NodeState, election: ElectionState) -> bool:
    leadership = election.leadership
    sides = [
        (followers, is_told)
        for followers, group in state.index.lease_groups
        for is_told in (True, False)
        if election.name in group.side(is_told=is_told)
    ]
    if leadership is None or leadership.resigning is not None:
        return not sides
    return sides == [(leadership.followers, leadership.is_told)]


def _broken_members(state: NodeState) -> Iterator[str]:
    members = {node_id for node_id in state.configuration.node_ids if node_id != state.id}
    if {peer.id for peer in state.support.peers.values() if not peer.is_former} != members:
        yield "the peers are the members, and former ones"
    if state.membership.is_written != (state.membership.installed is state.configuration):
        yield "what is on disk is what was decided, or older"


def _broken_links(state: NodeState) -> Iterator[str]:
    for peer in state.support.peers.values():
        if peer.counted_session is not None and peer.opened is None:
            yield f"{peer.id}: support is counted only on an open link"
        if peer.session is not None and peer.promised_until <= state.now:
            yield f"{peer.id}: expired is expired"
