"""Install a newer configuration, hand it on, report it; and let go of the peers that it removes.

A configuration is decided in memory first, as everything is, and shown and handed on when it is on disk.

Source: PROTOCOL.md, section 7, "Installing" and "Former members".
"""

from elect.core.configuration import Configuration
from elect.core.events import Installed, LossReason, PeerDismissed
from elect.core.membership_messages import Install, InstallReport
from elect.core.messages import ConfigurationId
from elect.core.ready import Meeting
from elect.core.rules import agreement, campaigning, leading
from elect.core.state.election_state import ElectionState
from elect.core.state.membership_state import order
from elect.core.state.node_state import DEFAULT_ELECTION, NodeState
from elect.core.state.peer_support import Peer

DISMISSAL_INTERVALS = 10
"""A former member that does not say that it knows is told for this many intervals."""


def install(state: NodeState, configuration: Configuration) -> bool:
    """Install a configuration if it is newer; return whether it is."""
    if not _is_next(state, configuration):
        return False
    # Votes that were asked for in the configuration before count in no other: its majority may be another one.
    for name in sorted(state.index.campaigns.live):
        campaigning.abandon(state, state.elections[name], "configuration")
    _step_down(state, configuration)
    _change_peers(state, configuration)
    voters = state.voters
    state.decide(configuration)
    agreement.begin_configuration(state)
    if state.voters != voters:
        leading.review_voters(state)
    lists = state.failbacks
    lists.contenders = {voter: each for voter, each in lists.contenders.items() if voter in configuration.voters}
    lists.electable, lists.priority = (), -1  # they are noted again, and the new voters with them
    state.index.are_peers_changed = True
    state.index.review(state.held.elections)
    return True


def _is_next(state: NodeState, configuration: Configuration) -> bool:
    own = state.configuration
    # One that only proposes the id is of the same cluster: its maker has not seen that the proposal has settled.
    shown = configuration.cluster_id or configuration.proposed_cluster_id
    if not configuration.members or own.cluster_id not in (None, shown):
        return False
    return configuration.is_newer_than(own) or not own.members


def _step_down(state: NodeState, configuration: Configuration) -> None:
    """Resign the leaderships that the configuration does not allow, while the one before is still in force."""
    may_lead = state.membership.may_lead_as(configuration.member(state.id))
    for election in led(state):
        is_held = leading.lease_until(state, election.leading.followers) > state.now
        # A later term may have had a lease by now, among voters that this node did not know. The newcomers among them
        # know of no term, and would follow this one: its lease would begin again below the later one (P2).
        is_below = election.leading.term <= configuration.floor and not is_held
        if not may_lead or is_below:
            leading.resign(state, election, LossReason.CONFIGURATION)


def led(state: NodeState) -> list[ElectionState]:
    """Return the elections that this node leads, on a lease or not, and has not given up."""
    return [state.elections[name] for _, group in state.index.lease_groups for name in [*group.told, *group.untold]]


def _change_peers(state: NodeState, configuration: Configuration) -> None:
    peers = state.support.peers
    for peer in peers.values():
        if not peer.is_former and configuration.member(peer.id) is None:
            # It may still count on the promise to it. So the promise runs out, and is not extended.
            peer.is_former = state.membership.has_former = True
            peer.membership.left_at, peer.membership.left_in = state.now, order(configuration.id)
    for member in configuration.members:
        if member.node_id == state.id:
            continue
        known = peers.get(member.node_id)
        if known is None:
            # One that may count on a promise of an earlier start keeps the boot fence waiting for it.
            known = state.support.add(member.node_id, state.former.pop(member.node_id, Meeting()))
        known.is_former = False
        if member.store_id is not None:
            agreement.change_store(state, known, member.store_id)


