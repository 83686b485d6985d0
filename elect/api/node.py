"""One node of a cluster: what the application makes, starts and stops."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from elect.api.default_election import DefaultElection
from elect.api.election import Election
from elect.bridge import commands
from elect.bridge.dispatcher import Dispatcher
from elect.bridge.inbox import PendingCommand
from elect.bridge.node_context import Lifecycle, NodeContext
from elect.bridge.publisher import EventLog
from elect.clock import Clock, now_ns
from elect.config.config import Config
from elect.core.events import Event
from elect.core.messages import check_name
from elect.core.snapshot import ElectorSnapshot
from elect.errors import Forked
from elect.monitoring import audit
from elect.monitoring.metrics import Metrics, Registry
from elect.monitoring.series import Series
from elect.monitoring.status import Status
from elect.runtime import fork
from elect.runtime.assembly import NodeThreads
from elect.runtime.lifecycle_thread import LifecycleThread, StopRequest
from elect.runtime.node_credentials import warn_of_insecurity, warn_of_loopback
from elect.runtime.sampling import sample, surroundings
from elect.runtime.threads import OwnThread
from elect.storage.descriptors import fill_standard
from elect.storage.sqlite import SqliteStore
from elect.storage.store import Store
from wire.common import arguments
from wire.common.deadline import Deadline
from wire.common.log import FLUSH_S, Log, flush, harmless, text_of
from wire.common.native import check_native
from wire.protocol.address import Address

if TYPE_CHECKING:
    from elect.web.server import HttpServer

logger = Log(__name__)

DEFAULT_ELECTION = "default"
STOP_TIMEOUT_S = 2.0
STATUS_TIMEOUT_S = 1.0
"""A protocol's thread that does not answer for so long is the status."""


