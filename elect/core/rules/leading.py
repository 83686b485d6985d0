"""The rules of a leader, from its election to its resignation: Lead, the lease, Resign.

The lease holds while a quorum follows, each in the session that is counted for it. What ends a session, or its
counting, ends the lease with it, so no node leads on a promise that is over (P3). Elections that the same peers follow
share one end, so thousands of leases cost as much as one (`state.scale`).

Source: PROTOCOL.md, section 4, "The lease" and "Why P3 holds"; section 6, "Handing over".
"""

from elect.core.events import Campaigned, Elected, LossReason, Lost
from elect.core.messages import Lead, Number, Resign
from elect.core.quorum import FOREVER
from elect.core.ready import Lease
from elect.core.rules import known_leader
from elect.core.state.election_state import ElectionState, LeadershipState, Resigning
from elect.core.state.node_state import DEFAULT_ELECTION, NodeState
from elect.core.state.peer_support import Peer
from elect.core.state.scale import OWED_MAX, rotate

QUICK_NS = 1_000_000_000
"""A leadership that is given up sooner than this is quick: an application in a loop gives it up at once."""

QUICK_FREE = 2
"""Quick leaderships after a first one that cost no rest: an operator may hand an election over and back. So three in a
row are free, and the fourth costs a rest."""

REST_NS = 500_000_000
"""The first rest at its longest; it is shortened at random (`rest`)."""

REST_DOUBLINGS = 4
"""Each further rest is twice as long, up to 8 s: one term and one write of each voter in that time cost nothing."""


def begin(state: NodeState, election: ElectionState) -> None:
    """Lead in the term of the campaign that was won; the first lease must come within one `support_duration`.

    A voter that granted in a session follows in it, so most leaders have a lease at once.
    """
    assert election.campaign is not None
    grants = election.campaign.grants
    leadership = election.become_leader(ends_at=state.now + state.timing.support_duration_ns)
    election.led_since = state.now
    if state.failback_ns is not None:
        state.failbacks.unchecked[election.name] = None
    name, term = election.name, leadership.term
    state.effects.events.append(Campaigned(election=name, term=term, outcome="elected", at=state.now))
    state.report_role(election, "elected")
    state.queue_known(election)
    for peer in state.support.peers.values():
        peer.leads[name] = None  # repeated until it is answered: a Lead may be lost
        session = grants.get(peer.id)
        if session is not None:
            leadership.follows[peer.id] = session
            stop_repeating_lead(peer, election, session)
        if name in peer.leads and peer.counted_until > state.now:
            state.effects.send(peer.id, Lead(election=name, term=term))
    regroup(state, election)
    state.effects.is_lease_due = True


def review_voters(state: NodeState) -> None:
    """Compute the followers of every led election again, and publish the claims of the new voters."""
    for _, group in state.index.lease_groups:
        for name in [*group.told, *group.untold]:
            election = state.elections[name]
            regroup(state, election)
            leadership = election.leading
            if leadership.is_told:
                state.effects.leases[name] = lease(state, leadership.term, leadership.followers)
    state.effects.is_lease_due = True


def repeat(state: NodeState, peer: Peer) -> None:
    """Send Lead again to a peer that supports this node and has not answered in its current session."""
    # A peer that does not support this node could follow it in no session.
    if peer.counted_until <= state.now:
        return
    for name in rotate(peer.leads, OWED_MAX):
        leadership = state.elections[name].leading
        if leadership.resigning is None:
            state.effects.send(peer.id, Lead(election=name, term=leadership.term))


def receive_follow(state: NodeState, election: ElectionState, peer: Peer, term: int, session: Number) -> None:
    """Count a peer that follows in this session, or send it Resign.

    Source: PROTOCOL.md, section 4, "The lease".
    """
    leadership = election.leadership
    if leadership is None or leadership.term != term:
        # It is bound to this node for nothing: unanswered, it would refuse its vote to all others.
        state.owe(peer, Resign(election=election.name, term=term))
        return
    # Messages may be reordered: an older session never takes the place of a newer one.
    if session < leadership.follows.get(peer.id, session):
        return
    leadership.follows[peer.id] = session
    stop_repeating_lead(peer, election, session)
    regroup(state, election)
    state.effects.is_lease_due = True


def stop_repeating_lead(peer: Peer, election: ElectionState, session: Number | None) -> None:
    """Stop repeating Lead if the answer belongs to the session that is counted.

    With another session the answer is old, or this node does not know the newest session yet.
    """
    if session is not None and session == peer.counted_session:
        peer.leads.pop(election.name, None)


