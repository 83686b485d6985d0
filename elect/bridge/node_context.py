"""What the parts of one node share: its state of life, its inbox, its published leases, its published_elections."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from typing import TypeVar

from elect.bridge import commands
from elect.bridge.flag import Flag
from elect.bridge.health_checks import Health
from elect.bridge.inbox import Command, Inbox, PendingCommand
from elect.bridge.leadership import Leadership
from elect.bridge.lease_table import LeaseTable
from elect.bridge.published_election import PublishedElection
from elect.clock import Clock
from elect.config.config import Config
from elect.core.events import LossReason, Objection
from elect.errors import Forked, LeadershipTimeout, Stopped
from wire.common import arguments
from wire.common.deadline import now_s

Found = TypeVar("Found")


class Lifecycle(StrEnum):
    """A node's life, in order; `failed` and `forked` are other ends of it."""

    NEW = "new"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"
    FORKED = "forked"


class NodeContext:
    """The ground on which a node's parts stand. It starts nothing.

    Attributes:
        published_elections: by election; made by the protocol's thread once the node runs.
        objections: of peers to this node, as the orchestrator thread told last.
        state: of life.
        turned_at: the clock at the latest input of the protocol's thread (ns).
        health: the application's hook, if it gave one.
        failure: what a thread of ours died of, if one did.
        detail: what led to the state, where the state alone does not say it: a stop before the start, a death.
    """

    def __init__(self, config: Config, clock: Clock) -> None:
        self.config = config
        self.node_id = config.node
        self.clock = clock
        self.leases = LeaseTable(clock)
        self.inbox = Inbox(clock=clock)
        self._waiting: deque[Flag] = deque()
        self.published_elections: dict[str, PublishedElection] = {}
        self.state = Lifecycle.NEW
        self.objections: dict[str, Objection | None] = {}
        self.turned_at = 0
        self.health: Health | None = None
        self.failure: BaseException | None = None
        self.detail = ""

    def renew(self) -> None:
        """After a start that failed: as if it had not been tried."""
        self.leases = LeaseTable(self.clock)
        self.inbox = Inbox(clock=self.clock)
        self.health = None
        self.objections = {}
        self.state = Lifecycle.NEW

    def published(self, election: str) -> PublishedElection:
        """The seat of that name, made if it is new."""
        published = self.published_elections.get(election)
        return (
            published
            if published is not None
            else self.published_elections.setdefault(election, PublishedElection(election))
        )

    def check_running(self) -> None:
        """Return if the node runs.

        Raises:
            Forked: this is a child of the process that runs it.
            Stopped: it was not started, or does not run any more.
        """
        state = self.state
        if state is not Lifecycle.RUNNING:
            raise self.refusal(state) from self.failure

    def check_living(self) -> None:
        """Return if the node runs, or may be started yet.

        Raises:
            Forked: this is a child of the process that runs it.
            Stopped: it does not run any more.
        """
        if self.state is not Lifecycle.NEW:
            self.check_running()

    def check_started(self) -> None:
        """Return if the node runs, or did; raise as `check_running` does if it never did, or not in this process."""
        is_unstarted = self.state is Lifecycle.STOPPED and self.detail
        if is_unstarted or self.state in (Lifecycle.NEW, Lifecycle.FORKED):
            self.check_running()

    def refusal(self, state: Lifecycle) -> Stopped | Forked:
        """The error that says why this state is not the one that is needed."""
        return Forked(self.node_id) if state is Lifecycle.FORKED else Stopped(self.node_id, state.value, self.detail)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Change what waiters look at, and wake them. It takes no lock: each change is a single step."""
        try:
            yield
        finally:
            for woken in tuple(self._waiting):
                woken.set()

    def post(self, act: Command) -> PendingCommand:
        """Have something done by the protocol's thread, soon; when Ctrl-C interrupts this, too, and perhaps twice."""
        command = PendingCommand(act)
        try:
            self.inbox.put(command)
        except BaseException:
            self.inbox.put(command)
            raise
        return command

    def call(self, act: Command, timeout: float | None = None) -> bool:
        """Have something done by the protocol's thread, and wait until it is.

        Returns:
            Whether it was done in time.

        Raises:
            Exception: the act's own.
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
        """Have something done by the protocol's thread before a timeout of the caller's is over.

        Args:
            act: what.
            awaited: the same, as a LeadershipTimeout says it.
            timeout: seconds; None for ever, 0 once.
            election: in which; empty: in all of them.

        Raises:
            TypeError, ValueError: `timeout` is no number of seconds, or below 0.
            LeadershipTimeout: it was not done in time; it will be.
            Exception: the act's own.
            Stopped: the node does not run, or ended meanwhile.
        """
        seconds = arguments.seconds("timeout", timeout)
        if not self.call(act, seconds):
            raise LeadershipTimeout(election, awaited, seconds or 0.0)

    def wait_for(self, find: Callable[[], Found | None], timeout: float | None) -> Found | None:
        """Wait until `find`, asked at each change, finds something; None: not in time.

        Args:
            find: must be quick; any number of threads ask theirs at the same time.
            timeout: seconds; None for ever, 0 once.

        Raises:
            Stopped: the node does not run, or ended meanwhile.
        """
        ends_at = None if timeout is None else now_s() + timeout
        woken = Flag()
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

    def give_up(self, leadership: Leadership, reason: LossReason) -> None:
        """Tell the protocol's thread of a leadership that is over for the application; never waits."""
        self.post(commands.resign(leadership.election, leadership.token, reason=reason))
        with self.changing():
            pass

    def resign(self, leadership: Leadership, to: str | None) -> None:
        """Give a leadership up, to another node if one is named; never waits."""
        reason = LossReason.RESIGNED if to is None else LossReason.TRANSFERRED
        # First: an interrupt must not leave it over here, and held for the other nodes.
        self.post(commands.resign(leadership.election, leadership.token, reason=reason, to=to))
        self.leases.give_up(leadership.election, leadership.token)
        leadership.end(reason)
        with self.changing():
            pass

    def abandon(self) -> None:
        """In a forked child: lead nothing."""
        self.state = Lifecycle.FORKED
        self.leases.close()
        for published in list(self.published_elections.values()):
            for leadership in (published.leadership, published.occupant.leadership if published.occupant else None):
                if leadership is not None:
                    leadership.abandon()