class Node(DefaultElection):
    """Takes part in the elections of one cluster. The constructor starts nothing; a node is started once.

    A signal handler may call every method of a node, an election and a leadership that does not wait, whatever call it
    interrupts: `is_leader`, `leadership`, `leader`, `Leadership.resign`, `subscribe`, `resign(timeout=0)`, and
    `stop(timeout=0)`. `pause`, `resume`, `set_offset`, `set_priority` and `status` wait for a thread of the node alone,
    and may be called too. Other calls that wait need a `timeout` there: a callback may wait for a lock that the
    interrupted thread has. Not for a handler are `start`, `run`, `lead`, `metrics` and what serves HTTP.

    Args:
        config: who it is.
        store: of its votes; default: SQLite in `config.data_dir`.
        metrics: a Metrics, or the Prometheus registry for one; default: a registry of its own. One that is given has
            the series of one node at a time, from its start to its stop.
        health: asked at every heartbeat interval, on a thread of its own: while it returns something false, raises or
            is late by `support_duration`, this node does not lead.
        clock: ns, for tests.

    Raises:
        TypeError: an argument is of another type, or a coroutine function.
    """

    def __init__(
        self,
        config: Config,
        *,
        store: Store | None = None,
        metrics: Metrics | Registry | None = None,
        health: Callable[[], object] | None = None,
        clock: Clock = now_ns,
    ) -> None:
        arguments.check_type("config", config, Config, "a Config")
        arguments.check_type("metrics", metrics, (Metrics, Registry, type(None)), "a Metrics or a CollectorRegistry")
        if store is not None:
            arguments.check_members("store", store, Store, "a Store")
        if health is not None:
            arguments.check_callable("health", health)
        arguments.check_callable("clock", clock)
        self.config = config
        self._series = Series(metrics, lambda: sample(self._context, self._runtime), clock)
        self.metrics = self._series.metrics
        self._store = store
        self._hook = health
        self._context = NodeContext(config, clock)
        self._dispatcher = Dispatcher(self._acknowledge)
        self._dispatcher.tap(EventLog(), is_last=True)
        self._elections: dict[str, Election] = {}
        self._lock = threading.RLock()
        self._runtime: NodeThreads | None = None
        self._http: HttpServer | None = None
        self._turning = threading.RLock()
        self._lifecycle = LifecycleThread(self._begin, self._end)
        super().__init__(self.election(DEFAULT_ELECTION))

    def __repr__(self) -> str:
        return f"<Node {self.config.node!r} of cluster {self.config.cluster!r}: {self.state}>"

    def __enter__(self) -> Self:
        if self._context.state not in (Lifecycle.RUNNING, Lifecycle.FORKED):
            self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._context.state is not Lifecycle.FORKED:
            self.stop()

    def start(self) -> Self:
        """Open the store, listen, begin to take part. Once; a start that raises leaves nothing, and may be tried again.

        Raises:
            ConfigError: its keys or certificates can't be used, or it has none and would listen beyond loopback.
            BindError: an address can't be listened on.
            StoreError: the data directory can't be used.
            IdentityError: the store is another node's.
            ValueError: the registry in `metrics` has another node's series.
            RuntimeError: gevent or eventlet has replaced threads, sockets or queues in this process.
            ThreadError: the system has no thread to give.
            Stopped: it was started or stopped before, or is stopped meanwhile.
            Forked: it was made in this process's parent.
        """
        with self._lock:
            state = self._context.state
            if state is not Lifecycle.NEW:
                raise self._context.refusal(state) from self._context.failure
            check_native()
            self._lifecycle = lifecycle = LifecycleThread(self._begin, self._end)
            thread = OwnThread(lifecycle.run, name="elect-stop", on_death=self._die)
            try:
                thread.start()
                lifecycle.begun.wait()
            except BaseException:  # Ctrl-C, or there is no thread
                if thread in threading.enumerate():
                    self._turn(Lifecycle.STOPPING)
                    lifecycle.cancel(STOP_TIMEOUT_S)
                self._series.unregister()
                raise
            if lifecycle.error is not None:
                raise lifecycle.error
        return self

    def stop(self, timeout: float | None = STOP_TIMEOUT_S, resign: bool = True) -> bool:
        """Resign, say goodbye, close everything. Idempotent, from any thread, and never much longer than `timeout`.

        A thread of the node does it, also when this call is interrupted. In a callback it only begins: callbacks still
        hear of what is lost, after this one returned.

        Args:
            timeout: seconds for all of it; None for ever; 0: begin, and don't wait.
            resign: tell the others, who then elect at once. Otherwise they find out.

        Returns:
            Whether everything has ended: a callback, a hook or work of the application's may not. Call again then.

        Raises:
            TypeError, ValueError: `timeout` is no number of seconds, or below 0.
            Forked: it runs in this process's parent.
        """
        seconds = arguments.bounded_seconds("timeout", timeout)
        request = StopRequest(
            deadline=Deadline(seconds or STOP_TIMEOUT_S), is_resigning=arguments.flag("resign", resign)
        )
        if self._context.state is Lifecycle.FORKED:
            raise Forked(self.config.node)
        self._turn(Lifecycle.STOPPING)
        self._lifecycle.ask(request)
        if self._dispatcher.is_current:
            return False
        request.over.wait(seconds)
        flush(min(FLUSH_S, seconds))
        return self._lifecycle.is_done

    def election(self, name: str = DEFAULT_ELECTION) -> Election:
        """The handle of an election; this node stands in it from now on.

        Raises:
            TypeError, ValueError: it is no name: 1 to 64 printable ASCII characters.
            Stopped: the node does not run any more.
            Forked: it runs in this process's parent.
        """
        name = arguments.text("name", name)
        check_name("name", name)
        with self._lock:
            election = self._elections.get(name)
            if election is None:
                self._context.check_living()
                election = Election(name, self._context, self._dispatcher, self._spawn)
                self._elections[name] = election
                if self._context.state is Lifecycle.RUNNING:
                    election.standing.start()
        return election

    def find_election(self, name: str) -> Election | None:
        """The handle of an election that was made here before, or None."""
        return self._elections.get(name)

    def observe(self, tap: Callable[[Event], object]) -> None:
        """Give every event of the core to this callable, in order, on the callbacks' thread and before them."""
        arguments.check_callable("tap", tap)
        self._context.check_living()
        self._dispatcher.tap(tap)

    @property
    def state(self) -> str:
        """new, running, stopping, stopped; or failed (a thread of ours died), or forked."""
        return self._context.state.value

    @property
    def failure(self) -> BaseException | None:
        """What a thread of ours died of, if one did."""
        return self._context.failure

    @property
    def is_alive(self) -> bool:
        """Whether it was started and not stopped, and all its threads live."""
        return self._context.state is Lifecycle.RUNNING and all(self.threads.values())

    @property
    def threads(self) -> dict[str, bool]:
        """Whether each thread without which it is nothing lives."""
        return {} if self._runtime is None else self._runtime.threads

    @property
    def loop_lag_ns(self) -> int:
        """By how much the protocol's thread is late now."""
        return 0 if self._runtime is None else self._runtime.orchestrator.lag_ns

    @property
    def address(self) -> Address:
        """Where it listens; after start with the real port."""
        return self.config.listen_address if self._runtime is None else self._runtime.links.address

    @property
    def http_address(self) -> Address | None:
        """Where it serves HTTP; after start with the real port."""
        return self.config.http_address if self._http is None else self._http.address

    def status(self) -> Status:
        """Everything, at one moment; without the protocol's part when its thread does not answer within a second."""
        if self._context.state is Lifecycle.FORKED:
            raise Forked(self.config.node)
        views: list[ElectorSnapshot] = []
        if self._context.state is Lifecycle.RUNNING:
            self._context.post(commands.look(views)).wait(STATUS_TIMEOUT_S)
        return Status.of(self.config.node, views[0] if views else None, surroundings(self._context, self._runtime))

    def pause(self, timeout: float | None = None) -> None:
        """Take no part in any election as a candidate until `resume`; what is led is resigned.

        Args:
            timeout: seconds; None for ever, 0 once. What was begun goes on.

        Raises:
            TypeError, ValueError: `timeout` is no number of seconds, or below 0.
            LeadershipTimeout: it was not done in time.
            Stopped, Forked: the node does not run, or in this process's parent.
        """
        self._context.do(commands.set_paused(is_paused=True), "the pause", timeout)

    def resume(self, timeout: float | None = None) -> None:
        """Take part again; see `pause`."""
        self._context.do(commands.set_paused(is_paused=False), "the end of the pause", timeout)

    def forget(self, node_id: str, timeout: float | None = None) -> None:
        """Take a voter back that has lost its votes, under whatever store it has next; `audit.log` says so.

        Say so on every other node, and only when nothing that the voter voted for leads any more: it may vote a second
        time in a term. A new id for it is always safe.

        Args:
            node_id: the voter's id.
            timeout: seconds; None for ever, 0 once.

        Raises:
            ValueError: `node_id` is not another voter.
            LeadershipTimeout, Stopped, Forked: see `pause`.
        """
        self._context.do(commands.forget(arguments.text("node_id", node_id)), "the forgetting", timeout)
        assert self._runtime is not None
        self._runtime.links.forget(node_id)
        audit.record(self.config.data_dir, f"node {self.config.node} forgot the store of voter {node_id}")

    def abandon(self) -> None:
        """In a forked child: lead nothing, close the copies of the sockets. Called by itself."""
        self._context.abandon()
        self._lock = self._turning = threading.RLock()
        for election in list(self._elections.values()):
            election.standing.abandon()
        for part in (self._runtime, self._http):
            if part is not None:
                part.abandon()

    def _spawn(self, work: Callable[[], None], name: str) -> OwnThread:
        assert self._runtime is not None
        return self._runtime.spawn(work, name)

    def _acknowledge(self, election: str, term: int) -> None:
        self._context.inbox.put(PendingCommand(commands.acknowledge(election, term)))

    def _begin(self) -> None:
        """Start, or leave nothing; on the thread that ends the node, too."""
        try:
            self._begin_all()
        except BaseException:
            self._undo_start()
            raise

    def _begin_all(self) -> None:
        fill_standard()
        self._series.register()
        self._runtime = runtime = NodeThreads(
            self._context,
            self._dispatcher,
            store=SqliteStore(self.config.data_dir) if self._store is None else self._store,
            metrics=self.metrics,
            meter=self._series.meter,
            hook=self._hook,
            on_death=self._die,
        )
        if (address := self.config.http_address) is not None:
            # Imported here: a program that serves no HTTP need not hold a server in memory.
            from elect.web.server import serve  # noqa: PLC0415

            self._http = serve(self, address)
        fork.guard(self)
        if not self._turn(Lifecycle.RUNNING):  # it was stopped meanwhile
            raise self._context.refusal(Lifecycle.STOPPING)
        if self._http is not None:
            self._http.start()
        runtime.start()
        for election in list(self._elections.values()):
            election.standing.start()
        warn_of_insecurity(self.config)
        warn_of_loopback(self.config)
        logger.info("* node %s of %s listens on %s", self.config.node, self.config.cluster, runtime.links.address)
        self._context.check_running()

    def _undo_start(self) -> None:
        """Leave nothing of a start that failed; it may be tried again, unless the node was stopped meanwhile."""
        is_to_be_new = self._context.state is Lifecycle.NEW or self._turn(Lifecycle.STOPPING)
        is_done = self._close(StopRequest(deadline=Deadline(STOP_TIMEOUT_S), is_resigning=False))
        if is_done:
            self._lifecycle.close()
            self._runtime = self._http = None
            if is_to_be_new:
                self._dispatcher.reopen()
                self._context.renew()
        if self._context.state is Lifecycle.STOPPING:
            self._context.state = Lifecycle.STOPPED

    def _turn(self, state: Lifecycle) -> bool:
        """Take this turn in the node's life, if it comes next; whether it does."""
        with self._turning, self._context.changing():
            before = self._context.state
            if before is Lifecycle.NEW and state is not Lifecycle.RUNNING:
                self._context.detail = "before it was started"
                self._context.state = Lifecycle.STOPPED
                self._lifecycle.close()
                self._series.unregister()
            elif before is (Lifecycle.NEW if state is Lifecycle.RUNNING else Lifecycle.RUNNING):
                self._context.state = state
                return True
            return False

    def _end(self, request: StopRequest) -> bool:
        """Make an attempt to end everything; whether it has ended. On a thread of its own."""
        runtime = self._runtime
        if runtime is not None and request.is_resigning:
            runtime.resign(request.deadline)
        is_done = self._close(request)
        with self._context.changing():
            if self._context.state is Lifecycle.STOPPING:
                self._context.state = Lifecycle.STOPPED
                logger.info("* node %s is stopped", self.config.node)
        return is_done

    def _close(self, request: StopRequest) -> bool:
        self._context.leases.close()
        is_http_done = self._http is None or self._http.stop(request.deadline.remaining_s)
        is_done = self._runtime is None or self._runtime.stop(request.deadline, request.asker)
        fork.release(self)
        self._series.unregister()
        return is_done and is_http_done

    def _die(self, name: str, error: BaseException) -> None:
        """A thread of ours died: lead nothing from now on, and stop the rest; a half-dead node is the worst state."""
        self._context.leases.close()
        if self._turn(Lifecycle.FAILED):
            self._context.failure = error
            self._context.detail = f"thread {name} died: {text_of(error)}"
            self._lifecycle.ask(StopRequest(deadline=Deadline(STOP_TIMEOUT_S), is_resigning=False))
            logger.critical("! node %s goes down: thread %s died: %r", self.config.node, name, error)
        harmless(self.metrics.count_bug)()
