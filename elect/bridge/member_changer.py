"""Makes changes of the members on this node, if it leads, and waits until a quorum has installed them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from elect.bridge import commands
from elect.bridge.inbox import Command
from elect.bridge.node_context import STATUS_TIMEOUT_S, NodeContext
from elect.core.changes import (
    Change,
    ChangeRefusal,
    ChangeRefused,
    NameCluster,
    RemoveMember,
    ReplaceMember,
    Seal,
    changed,
)
from elect.core.configuration import ClusterState, Configuration
from elect.core.elector import Elector
from elect.core.events import LossReason
from elect.core.promotion import PromotionRefused
from elect.core.ready import Ready
from elect.core.rules import sites
from elect.core.state.node_state import DEFAULT_ELECTION
from elect.errors import LeadershipTimeout
from elect.monitoring.membership_changes import SORTS, MembershipChange
from wire.common import arguments
from wire.common.deadline import Deadline

POLL_S = 0.02
"""A change takes a write to the disks of a quorum and a heartbeat from each of them, some milliseconds in all."""

PASSING = (ChangeRefusal.IN_PROGRESS, ChangeRefusal.NOT_READY)
"""Refusals that pass without anything that a caller does: the change is tried again until its time is over."""


NOUNS: Mapping[MembershipChange, str] = {
    MembershipChange.ADD: "addition",
    MembershipChange.REMOVE: "removal",
    MembershipChange.PROMOTE: "promotion",
    MembershipChange.DEMOTE: "demotion",
    MembershipChange.REPLACE: "replacement",
    MembershipChange.NAME: "naming",
    MembershipChange.SEAL: "seal",
}


@dataclass(slots=True)
class ChangeAttempt:
    """The outcome of one attempt at a change.

    Attributes:
        configuration: the one that is decided after the attempt; None until it was made.
        is_pending: the change is made as soon as the configuration before it has settled.
        refused: the refusal of this node.
        has_successor: another node could lead in the place of this one.
    """

    configuration: Configuration | None = None
    is_pending: bool = False
    refused: ChangeRefused | None = None
    has_successor: bool = False


def change_members(change: Change, attempt: ChangeAttempt) -> Command:
    """Make a change as the leader, or note in `attempt` why this node refuses it."""

    def act(elector: Elector, now: int) -> Ready:
        try:
            ready = elector.change_members(now, change)
        except ChangeRefused as refused:  # an answer for the thread that asked, not an error of this one
            attempt.refused = refused
            ready = elector.tick(now)
        attempt.configuration = elector.state.configuration
        attempt.has_successor = bool(elector.state.electable)
        attempt.is_pending = elector.state.membership.pending == change
        return ready

    return act


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledView:
    """The configuration of this node, and the peers that have shown it as theirs.

    Attributes:
        are_leases_over: a sealed cluster has no lease any more, and never has one again.
    """

    configuration: Configuration
    peers: frozenset[str]
    are_leases_over: bool


def read_installed(views: list[InstalledView]) -> Command:
    """Append what this node knows of its configuration: less than a snapshot, which has all elections."""

    def act(elector: Elector, now: int) -> Ready:
        state = elector.state
        own, over_at = state.configuration, sites.leases_over_at(state)
        shown = ((peer.id, peer.heartbeat) for peer in state.support.peers.values())
        same = frozenset(
            peer for peer, heartbeat in shown if heartbeat is not None and heartbeat.configuration == own.id
        )
        ready = elector.tick(now)
        are_leases_over = 0 < over_at <= state.now
        views.append(InstalledView(configuration=own, peers=same, are_leases_over=are_leases_over))
        return ready

    return act


def hand_over_root() -> Command:
    """Hand the election `default` to the best of the nodes that could win it; without leading it, do nothing."""

    def act(elector: Elector, now: int) -> Ready:
        best = max(elector.state.electable, key=lambda each: (each[1].priority, each[1].offset), default=None)
        successor = None if best is None else best[0]
        return elector.resign(now, DEFAULT_ELECTION, to=successor, reason=LossReason.TRANSFERRED)

    return act


class MemberChanger:
    """Makes changes. Any thread calls it; it blocks.

    Args:
        context: of the node.
        count: counts a refusal: takes the sort of the change and the reason.
    """

    def __init__(self, context: NodeContext, count: Callable[[str, str], None]) -> None:
        self._context = context
        self._count = count

    def change(self, change: Change, timeout: float | None = None) -> Configuration:
        """Make a change as the leader; return the configuration with it once a quorum has installed that.

        A change that is in force already makes no new version, and waits for the quorum all the same. So does the
        removal of a node of which this one knows that it was removed.

        Args:
            change: the change.
            timeout: seconds, 0 or more; None waits without limit.

        Raises:
            TypeError, ValueError: `timeout` is no number, or below 0.
            ChangeRefused: this node refuses it, or does not lead.
            LeadershipTimeout: a quorum had not installed it in time. It may still be made.
            Stopped: the node does not run.
            Forked: the node runs in the process that this one was forked from.
        """
        seconds = arguments.seconds("timeout", timeout)
        deadline = Deadline(arguments.bounded_seconds("timeout", timeout))
        attempt, made = ChangeAttempt(), None
        while True:
            if made is None:
                before, attempt = attempt, ChangeAttempt()
                if not self._context.call(change_members(change, attempt), deadline.remaining_s):
                    attempt = before  # its time is over; the answer before says why
                made = self._judge(change, attempt)
            if made is not None and (view := self._view()) is not None:
                if self._is_installed(made, view) or _is_undone(change, made, view.configuration):
                    return made
                made = _still_wanted(change, made, view.configuration)
            if deadline.is_over:
                raise attempt.refused or LeadershipTimeout("", _awaited(change), seconds or 0.0)
            self._context.wait_for(lambda: None, min(POLL_S, deadline.remaining_s))

    def promote(self, floor: int, timeout: float | None = None) -> Configuration:
        """Make a standby cluster an active one; return the configuration once a quorum has installed it.

        Args:
            floor: all terms are above it from now on; see `elect.core.promotion`. A cluster that is promoted already
                keeps the floor that it has, which is in the configuration.
            timeout: as for `change`.

        Raises:
            TypeError, ValueError, Stopped, Forked: as for `change`.
            PromotionRefused: the cluster cannot be promoted.
            LeadershipTimeout: a quorum had not installed it in time. This node may have it all the same.
        """
        deadline = Deadline(arguments.bounded_seconds("timeout", timeout))
        refusals = list[PromotionRefused]()
        self._context.do(commands.promote(floor, refusals), "the promotion", deadline.remaining_s)
        if refusals:
            raise refusals[0]
        while (view := self._view()) is None or not self._is_installed(view.configuration, view):
            if deadline.is_over:
                raise LeadershipTimeout("", "the promotion", timeout or 0.0)
            self._context.wait_for(lambda: None, min(POLL_S, deadline.remaining_s))
        return view.configuration

    def _judge(self, change: Change, attempt: ChangeAttempt) -> Configuration | None:
        """Return the configuration with the change; None if it has to be tried again.

        Raises:
            ChangeRefused: it is refused.
        """
        refused = attempt.refused
        if refused is None:
            return None if attempt.is_pending else attempt.configuration
        if refused.refusal in PASSING:
            return None
        is_to_hand_over = attempt.has_successor and not isinstance(change, ReplaceMember)
        if refused.refusal is ChangeRefusal.LEADER and is_to_hand_over:
            # The next attempt finds that this node leads no longer, and its caller asks the next leader.
            self._context.post(hand_over_root())
            return None
        if refused.refusal is ChangeRefusal.NOT_MEMBER and self._is_removed(change):
            return attempt.configuration
        if refused.refusal is not ChangeRefusal.NOT_LEADER:  # then the leader is asked
            self._count(SORTS[type(change)], refused.refusal)
        raise refused

    def _is_removed(self, change: Change) -> bool:
        """Return whether a removal was made before: by this call, by one whose answer was lost, or by anybody else."""
        context = self._context
        return isinstance(change, RemoveMember) and (
            change.node_id in context.former_members
            or context.configuration.member(change.node_id) is not None  # that is not on disk yet
        )

    def _view(self) -> InstalledView | None:
        views: list[InstalledView] = []
        self._context.call(read_installed(views), STATUS_TIMEOUT_S)
        return views[0] if views else None

    def _is_installed(self, made: Configuration, view: InstalledView) -> bool:
        """Return whether a quorum has installed this configuration; for a seal, whether all leases are over."""
        if view.configuration.id != made.id:
            return False
        if made.state is ClusterState.SEALED:
            return view.are_leases_over
        is_written = self._context.configuration.id == made.id
        installed = view.peers | ({self._context.node_id} if is_written else set())
        return len(installed.intersection(made.voters)) >= made.quorum


def _is_undone(change: Change, made: Configuration, found: Configuration) -> bool:
    """Return whether the leader that made a change has made the opposite since: to make it again would undo that."""
    return found.term == made.term and found.is_newer_than(made) and not _is_in_force(change, found)


def _still_wanted(change: Change, made: Configuration, found: Configuration) -> Configuration | None:
    """Return the configuration to wait for; None: a later leader did not know of the change, which is made again."""
    if not found.is_newer_than(made):
        return made
    return found if _is_in_force(change, found) else None


def _is_in_force(change: Change, configuration: Configuration) -> bool:
    try:
        return changed(configuration, change) == configuration
    except ChangeRefused as refused:
        return isinstance(change, RemoveMember) and refused.refusal is ChangeRefusal.NOT_MEMBER


def _awaited(change: Change) -> str:
    node = "the cluster" if isinstance(change, NameCluster | Seal) else change.node_id
    return f"the {NOUNS[SORTS[type(change)]]} of {node}"
