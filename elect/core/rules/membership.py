"""The changes that the leader of `default` makes: one voter at a time, each when the one before has settled.

A change is made here, and installed here, as on every other node, by `installing`. Safety rests on `propose`,
`is_settled` and `_make`.

Source: PROTOCOL.md, section 7, "Changing" and "Learners".
"""

from dataclasses import replace

from elect.core.changes import (
    AddMember,
    Change,
    ChangeRefusal,
    ChangeRefused,
    PromoteMember,
    RemoveMember,
    ReplaceMember,
    changed,
)
from elect.core.configuration import Configuration, Member
from elect.core.membership_messages import InstallReport
from elect.core.quorum import FOREVER
from elect.core.rules import installing, leading, sites
from elect.core.state.election_state import LeadershipState
from elect.core.state.node_state import DEFAULT_ELECTION, NodeState
from elect.core.state.peer_support import Peer

READY_INTERVALS = 10
"""A learner becomes a voter when it has had all that a voter needs for this many intervals."""


def propose(state: NodeState, change: Change) -> None:
    """Make a change, or begin it: one of the voters may have to wait for a configuration of this term.

    Raises:
        ChangeRefused: it cannot be made now.
    """
    if not state.is_active:
        changed(state.configuration, change)  # refuses each change but the seal of a sealed cluster
        return
    leadership = leading.root_leadership(state)
    if leadership is None:
        text = f"node {state.id!r} does not lead {DEFAULT_ELECTION!r} on a valid lease; ask the node that does"
        raise ChangeRefused(ChangeRefusal.NOT_LEADER, text)
    members = state.membership
    if change == members.pending:
        return
    after = _judge(state, change)
    if after == state.configuration:
        return
    if not _rests_on_settled(state.configuration, after):
        _make(state, leadership, after)
        return
    is_old = state.configuration.term != leadership.term
    if members.pending is not None or not (is_old or is_settled(state)):
        text = (
            f"{_under_way(state)}: {len(_installed(state, leadership))} of {len(state.voters)} voters are known to have"
            f" it, {state.configuration.quorum} are needed, and old leases must run out; try again in a moment"
        )
        raise ChangeRefused(ChangeRefusal.IN_PROGRESS, text)
    if is_old:
        _make(state, leadership, state.configuration)
        members.pending = change
    else:
        _make(state, leadership, after)


def _under_way(state: NodeState) -> str:
    version = f"version {state.configuration.version} of the members is on its way"
    return version if state.membership.pending is None else f"a change waits, and {version}"


def _rests_on_settled(before: Configuration, after: Configuration) -> bool:
    """Return whether a quorum must have the configuration before."""
    # A leader that lacks a proposed id may have proposed another one, and later members would refuse each other.
    return _votes(after) != _votes(before) or after.cluster_id != before.cluster_id


def _votes(configuration: Configuration) -> list[tuple[str, bytes | None]]:
    return [(member.node_id, member.store_id) for member in configuration.members if member.is_voter]


def _make(state: NodeState, leadership: LeadershipState, after: Configuration) -> None:
    """Make the next configuration, in this term; one without any change puts the term on the members.

    One with the voters of the one before has the same majorities, so nothing rests on whether that one has settled. Its
    term makes it newer than all that an earlier leader made: those are out of use when a quorum has this one. Without
    that a change of the voters in this term could stand beside one of an earlier term, and two voters lie between them.
    """
    version, floor = state.configuration.version + 1, after.floor
    if _votes(after) != _votes(state.configuration):
        # Newcomers know no old terms: nobody is elected in one that a quorum of the voters before has seen.
        reported = (report.term for report in installing.reports(state).values())
        floor = max([floor, installing.highest_term(state), *reported])
    elif after == state.configuration:
        version -= 1
    pending = state.membership.pending
    installing.install(state, replace(after, term=leadership.term, version=version, floor=floor))
    state.membership.pending = pending if state.is_active else None


def _installed(state: NodeState, leadership: LeadershipState) -> set[str]:
    """Return the voters that have installed exactly this configuration and follow now; without followers in between."""
    peers = {
        peer
        for peer in installing.reports(state)
        if peer in leadership.followers and state.support.peers[peer].counted_until > state.now
    }
    return peers | ({state.id} if state.membership.is_written else set())


def receive_report(state: NodeState, peer: Peer, report: InstallReport) -> None:
    """Note what a peer has installed, and the terms and promises that it knows of."""
    peer.membership.report = report
    note_settling(state)


def is_settled(state: NodeState) -> bool:
    """Return whether the next change may be made."""
    leadership = leading.root_leadership(state)
    if leadership is None or state.configuration.term != leadership.term:
        return False
    is_over = state.membership.settling_since is not None and state.now >= _settled_at(state)
    return is_over and len(_installed(state, leadership)) >= state.configuration.quorum


