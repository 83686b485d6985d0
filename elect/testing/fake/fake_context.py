"""The node of a FakeElection: the real protocol of three nodes, whose time moves only on command."""

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from elect.bridge import commands
from elect.bridge.dispatcher import Dispatcher
from elect.bridge.inbox import Command, PendingCommand
from elect.bridge.leadership import Leadership
from elect.bridge.node_context import Lifecycle, NodeContext
from elect.bridge.publisher import Publisher
from elect.bridge.signal_safe_event import SignalSafeEvent
from elect.config.config import Config
from elect.core.elector import Elector
from elect.core.events import LossReason
from elect.core.messages import TERM_MAX, Resigned
from elect.core.ready import Ready
from elect.core.state.election_state import ElectionState
from elect.leader import Profile
from elect.testing.manual.cluster_settings import ClusterSettings
from elect.testing.manual.manual_cluster import ManualCluster
from elect.testing.manual.manual_node import ManualNode, StepListener
from wire.common.log import Log

logger = Log(__name__)

Result = TypeVar("Result")

NODE, OTHERS = "a", ("b", "c")
INTERVALS_MAX = 100
"""Intervals of virtual time until a willing node is elected; it needs a few."""


class _TestCommand(PendingCommand):
    """A command of the test, which moves the whole cluster."""

    __slots__ = ("move",)

    def __init__(self, move: Callable[[], object]) -> None:
        super().__init__(commands.tick())
        self.move = move


