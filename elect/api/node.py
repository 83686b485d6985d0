"""One node of a cluster, which the application makes, starts and stops."""

import threading
from collections.abc import Callable
from typing import Self

from elect.api.candidacy import Candidacy
from elect.api.election import Election
from elect.api.members import Members
from elect.api.site_node import SiteNode
from elect.bridge import commands
from elect.bridge.dispatcher import Dispatcher
from elect.bridge.member_changer import MemberChanger
from elect.bridge.node_context import Lifecycle, NodeContext
from elect.bridge.publisher import EventLog
from elect.clock import Clock, now_ns
from elect.config.config import Config
from elect.core.changes import Change, RemoveMember, changed
from elect.core.configuration import Configuration
from elect.core.events import Event
from elect.core.messages import check_name
from elect.core.state.node_state import DEFAULT_ELECTION
from elect.errors import Forked, StoreGone
from elect.monitoring.member_phase import MemberPhase
from elect.monitoring.metrics import Metrics, MetricsRegistration, Registry, Sample
from elect.runtime import fork
from elect.runtime.assembly import NodeCalls, NodeThreads
from elect.runtime.lifecycle_thread import LifecycleThread, StopRequest
from elect.runtime.node_credentials import warn_of_exposure
from elect.runtime.sampling import sample
from elect.runtime.threads import OwnThread
from elect.storage.data_lock import fill_standard
from elect.storage.sqlite import SqliteStore
from elect.storage.store import Store
from wire.common import arguments
from wire.common.deadline import Deadline
from wire.common.log import FLUSH_S, Log, flush, harmless, text_of
from wire.common.native import check_native

logger = Log(__name__)

STOP_TIMEOUT_S = 2.0
LEAVE_TIMEOUT_S = 30.0
"""For the grace of the application, the next election and a change of the members."""