def note_settling(state: NodeState) -> None:
    """Note the moment from which the wait counts."""
    if state.is_sealed:
        sites.note_seal(state)
        return
    members, leadership = state.membership, leading.root_leadership(state)
    if leadership is None or members.settling_since is not None or state.configuration.term != leadership.term:
        return
    if len(_installed(state, leadership)) >= state.configuration.quorum:
        members.settling_since = state.now
        members.due_at = _settled_at(state)


def _settled_at(state: NodeState) -> int:
    """Return when every lease is over that rests on a configuration before this one (ns).

    A leader that has not heard of this one counted each voter until that had installed it, and after that for the
    longest support that the voter ever acknowledged.
    """
    since = state.membership.settling_since
    return FOREVER if since is None else since + state.timing.promised_ns(installing.longest_support(state))


def review(state: NodeState) -> None:
    """Once an interval, and when the wait is over: settle, and make the change that waits."""
    members = state.membership
    if state.now >= members.due_at:
        members.due_at = FOREVER
    leadership = leading.root_leadership(state)
    if not state.is_active:
        _review_seal(state, leadership)
        return
    if leadership is None:
        members.pending = None
        _forget_ready(state)
        return
    note_settling(state)
    ready = _ready(state)
    wanted = members.pending or ready
    if state.configuration.term == leadership.term:
        _ask_for_reports(state)
        if wanted is not None and is_settled(state):
            _carry_out(state, leadership, wanted)
    elif wanted is not None:
        _make(state, leadership, state.configuration)


def _review_seal(state: NodeState, leadership: LeadershipState | None) -> None:
    """Get a seal known as complete: every node asks for reports, and the leader that heard of it makes it its own."""
    if not state.is_sealed or state.membership.settling_since is not None:
        return
    if leadership is not None and leadership.term > state.configuration.term:
        # Its voters have voted in its term. They could not tell its configurations from those of yet another leader.
        _make(state, leadership, state.configuration)
    else:
        _ask_for_reports(state)


def _ask_for_reports(state: NodeState) -> None:
    """Send the configuration again to the voters that have not reported it: a report is sent once, and may be lost."""
    reports = installing.reports(state)
    if state.membership.is_written:
        for peer in state.other_voters:
            if peer.id not in reports:
                installing.send(state, peer)


def _carry_out(state: NodeState, leadership: LeadershipState, change: Change) -> None:
    state.membership.pending = None
    try:
        after = _judge(state, change)
    except ChangeRefused:
        return  # it was possible when it was asked for; its caller asks again, and hears why not
    if after != state.configuration:
        _make(state, leadership, after)


def _judge(state: NodeState, change: Change) -> Configuration:
    """Return the members after a change.

    Raises:
        ChangeRefused: it cannot be made.
    """
    if isinstance(change, AddMember):
        _check_id(state, change)
    after = changed(state.configuration, change)
    if after == state.configuration:
        return after
    if isinstance(change, PromoteMember):
        after = _check_ready(state, change, after)
    is_forced = isinstance(change, RemoveMember | ReplaceMember) and change.is_forced
    if isinstance(change, ReplaceMember) and not is_forced:
        _check_silent(state, change.node_id)
    if _votes(after) != _votes(state.configuration) and not is_forced:
        _check_live(state, change, after)
    # Last: it is to hand over only for a change that the next leader would make.
    if not state.membership.may_lead_as(after.member(state.id)):
        text = f"{state.id!r} leads {DEFAULT_ELECTION!r} and would lose its vote; hand over first"
        raise ChangeRefused(ChangeRefusal.LEADER, text)
    return after


def _check_id(state: NodeState, change: AddMember) -> None:
    """Refuse to add a node under the id of a member that was met under another store."""
    peer = state.support.peers.get(change.node_id)
    met = state.membership.store_id if change.node_id == state.id else peer and peer.store_id
    is_member = state.configuration.member(change.node_id) is not None
    if is_member and None not in (met, change.store_id) and met != change.store_id:
        text = f"{change.node_id!r} is in use under another store; take another id, or replace that member"
        raise ChangeRefused(ChangeRefusal.ID_IN_USE, text)


def _check_silent(state: NodeState, node_id: str) -> None:
    """Refuse to replace a member that is heard: two processes would use its id."""
    peer = state.support.peers.get(node_id)
    if peer is not None and peer.session is not None:
        text = f"{node_id!r} is heard under the store that it has; stop that process first, or force it"
        raise ChangeRefused(ChangeRefusal.ID_IN_USE, text)