class FakeContext(NodeContext):
    """A NodeContext over a ManualCluster, which only its orchestrator thread moves; a command waits until it is done.

    A signal handler may interrupt any call and post a command itself: it then runs between two others, never in the
    middle of one. An Inbox is not used: where threads are patched, it would block all of them.

    Args:
        election: its only election.
        dispatcher: of the callbacks.
    """

    def __init__(self, election: str, dispatcher: Dispatcher) -> None:
        peers = {peer: f"127.0.0.1:{port}" for port, peer in enumerate(OTHERS, 7101)}
        config = Config(node=NODE, cluster="fake", listen="127.0.0.1:7100", peers=peers, data_dir=".")
        super().__init__(config, lambda: self._cluster.now)
        self._election = election
        self._commands: deque[PendingCommand] = deque()
        self._arrived = SignalSafeEvent()
        self._has_ended = False
        self._thread_id: int | None = None
        self._profiles: dict[str, Profile] = {}
        self._publisher = Publisher(self, dispatcher.dispatch, lambda node_id: self._profiles.get(node_id, Profile()))
        self._cluster = ManualCluster(
            ClusterSettings(elections=(election,)), listener=_Publishing(self, self._publisher)
        )
        self._cluster.input(NODE, lambda elector, now: elector.leave(now, election))
        self.state = Lifecycle.RUNNING

    # Calls of the application.

    def post(self, act: Command) -> PendingCommand:
        """Perform a command. When Ctrl-C interrupts this it is performed too, perhaps twice."""
        command = PendingCommand(act)
        try:
            self._put(command)
        except BaseException:
            self._put(command)
            raise
        self._await(command)
        return command

    def set_standing(self, *, priority: int | None = None, offset: int | None = None) -> None:
        """Set the standing at once."""
        self.check_running()
        self.post(commands.set_standing(priority=priority, offset=offset))

    def resign(self, leadership: Leadership, to: str | None) -> None:
        """Resign; a named successor is made willing."""
        if to is not None:
            self._perform(lambda: self._cluster.be_willing(to))
        super().resign(leadership, to)

    def close(self) -> None:
        """Stop: end all leases, and the orchestrator thread after the command that it performs."""
        if self.state is Lifecycle.RUNNING:
            with self.changing():
                self.state = Lifecycle.STOPPED
        self._end_leases()
        self._arrived.set()

    def become_forked(self) -> None:
        """In a forked child, which has no orchestrator thread, do this too: perform no command."""
        super().become_forked()
        self._has_ended = True

    # The orchestrator thread.

    def run_commands(self) -> None:
        """Perform the commands in order, until closed. On the orchestrator thread."""
        self._thread_id = threading.get_ident()
        try:
            while self.state is Lifecycle.RUNNING:
                self._arrived.clear()
                while self._commands and self.state is Lifecycle.RUNNING:
                    self._carry_out(self._commands.popleft())
                if self.state is Lifecycle.RUNNING:
                    self._arrived.wait()
        finally:
            self._thread_id = None  # another thread may get the number
            self._has_ended = True
            self._end_leases()
            self._drain()

    def _carry_out(self, command: PendingCommand) -> None:
        try:
            if isinstance(command, _TestCommand):
                command.move()
            else:
                self._cluster.input(NODE, command.act)
                self._settle()
        except BaseException as error:
            command.error = error
            if not isinstance(command, _TestCommand):  # its error is raised in the test
                logger.exception("! a command raised an exception")  # no thread may wait for the result
        command.finish(is_done=True)

    def _put(self, command: PendingCommand) -> None:
        self._commands.append(command)
        self._arrived.set()
        if self._has_ended:
            self._drain()

    def _drain(self) -> None:
        with suppress(IndexError):  # several threads may put a command after the end
            while True:
                command = self._commands[0]
                command.finish(is_done=False)  # first: Ctrl-C may come in between
                with suppress(ValueError):
                    self._commands.remove(command)

    def _await(self, command: PendingCommand) -> None:
        """Wait for a command; not on the orchestrator thread, on which the collector may end a block of `lead`."""
        if threading.get_ident() != self._thread_id:
            command.wait(None)

    def _perform(self, move: Callable[[], Result]) -> Result:
        """Move the cluster on the orchestrator thread, and return or raise what the call does."""
        self.check_running()
        results: list[Result] = []
        command = _TestCommand(lambda: results.append(move()))
        self._put(command)
        self._await(command)
        if command.error is not None:
            raise command.error
        if not results:
            raise self.refusal(Lifecycle.STOPPED)
        return results[0]

    def _end_leases(self) -> None:
        """End the leadership; its reason is that of a stop, unless it has ended for another one."""
        self.leases.close()
        self._publisher.close()

    # Commands of the test.

    @property
    def is_candidate(self) -> bool:
        """Return whether this node is a candidate."""
        return self._own(NODE).is_entered

    def elect(self, token: int | None) -> Leadership | None:
        """Make this node lead; return its leadership, which another thread may end at once. None: it is no candidate.

        Raises:
            ValueError: the token is no higher than an earlier one, or no token, or this node leads.
            RuntimeError: the node does not take leadership.
            Stopped: the election is closed.
        """
        return self._perform(lambda: self._elect(token))

    def lapse(self) -> None:
        """Cut this node off until its lease ends."""
        self._perform(self._lapse)

    def lose(self, reason: LossReason) -> None:
        """End the leadership of this node."""
        self._perform(lambda: self._lose(reason))

    def follow(self, leader: str | None, profile: Profile) -> None:
        """Make another node lead, or none."""
        self._perform(lambda: self._follow(leader, profile))

    # Steps.

    def _elect(self, token: int | None) -> Leadership | None:
        if not self.is_candidate:
            return None
        if token is not None:
            self._raise_terms(token)
        if self._own(NODE).leadership is None:
            self._vacate()
        self._cluster.cuts.clear()
        self._lead(NODE)
        leadership = self.published(self._election).leadership
        if leadership is None:  # it was closed meanwhile
            raise self.refusal(Lifecycle.STOPPED)
        return leadership

    def _lapse(self) -> None:
        for other in OTHERS:
            self._cluster.cut(NODE, other)
            self._cluster.cut(other, NODE)
        until = self._cluster.nodes[NODE].table.until(self._election)
        self._cluster.run(max(0, until - self._cluster.now))

    def _lose(self, reason: LossReason) -> None:
        if reason is LossReason.LEASE_LAPSED:
            self._lapse()
            self._cluster.run(2 * self._cluster.timing.heartbeat_interval_ns)
        else:
            self._cluster.input(NODE, lambda elector, now: elector.resign(now, self._election, reason=reason))
        self._settle()

    def _follow(self, leader: str | None, profile: Profile) -> None:
        if self._own(NODE).leadership is not None:
            self._lose(LossReason.LEASE_LAPSED)
        self._vacate()
        self._cluster.cuts.clear()
        if leader is not None:
            self._profiles[leader] = profile
            self._lead(leader)

    def _own(self, node_id: str) -> ElectionState:
        return self._cluster.nodes[node_id].elector.state.elections[self._election]

    def _lead(self, node_id: str) -> None:
        self._own(node_id).rests_until = 0  # the test wants it to lead now
        self._cluster.be_willing(node_id)
        for _ in range(INTERVALS_MAX):
            self._cluster.run()
            known = self.published(self._election).leader
            if self._cluster.holders(self._election) == [node_id] and known is not None and known.node_id == node_id:
                return
            self._cluster.run(self._cluster.timing.heartbeat_interval_ns)
        node = self._cluster.nodes[node_id]
        view = node.elector.snapshot(self._cluster.now).elections[0]
        self._settle()
        raise RuntimeError(f"{node_id} does not take leadership of {self._election!r}: {view.waiting}")

    def _settle(self) -> None:
        """Deliver all frames; a node that does not lead stays no candidate until the next command."""
        self._cluster.run()
        if self._own(NODE).leadership is None:
            self._withhold(NODE)
        with self.changing():
            pass

    def _vacate(self) -> None:
        """End the leadership of the other nodes."""
        for node_id in OTHERS:
            self._withhold(node_id)
            term = self._own(node_id).term
            self._cluster.input(node_id, self._acknowledged(term))
        self._cluster.run()

    def _withhold(self, node_id: str) -> None:
        self._cluster.input(node_id, lambda elector, now: elector.set_paused(now, is_paused=True))

    def _acknowledged(self, term: int) -> Callable[[Elector, int], Ready]:
        return lambda elector, now: elector.acknowledge(now, self._election, term)

    def _raise_terms(self, token: int) -> None:
        """Tell this node of the term before a token."""
        election = self._own(NODE)
        leadership = election.leadership
        if leadership is not None and leadership.resigning is None:
            term = leadership.term
            raise ValueError(f"token is {token}, but {NODE} leads in term {term}; lose first, or give no token")
        lowest = 1 + max(election.term, election.term_seen)
        if not lowest <= token <= TERM_MAX:
            raise ValueError(f"token is {token}; {lowest} to {TERM_MAX} is allowed: tokens rise")
        if token > 1:
            self._cluster.say(OTHERS[0], NODE, Resigned(election=self._election, term=token - 1))
            self._cluster.run()


class _Publishing(StepListener):
    """Publishes the effects of an input, as a node's orchestrator does."""

    def __init__(self, context: FakeContext, publisher: Publisher) -> None:
        self._context = context
        self._publisher = publisher

    def stepped(self, node: ManualNode, ready: Ready) -> None:
        """Publish the leases, then the events."""
        if node.node_id == NODE:
            self._context.turned_at = node.elector.state.now
            self._context.leases.publish(ready.leases, ready.counted)
            self._publisher.publish(ready.events)