def restart_counting(state: NodeState, peer: Peer) -> None:
    """Count another session of a peer, or none: its Follows of the session before no longer count.

    Between two sessions the peer was free, and may have voted for another. So a Follow counts in its own session only,
    and Lead is sent again.

    Source: PROTOCOL.md, section 3, "Expired is expired".
    """
    state.effects.is_count_changed = True
    for _, group in state.index.lease_groups:
        for name in [*group.told, *group.untold]:
            election = state.elections[name]
            if election.leading.follows.get(peer.id) != peer.counted_session:
                peer.leads[name] = None
            regroup(state, election)
    state.effects.is_lease_due = True


def forget_follower(state: NodeState, peer: Peer) -> None:
    """Count no Follow that a peer has sent until now: it comes from another store from now on."""
    for election in state.elections.values():
        if election.leadership is not None:
            election.leadership.follows.pop(peer.id, None)
    restart_counting(state, peer)


def regroup(state: NodeState, election: ElectionState) -> None:
    """Compute an election's followers again; the application is told of a change later."""
    leadership = election.leadership
    if leadership is None or leadership.resigning is not None:
        return
    followers = _counted_followers(state, leadership)
    if followers == leadership.followers:
        return
    election.set_followers(followers)
    # The published claim names its followers: `is_leader` asks whether they support this node at that moment.
    if leadership.is_told:
        state.effects.leases[election.name] = lease(state, leadership.term, leadership.followers)


def _counted_followers(state: NodeState, leadership: LeadershipState) -> frozenset[str]:
    # In the session that is counted now: then the Follow and the support prove one promise, without a gap between them.
    return frozenset(
        peer.id
        for peer in state.other_voters
        if peer.counted_session is not None and leadership.follows.get(peer.id) == peer.counted_session
    )


def lease(state: NodeState, term: int, followers: frozenset[str]) -> Lease:
    """Return the claim of a term that these peers follow."""
    return Lease(term=term, followers=followers, quorum=state.configuration.quorum)


def lease_until(state: NodeState, followers: frozenset[str]) -> int:
    """Return the end of the lease of each term that these peers follow (ns)."""
    return lease(state, 0, followers).until(state.support.counted)


def is_leading(state: NodeState, election: ElectionState) -> bool:
    """Return whether this node leads on a valid lease, or has given one up that its application may not know of yet.

    A leader without a lease votes like any other node: it may never get its lease back.
    """
    leadership = election.leadership
    if leadership is None:
        return False
    # Its application may still act under the lease that was given up. Another leader would act at the same time.
    return leadership.resigning is not None or lease_until(state, leadership.followers) > state.now


def bound_until(state: NodeState, election: ElectionState, term: int) -> int:
    """Return until when a quorum is bound to this node in that term (ns), also while its Resign waits; 0: it is not.

    The followers are computed again: those of a leadership that was given up are no longer kept up to date.
    """
    leadership = election.leadership
    if leadership is None or leadership.term != term:
        return 0
    until = lease_until(state, _counted_followers(state, leadership))
    return until if leadership.resigning is None else min(until, leadership.ends_at)


def root_leadership(state: NodeState) -> LeadershipState | None:
    """Return the leadership of `default` if this node has it on a valid lease: it may change the members."""
    election = state.elections.get(DEFAULT_ELECTION)
    leadership = None if election is None else election.leadership
    if leadership is None or leadership.resigning is not None:
        return None
    return leadership if lease_until(state, leadership.followers) > state.now else None


def review_leases(state: NodeState) -> None:
    """Suspend and announce, once a step, the leases of which the followers or their support changed."""
    if state.effects.is_lease_due:
        # A peer may have followed in an older session that counted: then the lease ends before it may begin again.
        suspend(state, is_cut_short=True)
        _announce(state)


def _announce(state: NodeState) -> None:
    """Tell the application of every lease that holds now and is not reported yet.

    Only here is a token shown: together with a lease (P2).
    """
    if state.is_sealed:
        return  # what is led goes on until the seal is complete, and nothing begins
    for followers, group in state.index.lease_groups:
        if not group.untold or lease_until(state, followers) <= state.now:
            continue
        for name in list(group.untold):
            state.elections[name].gain_lease()
            leadership = state.elections[name].leading
            state.effects.leases[name] = lease(state, leadership.term, leadership.followers)
            state.effects.events.append(Elected(election=name, term=leadership.term, at=state.now))
            known_leader.report(state, state.elections[name])


