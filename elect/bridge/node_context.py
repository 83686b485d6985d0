"""The state that the parts of one node share: lifecycle, inbox, published leases and elections."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from typing import TypeVar

from elect.bridge import commands
from elect.bridge.health_checks import Health
from elect.bridge.inbox import Command, Inbox, PendingCommand
from elect.bridge.leadership import Leadership
from elect.bridge.lease_table import LeaseTable
from elect.bridge.member_lifecycle import LifecycleCell, refusal
from elect.bridge.published_election import PublishedElection
from elect.bridge.signal_safe_event import SignalSafeEvent
from elect.bridge.standing_cell import StandingCell
from elect.clock import Clock, now_ns
from elect.config.config import Config
from elect.core.configuration import Configuration
from elect.core.events import LossReason, Objection
from elect.errors import Forked, LeadershipTimeout, Stopped
from elect.leader import Leader
from elect.monitoring.event_history import EventHistory
from elect.monitoring.peer_health import PeerHealthLog
from wire.common import arguments
from wire.common.deadline import now_s

Found = TypeVar("Found")

FORMER_MAX = 64
"""Former members whose ids are kept: a configuration has no more members."""

STATUS_TIMEOUT_S = 1.0
"""A status does not wait longer for the orchestrator thread."""


class Lifecycle(StrEnum):
    """The states of a node, in order. `failed` and `forked` also end it."""

    NEW = "new"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"
    FORKED = "forked"


class NodeContext:
    """The shared state of a node. It starts no thread.

    Attributes:
        published_elections: by election; made by the orchestrator thread once the node runs.
        objections: of peers to this node, as the orchestrator thread published them last.
        configuration: the one that is installed.
        former_members: the ids of nodes that were removed while this one knew them, the latest last.
        lifecycle: of the node as a member.
        store_id: of the node's store.
        peer_health: of the peers, as the orchestrator thread noted it.
        history: of the latest events, as the orchestrator thread published them.
        state: of the node.
        turned_at: the clock at the latest input of the orchestrator thread (ns).
        health: the health hook, or None.
        standing: the standing that the application set last.
        failure_calls: to be called when the node fails, before its links are closed.
        failure: the exception that ended one of elect's own threads, or None.
        detail: the cause of the state: a stop before the start, or the death of a thread.
    """

    def __init__(self, config: Config, clock: Clock) -> None:
        self.config = config
        self.node_id = config.node
        self.clock = clock
        self.leases = LeaseTable(clock)
        self.inbox = Inbox(clock=clock)
        self._waiting: deque[SignalSafeEvent] = deque()
        self.published_elections: dict[str, PublishedElection] = {}
        self.state = Lifecycle.NEW
        self.objections: dict[str, Objection | None] = {}
        self.configuration = config.first_configuration
        self.former_members: dict[str, None] = {}
        self.lifecycle = LifecycleCell(self.node_id)
        self.lifecycle.watch(lambda _: self._wake())
        self.store_id = b""
        self.peer_health = PeerHealthLog(config.support_duration_ns, clock)
        self.history = EventHistory(f"{now_ns():x}")
        self.turned_at = 0
        self.health: Health | None = None
        self.standing = StandingCell()
        self.failure_calls: list[Callable[[], object]] = []
        self.failure: BaseException | None = None
        self.detail = ""

    def renew(self) -> None:
        """Reset to new, after a start that failed."""
        self.leases = LeaseTable(self.clock)
        self.inbox = Inbox(clock=self.clock)
        self.health = None
        self.objections = {}
        self.configuration = self.config.first_configuration
        self.lifecycle.reset()
        self.peer_health = PeerHealthLog(self.config.support_duration_ns, self.clock)
        self.state = Lifecycle.NEW

    @property
    def peers(self) -> tuple[str, ...]:
        """The ids of the other members, sorted."""
        return tuple(node_id for node_id in self.configuration.node_ids if node_id != self.node_id)

    def published(self, election: str) -> PublishedElection:
        """Return the published election of that name, made if it is new."""
        published = self.published_elections.get(election)
        return published or self.published_elections.setdefault(election, PublishedElection(election))

    def check_running(self) -> None:
        """Raise unless the node runs.

        Raises:
            Forked: the node runs in the process that this one was forked from.
            Stopped: the node is not started, or no longer runs.
        """
        state = self.state
        if state is not Lifecycle.RUNNING:
            raise self.refusal(state) from self.failure

    def check_living(self) -> None:
        """Raise unless the node is new or runs.

        Raises:
            Forked: the node runs in the process that this one was forked from.
            Stopped: the node no longer runs.
        """
        if self.state is not Lifecycle.NEW:
            self.check_running()

    def check_started(self) -> None:
        """Raise as `check_running` does unless the node runs, or once ran in this process."""
        is_unstarted = self.state is Lifecycle.STOPPED and self.detail
        if is_unstarted or self.state in (Lifecycle.NEW, Lifecycle.FORKED):
            self.check_running()

    def refusal(self, state: Lifecycle) -> Stopped | Forked:
        """Return the error for a call that is not possible in this state."""
        return Forked(self.node_id) if state is Lifecycle.FORKED else Stopped(self.node_id, state.value, self.detail)

    def leader_of(self, published: PublishedElection) -> Leader | None:
        """Return the leader that this node knows; itself only while its lease is valid, whatever was published last."""
        leader, leadership = published.leader, published.leadership
        if leader is None or leader.node_id != self.node_id:
            return leader
        return leader if leadership is not None and leadership.valid() else None

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Change published state in the block, then wake the waiting threads. No lock: each change is a single step."""
        try:
            yield
        finally:
            self._wake()

    def _wake(self) -> None:
        for woken in tuple(self._waiting):
            woken.set()

    def install(self, configuration: Configuration) -> None:
        """Publish the configuration that was installed."""
        self.note_former(each for each in self.configuration.node_ids if configuration.member(each) is None)
        self.configuration = configuration
        self.lifecycle.refuse(refusal(self.objections.copy(), configuration))
        self.lifecycle.install(configuration, self.store_id)

    def note_former(self, node_ids: Iterable[str]) -> None:
        """Note the ids of members that were removed."""
        for node_id in node_ids:
            self.former_members.pop(node_id, None)
            self.former_members[node_id] = None
        for oldest in list(self.former_members)[:-FORMER_MAX]:
            del self.former_members[oldest]

    def note_objection(self, peer: str, objection: Objection | None) -> None:
        """Publish the objection of a peer to this node; None: it has none. On the orchestrator thread."""
        self.objections[peer] = objection
        self.lifecycle.refuse(refusal(self.objections, self.configuration))

    def post(self, act: Command) -> PendingCommand:
        """Post a command to the orchestrator thread. When Ctrl-C interrupts this it is posted too, perhaps twice."""
        command = PendingCommand(act)
        try:
            self.inbox.put(command)
        except BaseException:
            self.inbox.put(command)
            raise
        return command

    def call(self, act: Command, timeout: float | None = None) -> bool:
        """Post a command to the orchestrator thread, and wait until it is done.

        Args:
            act: the command.
            timeout: seconds; None waits without limit.

        Returns:
            Whether it was done in time.

        Raises:
            Exception: from the command.
            Stopped: the node does not run, or ended meanwhile.
        """
        self.check_running()
        command = self.post(act)
        if not command.wait(timeout):
            return False
        if command.error is not None:
            raise command.error
        if not command.is_done:
            self.check_running()
            raise self.refusal(Lifecycle.STOPPING)
        return True

    def do(self, act: Command, awaited: str, timeout: float | None, election: str = "") -> None:
        """Post a command to the orchestrator thread, and raise unless it is done in time.

        Args:
            act: the command.
            awaited: its name in a LeadershipTimeout.
            timeout: seconds, 0 or more; None waits without limit.
            election: its name; empty for a command about all elections.

        Raises:
            TypeError: `timeout` is no number.
            ValueError: `timeout` is below 0.
            LeadershipTimeout: the command was not done in time; it is still posted.
            Exception: from the command.
            Stopped: the node does not run, or ended meanwhile.
        """
        seconds = arguments.seconds("timeout", timeout)
        if not self.call(act, seconds):
            raise LeadershipTimeout(election, awaited, seconds or 0.0)

    def wait_for(self, find: Callable[[], Found | None], timeout: float | None) -> Found | None:
        """Wait until `find`, called at each change, returns a value; return that, or None when the time is over.

        Args:
            find: must be quick; several threads may call theirs at the same time.
            timeout: seconds; None waits without limit, 0 calls `find` once.

        Raises:
            Stopped: the node does not run, or ended meanwhile.
        """
        ends_at = None if timeout is None else now_s() + timeout
        woken = SignalSafeEvent()
        self._waiting.append(woken)
        try:
            while True:
                woken.clear()
                self.check_running()
                found = find()
                if found is not None:
                    return found
                remaining_s = None if ends_at is None else min(ends_at - now_s(), threading.TIMEOUT_MAX)
                if remaining_s is not None and remaining_s <= 0:
                    return None
                woken.wait(remaining_s)
        finally:
            with suppress(ValueError):
                self._waiting.remove(woken)

    def set_standing(self, *, priority: int | None = None, offset: int | None = None) -> None:
        """Store this node's priority or offset for its next heartbeats; priority 0 counts at once. Never waits.

        Raises:
            Stopped: the node does not run.
        """
        self.check_running()
        if offset is not None:
            self.standing.offset = offset
        if priority is not None:
            self.standing.priority = priority
        # With inputs in the inbox a step is near, and into an inbox without room this thread would have to wait.
        if priority == 0 and not len(self.inbox):
            self.post(commands.tick())

    def give_up(self, leadership: Leadership, reason: LossReason) -> None:
        """Post that a leadership is over for the application; never waits."""
        self.post(commands.resign(leadership.election, leadership.token, reason=reason))
        with self.changing():
            pass

    def resign(self, leadership: Leadership, to: str | None) -> None:
        """Resign a leadership, in favour of the node `to` if it is given; never waits."""
        reason = LossReason.RESIGNED if to is None else LossReason.TRANSFERRED
        # First: after an interrupt it must not be lost here and led for the other nodes.
        self.post(commands.resign(leadership.election, leadership.token, reason=reason, to=to))
        leadership.end(reason)
        with self.changing():
            pass

    def acknowledge(self, election: str, term: int) -> None:
        """Post that the application has handled a loss; never waits."""
        self.post(commands.acknowledge(election, term))

    def become_forked(self) -> None:
        """In a forked child, end every leadership and refuse every call."""
        self.state = Lifecycle.FORKED
        self.leases.close()
        for published in list(self.published_elections.values()):
            for leadership in (published.leadership, published.in_use_by.leadership if published.in_use_by else None):
                if leadership is not None:
                    leadership.mark_lost(LossReason.STOPPED)