class Node(SiteNode):
    """A member of one cluster, and the handle of the election "default". The constructor starts nothing.

        with Node(Config.load("node.toml")) as node:
            node.run(work)
            server.serve_forever()

    `pause` and `resume` of a node are about all elections; those of `node.election("default")` about that one alone.

    A signal handler may call `is_leader`, `leadership`, `leader`, `subscribe`, `Leadership.resign`,
    `set_offset`, `set_priority`, `resign(timeout=0)` and `stop(timeout=0)`, whatever call it interrupts. It may also
    call `pause`, `resume` and `status`, which wait only for a thread of the node. Other calls that wait need a
    `timeout` there: a callback may wait for a lock that the interrupted thread holds. A handler must not call `start`,
    `run`, `lead`, `metrics` or anything that serves HTTP.

    Args:
        config: the settings.
        store: of the votes; default: SQLite in `config.data_dir`.
        metrics: a Metrics or a Prometheus registry; default: a new registry. A given one has the series of one node at
            a time, from its start to its stop.
        health: called at every heartbeat interval on a thread of its own. While it returns a false value, raises, or
            takes longer than `support_duration`, this node does not lead.
        clock: returns the time in ns, for tests.

    Raises:
        TypeError: an argument has a wrong type, or is a coroutine function.
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
        self._registration = MetricsRegistration(metrics, self._sample, clock)
        self.metrics = self._registration.metrics
        self._store = store
        self._hook = health
        self._pause = commands.Pause()
        self._lock = threading.RLock()
        self._state_lock = threading.RLock()
        self._lifecycle = LifecycleThread(self._begin, self._end)
        context = NodeContext(config, clock)
        dispatcher = Dispatcher(context.acknowledge)
        super().__init__(Candidacy(DEFAULT_ELECTION, context.post), context, dispatcher, self._start_thread)
        # The node's own pause() and resume() are of all elections, those of this handle of the default one alone.
        default = Election(self.candidacy, context, dispatcher, self._start_thread)
        self._elections = {DEFAULT_ELECTION: default}
        self._changer = MemberChanger(context, self.metrics.count_change)
        self.members = Members(context, self._change_members, self.status, lambda: self.leader)
        """The members of the cluster, and their changes."""
        dispatcher.tap(EventLog(config.node), f"the log of node {config.node}", is_last=True)

    def __repr__(self) -> str:
        return f"<Node {self.config.node!r} of cluster {self.config.cluster!r}: {self.state}>"

    def __enter__(self) -> Self:
        if self._context.state is not Lifecycle.RUNNING:
            self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._context.state is not Lifecycle.FORKED:
            self.stop()

    def start(self) -> Self:
        """Open the store, listen, and take part in elections. A node starts once; after an exception, start it again.

        Raises:
            ConfigError: the keys or certificates cannot be used.
            BindError: the node cannot listen on an address.
            StoreError: the data directory cannot be used.
            IdentityError: the store belongs to another node.
            ValueError: the registry in `metrics` has the series of another node.
            RuntimeError: gevent or eventlet has replaced threads, sockets, queues or select in this process.
            ThreadError: the system cannot start a thread.
            Stopped: the node was started or stopped before, or was stopped meanwhile.
            Forked: the node runs in the process that this one was forked from.
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
                    self._enter(Lifecycle.STOPPING)
                    lifecycle.cancel(STOP_TIMEOUT_S)
                self._registration.unregister()
                raise
            if lifecycle.error is not None:
                raise lifecycle.error
        return self

    def stop(self, timeout: float | None = STOP_TIMEOUT_S, resign: bool = True) -> bool:
        """Resign, close all links, and end all threads. Idempotent; any thread may call it.

        A thread of the node does the work, also when this call is interrupted. Inside a callback this call does not
        wait: further callbacks report the losses.

        Args:
            timeout: seconds for all of it, 0 or more; None waits without limit; 0 begins and does not wait.
            resign: True resigns first, so that another node leads at once. False makes the others wait.

        Returns:
            Whether everything has ended. A callback, hook or work that still runs is then waited for in the background.

        Raises:
            TypeError, ValueError: `timeout` is no number or below 0, or `resign` is no bool.
            Forked: the node runs in the process that this one was forked from.
        """
        seconds = arguments.bounded_seconds("timeout", timeout)
        request = StopRequest(
            deadline=Deadline(seconds or STOP_TIMEOUT_S), is_resigning=arguments.flag("resign", resign)
        )
        if self._context.state is Lifecycle.FORKED:
            raise Forked(self.config.node)
        self._enter(Lifecycle.STOPPING)
        self._lifecycle.request_stop(request)
        if self._dispatcher.is_current:
            return False
        request.over.wait(seconds)
        flush(min(FLUSH_S, seconds))
        return self._lifecycle.is_done

    def leave(self, timeout: float | None = LEAVE_TIMEOUT_S) -> bool:
        """Leave the cluster for good: hand over what this node leads, be removed from the members, and stop.

        If the leader refuses it, or it is not done in time, this node takes part as before.

        Args:
            timeout: seconds for all of it, above 0; None waits without limit.

        Returns:
            Whether everything has ended, as `stop` does.

        Raises:
            TypeError, ValueError: `timeout` is no number, or not above 0.
            ChangeRefused: this node is the last voter, or too few live voters would be left.
            LeadershipTimeout: it was not done in time; the removal may still be made.
            Stopped: the node does not run.
            Forked: the node runs in the process that this one was forked from.
        """
        seconds = arguments.bounded_seconds("timeout", timeout)
        if not seconds:
            raise ValueError("timeout is 0; a leave takes some seconds: give a number above 0")
        context, deadline = self._context, Deadline(seconds)
        context.check_running()
        assert self._runtime is not None
        if context.configuration.member(context.node_id) is not None:
            changed(context.configuration, RemoveMember(node_id=context.node_id))  # refuses the last voter
            context.lifecycle.enter(MemberPhase.LEAVING)
            try:
                context.do(self._pause.set_leaving(is_leaving=True), "the pause", deadline.remaining_s)
                self._runtime.leave(deadline.remaining_s)
            except BaseException:
                context.post(self._pause.set_leaving(is_leaving=False))
                context.lifecycle.stay(context.configuration, context.store_id)
                raise
            context.lifecycle.enter(MemberPhase.REMOVED)
        return self.stop(max(deadline.remaining_s, STOP_TIMEOUT_S))

    def election(self, name: str = DEFAULT_ELECTION) -> Election:
        """Return the handle of an election, in which this node is a candidate from now on.

        Args:
            name: 1 to 64 printable ASCII characters.

        Raises:
            TypeError, ValueError: `name` is not such a text.
            Stopped: the node no longer runs.
            Forked: the node runs in the process that this one was forked from.
        """
        name = arguments.text("name", name)
        check_name("name", name)
        with self._lock:
            self._context.check_living()
            election = self._elections.get(name)
            if election is None:
                candidacy = Candidacy(name, self._context.post)
                election = Election(candidacy, self._context, self._dispatcher, self._start_thread)
                self._elections[name] = election
                if self._context.state is Lifecycle.RUNNING:
                    election.candidacy.start()
        return election

    def find_election(self, name: str) -> Election | None:
        """Return the handle of an election that `election` made before, or None."""
        return self._elections.get(name)

    def observe(self, tap: Callable[[Event], object]) -> None:
        """Call `tap` with every event of the core, in order, on the dispatcher thread and before the callbacks."""
        arguments.check_callable("tap", tap)
        self._context.check_living()
        self._dispatcher.tap(tap, f"an event tap of node {self.config.node}")

    def pause(self, timeout: float | None = None) -> None:
        """Stop being a candidate in every election until `resume`; resign what this node leads.

        Args:
            timeout: as in `Election.pause`, which raises the same errors.
        """
        self._context.do(self._pause.set_wanted(is_wanted=True), "the pause", timeout)

    def resume(self, timeout: float | None = None) -> None:
        """Be a candidate again. Takes and raises the same as `pause`."""
        self._context.do(self._pause.set_wanted(is_wanted=False), "the end of the pause", timeout)

    def become_forked(self) -> None:
        """In a forked child, lead nothing and refuse every call; the at-fork hook calls it."""
        self._context.become_forked()
        self._lock = self._state_lock = threading.RLock()  # a thread that does not exist here may hold the former ones

    def _start_thread(self, work: Callable[[], None], name: str) -> OwnThread:
        assert self._runtime is not None
        return self._runtime.spawn(work, name)

    def _begin(self) -> None:
        """Start everything, or undo it all; on the thread that also ends the node."""
        try:
            self._begin_all()
        except BaseException:
            self._undo_start()
            raise

    def _begin_all(self) -> None:
        fill_standard()
        self._registration.register()
        self._runtime = runtime = NodeThreads(
            self._context,
            self._dispatcher,
            store=SqliteStore(self.config.data_dir) if self._store is None else self._store,
            metrics=self.metrics,
            meter=self._registration.meter,
            calls=NodeCalls(
                hook=self._hook,
                change=self._changer.change,
                promote=self._changer.promote,
                on_death=self._die,
                on_refused=lambda error: self._fail(error, str(error)),
            ),
        )
        if (address := self.config.http_address) is not None:
            # Imported here: a program that serves no HTTP need not hold a server in memory.
            from elect.web import application  # noqa: PLC0415
            from elect.web.server import HttpServer  # noqa: PLC0415

            self._http = HttpServer(address, application(self))
        fork.register(self)
        if not self._enter(Lifecycle.RUNNING):  # it was stopped meanwhile
            raise self._context.refusal(Lifecycle.STOPPING)
        if self._http is not None:
            self._http.start()
        runtime.start()
        for election in list(self._elections.values()):
            election.candidacy.start()
        warn_of_exposure(self.config)
        logger.info("* node %s of %s listens on %s", self.config.node, self.config.cluster, runtime.links.address)
        self._context.install(self._context.configuration)
        self._context.check_running()

    def _undo_start(self) -> None:
        """Undo a start that failed. The node is new again, unless it was stopped meanwhile."""
        is_to_be_new = self._context.state is Lifecycle.NEW or self._enter(Lifecycle.STOPPING)
        is_done = self._close(StopRequest(deadline=Deadline(STOP_TIMEOUT_S), is_resigning=False))
        if is_done:
            self._lifecycle.close()
            self._runtime = self._http = None
            if is_to_be_new:
                self._dispatcher.reopen()
                self._context.renew()
        if self._context.state is Lifecycle.STOPPING:
            self._context.state = Lifecycle.STOPPED

    def _enter(self, state: Lifecycle) -> bool:
        """Enter this state if it follows the present one; return whether it does."""
        with self._state_lock, self._context.changing():
            before = self._context.state
            if before is Lifecycle.NEW and state is not Lifecycle.RUNNING:
                self._context.detail = "before it was started"
                self._context.state = Lifecycle.STOPPED
                self._lifecycle.close()
                self._registration.unregister()
            elif before is (Lifecycle.NEW if state is Lifecycle.RUNNING else Lifecycle.RUNNING):
                self._context.state = state
                return True
            return False

    def _sample(self) -> Sample:
        candidacies = {name for name, election in list(self._elections.items()) if election.candidacy.is_entered}
        return sample(self._context, self._runtime, candidacies)

    def _change_members(self, change: Change, timeout: float | None) -> Configuration:
        self._context.check_running()
        assert self._runtime is not None
        return self._runtime.changes.change(change, timeout)

    def _end(self, request: StopRequest) -> bool:
        """Try to end everything; return whether it has ended. On a thread of its own."""
        if self._runtime is not None and request.is_resigning:
            self._runtime.resign(request.deadline)
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
        fork.unregister(self)
        self._registration.unregister()
        return is_done and is_http_done

    def _die(self, name: str, error: BaseException) -> None:
        """End the node, as one of its threads died: it must not run on with a part of them."""
        detail = str(error) if isinstance(error, StoreGone) else f"thread {name} died: {text_of(error)}"
        if self._fail(error, detail):
            logger.critical("! node %s stops: %s", self.config.node, detail)
        if not isinstance(error, StoreGone):  # which is no bug
            harmless(self.metrics.count_bug)()

    def _fail(self, error: BaseException, detail: str) -> bool:
        """Stop leading and end the node; return whether it ran until now."""
        self._context.leases.close()
        with self._state_lock:
            if self._context.state is Lifecycle.RUNNING:  # first: who sees that it has failed also sees why
                self._context.failure, self._context.detail = error, detail
            if not self._enter(Lifecycle.FAILED):
                return False
        for call in self._context.failure_calls:
            harmless(call)()
        # Before the watchers are called: a node must end whatever they do.
        self._lifecycle.request_stop(StopRequest(deadline=Deadline(STOP_TIMEOUT_S), is_resigning=False))
        self._context.lifecycle.enter(MemberPhase.FAILED, reason=detail)
        return True