def note_written(state: NodeState, configuration: Configuration) -> None:
    """Note that a configuration is on disk: show it, hand it on, and report it."""
    if state.configuration is not configuration:  # the one after it is decided already, and will be written
        return
    former, state.membership.installed, state.membership.is_written = state.membership.installed, configuration, True
    state.effects.events.append(Installed(configuration=configuration, at=state.now, former=former))
    state.effects.is_heartbeat_due = True
    is_maker = leading.root_leadership(state) is not None
    for peer in state.support.peers.values():
        if peer.membership.is_report_due:
            _report(state, peer)
        if is_maker and peer.heartbeat is not None:  # the others hand it on to those that show that they lack it
            offer(state, peer, peer.heartbeat.configuration)


def offer(state: NodeState, peer: Peer, shown: ConfigurationId) -> None:
    """Send the configuration on disk to a peer that shows an older one, once an interval."""
    installed, known = state.membership.installed, peer.membership
    is_lacking = order(shown) < order(installed.id) and bool(installed.members)
    is_due = known.offered != installed.id or state.now >= known.offered_at + state.timing.heartbeat_interval_ns
    if is_lacking and is_due:
        send(state, peer)


def send(state: NodeState, peer: Peer) -> None:
    """Send the configuration on disk to a peer."""
    installed = state.membership.installed
    peer.membership.offered, peer.membership.offered_at = installed.id, state.now
    state.effects.messages.append((peer.id, Install(configuration=installed)))


def receive_install(state: NodeState, peer: Peer, message: Install) -> None:
    """Install a newer configuration; report this node's own to the sender once it is on disk."""
    install(state, message.configuration)
    if order(message.configuration.id) > order(state.configuration.id):
        return
    peer.membership.is_report_due = True
    if state.membership.is_written:
        _report(state, peer)


def _report(state: NodeState, peer: Peer) -> None:
    peer.membership.is_report_due = False
    report = InstallReport(
        configuration=state.configuration.id,
        term=highest_term(state),
        duration=state.support.promise_ns,
        root_term=root_term(state),
    )
    state.effects.messages.append((peer.id, report))


def highest_term(state: NodeState) -> int:
    """Return the highest term in which this node voted or followed, in any election."""
    return max((election.term for election in state.elections.values()), default=0)


def root_term(state: NodeState) -> int:
    """Return the highest term in which this node voted or followed in `default`, whose leader makes configurations."""
    root = state.elections.get(DEFAULT_ELECTION)
    return 0 if root is None else root.term


def reports(state: NodeState) -> dict[str, InstallReport]:
    """Return the reports of the other voters that have installed exactly this configuration."""
    own = state.configuration.id
    found = {peer.id: peer.membership.report for peer in state.other_voters}
    return {peer: report for peer, report in found.items() if report is not None and report.configuration == own}


def longest_support(state: NodeState) -> int:
    """Return the longest support that this node and those that have reported ever acknowledged (ns)."""
    return max([state.support.promise_ns, *(report.duration for report in reports(state).values())])


def dismiss_former(state: NodeState) -> None:
    """Let go of former members to which no promise can be counted any more, once an interval."""
    if not state.membership.has_former:
        return
    for peer in list(state.support.peers.values()):
        if peer.is_former and _is_over(state, peer):
            _dismiss(state, peer)
    state.membership.has_former = any(peer.is_former for peer in state.support.peers.values())


def _is_over(state: NodeState, peer: Peer) -> bool:
    # Struck off, so the boot fence of a restart need not wait for it.
    if peer.session is not None or peer.is_acknowledged:
        return False
    shown = peer.heartbeat
    knows = shown is not None and order(shown.configuration) >= peer.membership.left_in
    told_until = peer.membership.left_at + DISMISSAL_INTERVALS * state.timing.heartbeat_interval_ns
    return knows or state.now >= told_until


def _dismiss(state: NodeState, peer: Peer) -> None:
    del state.support.peers[peer.id]
    state.held.drop_candidate(peer.id)
    for election in state.elections.values():
        election.forget_node(peer.id)
    state.effects.events.append(PeerDismissed(peer=peer.id, at=state.now))
    state.index.are_peers_changed = True
    # Published counts name no former member: one that is added again with another store has promised nothing.
    state.effects.is_count_changed = True