def _check_live(state: NodeState, change: Change, after: Configuration) -> None:
    """Refuse a change that would leave fewer voters that are heard than a quorum."""
    heard = [voter for voter in after.voters if voter == state.id or _is_heard(state, state.support.peers[voter])]
    if len(heard) < after.quorum:
        missing = [voter for voter in after.voters if voter not in heard]
        deaf = [voter for voter in missing if state.support.peers[voter].session is not None]
        silent = [voter for voter in missing if voter not in deaf]
        todo = [f"start {', '.join(silent)} first"] if silent else []
        todo += [f"see that the leader reaches {', '.join(deaf)}, which it hears"] if deaf else []
        how = "heard both ways" if deaf else "heard"
        text = (
            f"only {len(heard)} of the {len(after.voters)} voters after this change are {how} ({', '.join(heard)}), and"
            f" {after.quorum} are needed; {' and '.join(todo)}, or remove one of those"
        )
        if isinstance(change, RemoveMember | ReplaceMember):
            text += ", or force it"
        raise ChangeRefused(ChangeRefusal.TOO_FEW_LIVE, text)


def _is_heard(state: NodeState, peer: Peer) -> bool:
    """Return whether a peer hears this node, too: it supports this node now."""
    return peer.counted_until > state.now


# Learners.


def _forget_ready(state: NodeState) -> None:
    for peer in state.support.peers.values():
        peer.membership.ready_since = None


def _ready(state: NodeState) -> PromoteMember | None:
    """Return the promotion of a learner that is ready, and note since when each has been."""
    if len(state.voters) == len(state.configuration.members):
        return None
    for member in state.configuration.members:
        peer = None if member.is_voter else state.support.peers.get(member.node_id)
        if peer is not None:
            is_fit = _lacks(state, peer) is None
            since = state.now if peer.membership.ready_since is None else peer.membership.ready_since
            peer.membership.ready_since = since if is_fit else None
    learners = (member.node_id for member in state.configuration.members if member.is_learner)
    ready = (learner for learner in learners if learner != state.id and _unready(state, learner) is None)
    return next((PromoteMember(node_id=learner) for learner in ready), None)


def _unready(state: NodeState, node_id: str) -> str | None:
    """Return why a member cannot be made a voter now, or None."""
    peer = state.support.peers[node_id]
    lacking, since = _lacks(state, peer), peer.membership.ready_since
    if lacking is None and (since is None or state.now < since + _ready_ns(state)):
        shown_ms = 0 if since is None else (state.now - since) // 1_000_000
        lacking = f"it has been ready for {shown_ms} ms of {_ready_ns(state) // 1_000_000}"
    shown = None if peer.heartbeat is None else peer.heartbeat.configuration
    if lacking is None and shown != state.configuration.id:
        lacking = "it has not installed the configuration yet"
    return lacking


def _ready_ns(state: NodeState) -> int:
    return READY_INTERVALS * state.timing.heartbeat_interval_ns


def _lacks(state: NodeState, peer: Peer) -> str | None:
    """Return what a learner lacks to be a voter, or None."""
    heartbeat = peer.heartbeat
    if heartbeat is None or peer.session is None:
        return "it is not heard"
    if not _is_heard(state, peer):
        return "it does not support the leader; see that the leader reaches it at its address"
    supporters = 1 + sum(peer.id in other.supported_ids for other in state.other_voters)
    if supporters < state.configuration.quorum:
        return f"{supporters} of {len(state.voters)} voters support it, and {state.configuration.quorum} are needed"
    lag, lag_max = state.offset - heartbeat.standing.offset, state.learner_lag_max
    if lag_max is not None and lag > lag_max:
        return f"its offset is {lag} below the leader's, and {lag_max} is allowed"
    return None


def describe_lack(state: NodeState, peer: Peer) -> str | None:
    """Return what a learner lacks to be a voter, as the leader sees it, or None."""
    member = state.configuration.member(peer.id)
    is_learner = member is not None and member.is_learner
    return _unready(state, peer.id) if is_learner and leading.root_leadership(state) is not None else None


def _check_ready(state: NodeState, change: PromoteMember, after: Configuration) -> Configuration:
    """Return the configuration with the store of the new voter.

    Raises:
        ChangeRefused: it is not ready.
    """
    before, member = state.configuration.member(change.node_id), after.member(change.node_id)
    assert before is not None and member is not None
    if before.is_voter:
        return after
    lacking = _unready(state, change.node_id)
    if lacking is not None:
        text = f"{change.node_id!r} is not ready: {lacking}; try again when it is"
        raise ChangeRefused(ChangeRefusal.NOT_READY, text)
    return _with_store(after, member, state.support.peers[change.node_id].store_id)


def _with_store(configuration: Configuration, member: Member, store_id: bytes | None) -> Configuration:
    """Name the store of a member: from now on it votes under this one only, whatever others met before."""
    named = replace(member, store_id=store_id if member.store_id is None else member.store_id)
    members = tuple(named if each is member else each for each in configuration.members)
    return replace(configuration, members=members)
