"""The part of a node that only reads: its state, its threads, its addresses, its status."""

from collections.abc import Callable, Collection
from contextlib import suppress
from typing import TYPE_CHECKING

from elect.api.election import Election
from elect.bridge import commands
from elect.bridge.inbox import PendingCommand
from elect.bridge.leadership import Leadership
from elect.bridge.node_context import STATUS_TIMEOUT_S, Lifecycle
from elect.config.config import Config
from elect.core.snapshot import ElectorSnapshot
from elect.errors import Forked, Stopped
from elect.monitoring.event_history import EventHistory
from elect.monitoring.member_phase import MemberLifecycle
from elect.monitoring.status import Status
from elect.runtime.assembly import NodeThreads
from elect.runtime.sampling import runtime_snapshot
from wire.common import arguments
from wire.protocol.address import Address

if TYPE_CHECKING:
    from elect.web.server import HttpServer


class ObservedNode(Election):
    """The properties that a node shows, on any thread.

    Attributes:
        config: its settings.
    """

    config: Config
    _runtime: NodeThreads | None = None
    _http: "HttpServer | None" = None

    @property
    def state(self) -> str:
        """new, running, stopping or stopped; failed: one of elect's own threads died; or forked."""
        return self._context.state.value

    @property
    def lifecycle(self) -> MemberLifecycle:
        """The phase of the node as a member of its cluster; `str` of it is one word, with a number or a reason.

        A node that is stopped stays a member: after a stop this is the last phase before it. `state` says that it
        is stopped.
        """
        return self._context.lifecycle.value

    def watch_lifecycle(self, watcher: Callable[[MemberLifecycle], object]) -> None:
        """Call `watcher` with each later value of `lifecycle`, in order, on a thread of the node or of a `leave`.

        When it is told of a failure another node may lead already.

        Args:
            watcher: must not wait: the node's heartbeats may wait for it. An exception that it raises is logged.
        """
        arguments.check_callable("watcher", watcher)
        self._context.lifecycle.watch(watcher)

    def call_on_failure(self, call: Callable[[], object]) -> None:
        """Call `call` when the node fails, once it leads nothing any more and before its links are closed.

        Args:
            call: must neither wait nor raise: the node does not end before it returns.
        """
        arguments.check_callable("call", call)
        self._context.failure_calls.append(call)

    @property
    def failure(self) -> BaseException | None:
        """The exception that ended one of elect's own threads, or None."""
        return self._context.failure

    @property
    def is_alive(self) -> bool:
        """Return whether the node runs, and none of its threads has died."""
        return self._context.state is Lifecycle.RUNNING and all(self.threads.values())

    @property
    def threads(self) -> dict[str, bool]:
        """Each thread that the node needs, and whether it is alive."""
        return {} if self._runtime is None else self._runtime.threads

    @property
    def loop_lag_ns(self) -> int:
        """The present delay of the orchestrator thread, ns."""
        return 0 if self._runtime is None else self._runtime.orchestrator.lag_ns

    @property
    def address(self) -> Address:
        """The address that the node listens on; after the start with the real port."""
        return self.config.listen_address if self._runtime is None else self._runtime.links.address

    @property
    def http_address(self) -> Address | None:
        """The address that serves HTTP, or None; after the start with the real port."""
        return self.config.http_address if self._http is None else self._http.address

    def bound_until(self, leadership: Leadership, timeout: float) -> int | None:
        """Return a time before which no other node can lead after this leadership, ns of this node's clock.

        In `on_lost` after a resignation that is the end of the grace, or of the promises of the others if that comes
        first. It moves as they renew their promises.

        Args:
            leadership: of this node.
            timeout: seconds to wait for the orchestrator thread.

        Returns:
            The time; 0: another node may lead now; None: the orchestrator thread does not answer.
        """
        ends: list[int] = []
        with suppress(Stopped):
            self._context.call(commands.read_bound(leadership.election, leadership.token, ends), timeout)
        return ends[0] if ends else None

    def visit(self, call: Callable[[], object]) -> PendingCommand:
        """Call `call` on the orchestrator thread, soon; never waits.

        Args:
            call: must be quick, and not raise.
        """
        return self._context.post(commands.visit(call))

    @property
    def history(self) -> EventHistory:
        """The latest events, numbered."""
        return self._context.history

    @property
    def known_leaders(self) -> dict[str, str | None]:
        """The leader that this node knows, or None, for each election."""
        published = list(self._context.published_elections.values())
        return {each.election: None if (leader := each.leader) is None else leader.node_id for each in published}

    def wait_for_events(self, after: int, timeout: float) -> bool:
        """Wait until the history has an event after that number; return whether it has.

        Args:
            after: the number.
            timeout: seconds.

        Raises:
            Stopped: the node does not run, or ended meanwhile.
            Forked: the node runs in the process that this one was forked from.
        """
        history = self._context.history
        return self._context.wait_for(lambda: history.last > after or None, timeout) is not None

    def status(self, elections: Collection[str] | None = None) -> Status:
        """Return the state of the node; without its elections if the orchestrator thread does not answer within 1 s.

        Args:
            elections: only these; None: all.
        """
        if self._context.state is Lifecycle.FORKED:
            raise Forked(self.config.node)
        views: list[ElectorSnapshot] = []
        if self._context.state is Lifecycle.RUNNING:
            self._context.post(commands.read_snapshot(views, elections)).wait(STATUS_TIMEOUT_S)
        return Status.of(self.config.node, views[0] if views else None, runtime_snapshot(self._context, self._runtime))