def suspend(state: NodeState, *, is_cut_short: bool = False) -> None:
    """Suspend every leader whose lease is over; if the lease is back within two intervals it leads on.

    A leader whose heartbeats were late for a moment keeps its term that way, and no election is needed.

    Args:
        state: of this node.
        is_cut_short: a follower was lost, so the lease held until now; otherwise it ended when it ran out.
    """
    for followers, group in state.index.lease_groups:
        if not group.told or (until := lease_until(state, followers)) > state.now:
            continue
        for name in list(group.told):
            # The application learns when the lease ended, not when that was noticed: a freeze may lie in between.
            ended_at = state.now if is_cut_short else until or state.now
            _lose_lease(state, state.elections[name], LossReason.LEASE_LAPSED, at=ended_at)


def next_lapse(state: NodeState) -> int:
    """Return when the first lease that the application knows of ends (ns), or FOREVER."""
    ends = [lease_until(state, followers) for followers, group in state.index.lease_groups if group.told]
    return min(ends, default=FOREVER)


def _lose_lease(state: NodeState, election: ElectionState, reason: LossReason, at: int) -> None:
    election.lose_lease(ends_at=at + 2 * state.timing.heartbeat_interval_ns)
    state.effects.leases[election.name] = None
    state.effects.events.append(Lost(election=election.name, term=election.leading.term, at=at, reason=reason))


def resign(state: NodeState, election: ElectionState, reason: LossReason, successor: str | None = None) -> None:
    """Give the lease up, and rest if the application does that again and again."""
    leadership = election.leadership
    if leadership is None or leadership.resigning is not None:
        return
    # A leadership without a lease was not given up by the application.
    if reason is not LossReason.NO_LEASE:
        rest(state, election)
    give_up(state, election, reason, successor)


def give_up(state: NodeState, election: ElectionState, reason: LossReason, successor: str | None = None) -> None:
    """Give the lease up; Resign leaves when the application acknowledges the loss, or after the grace.

    Resign frees the followers, and another node may lead a moment later. The application should have stopped by then.

    Source: PROTOCOL.md, section 6, "Handing over".
    """
    was_told = election.leading.is_told
    if was_told:
        _lose_lease(state, election, reason, at=state.now)
    # An application that was not told has nothing to stop.
    ends_at = state.now + (state.grace_ns if was_told else 0)
    election.begin_resigning(Resigning(reason=reason, successor=successor), ends_at=ends_at)
    if not was_told:
        end(state, election, reason.value)


def rest(state: NodeState, election: ElectionState) -> None:
    """Campaign later if leaderships are given up in a loop; other nodes may lead at once.

    Each rest is shortened at random by up to half, so that nodes that all do so do not come back together.

    Source: PROTOCOL.md, section 6, "Leaderships given up at once".
    """
    is_quick = state.now - election.led_since < QUICK_NS
    is_again = state.now - election.rests_until < max(QUICK_NS, _rest_ns(election))
    election.quick = election.quick + 1 if is_quick and is_again else 0
    rest_ns = _rest_ns(election)
    election.rests_until = state.now + (state.rng.randrange(rest_ns // 2, rest_ns) if rest_ns else 0)


def _rest_ns(election: ElectionState) -> int:
    """Return the longest rest that the latest quick leadership costs (ns)."""
    rests = election.quick - QUICK_FREE
    return REST_NS << min(rests - 1, REST_DOUBLINGS) if rests > 0 else 0


def expire(state: NodeState, election: ElectionState) -> None:
    """Resign when no lease came, or came back, in time; let Resign leave when the grace is over."""
    leadership = election.leading
    if leadership.resigning is not None:
        end(state, election, leadership.resigning.reason.value)
    else:
        resign(state, election, LossReason.NO_LEASE)


def end(state: NodeState, election: ElectionState, reason: str) -> None:
    """Stop leading, and send Resign to every peer until it has answered.

    Without the repeats a lost Resign would make all nodes wait: they support this process, and know it as the leader.

    Source: PROTOCOL.md, section 10, trace 7.
    """
    leadership = election.leading
    successor = None
    if leadership.resigning is None:  # it followed or voted for another
        if leadership.is_told:
            _lose_lease(state, election, LossReason.SUPERSEDED, at=state.now)
    else:
        successor = leadership.resigning.successor
        # The others have one turn to be elected before this node, which just gave it up, tries again.
        election.retry_at = max(election.retry_at, state.now + state.timing.turn_ns)
    election.become_follower()
    election.note_resign(state.id, term=leadership.term, successor=successor)
    state.report_role(election, reason)
    state.queue_known(election)
    for peer in state.support.peers.values():
        peer.leads.pop(election.name, None)
        # To every peer, follower or not: one may have sent a Follow that is still under way.
        state.owe(peer, Resign(election=election.name, term=leadership.term, successor=successor))
