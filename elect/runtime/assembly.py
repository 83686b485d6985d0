"""The parts that run between a node's start and its stop: store, links, threads; put together here and nowhere else."""

import random
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from elect.bridge import commands
from elect.bridge.admission import Admission
from elect.bridge.dispatcher import Dispatcher
from elect.bridge.health_checks import Health
from elect.bridge.node_context import Lifecycle, NodeContext
from elect.bridge.publisher import Publisher
from elect.config.config import Config
from elect.core.elector import Elector
from elect.core.messages import Standing
from elect.core.options import Configuration, Durable, ElectorOptions, OffsetRule, Timing
from elect.monitoring import audit
from elect.runtime.heartbeat_coalescer import HeartbeatCoalescer
from elect.runtime.node_credentials import load_security
from elect.runtime.orchestrator import Orchestrator
from elect.runtime.peer_links import PeerLinks
from elect.runtime.shutdown import ShutdownHandover
from elect.runtime.step_counts import StepCounts
from elect.runtime.threads import OnDeath, OwnThread, WorkThread, starting
from elect.storage.journal import Journal, JournalEvent
from elect.storage.store import Store, StoreContent
from wire.common.deadline import Deadline

if TYPE_CHECKING:
    from elect.monitoring.metrics import Metrics
    from wire.io.meter import Meter

HANDOVER_S = 0.1
"""For a successor: its election takes two round trips. Without one, what left before a close arrives in any case."""

STOP_SHARE = 0.5
"""The share of a stop's time for the application to acknowledge its losses; the rest is for sockets, disk, threads."""


class ThreadGone(RuntimeError):  # noqa: N818 - it is what happened, and ends in the log
    """A thread of the node has ended without a report."""


class NodeThreads:
    """The running half of a node.

    Args:
        context: the state that its parts share.
        dispatcher: of the callbacks.
        store: of the votes.
        metrics: count the steps and events of the node.
        meter: counts what the links send and receive.
        hook: the application's health hook, or None.
        on_death: called when a thread of the node dies.
    """

    def __init__(
        self,
        context: NodeContext,
        dispatcher: Dispatcher,
        *,
        store: Store,
        metrics: "Metrics",
        meter: "Meter",
        hook: Callable[[], object] | None,
        on_death: OnDeath,
    ) -> None:
        self._context = context
        self._dispatcher = dispatcher
        self._on_death = on_death
        config = context.config
        security = load_security(config)
        coalescer = HeartbeatCoalescer(
            heartbeat_interval_ns=config.heartbeat_interval_ns,
            support_duration_ns=config.support_duration_ns,
            clock=context.clock,
            put=context.inbox.put,
        )
        with ExitStack() as undo:
            undo.callback(store.close)
            opened = _open(store, config)
            admission = Admission(config, opened.meetings, context.clock, context.inbox.put)
            self.links = PeerLinks(
                config,
                opened=opened,
                admission=admission,
                deliver=coalescer.deliver,
                pace=context.inbox.pace,
                security=security,
                meter=meter,
            )
            undo.callback(self.links.stop, 0)
            self.links.open()
            self._assemble(store, opened, coalescer, metrics, hook)
            undo.pop_all()

    def _assemble(
        self,
        store: Store,
        opened: StoreContent,
        coalescer: HeartbeatCoalescer,
        metrics: "Metrics",
        hook: Callable[[], object] | None,
    ) -> None:
        context, dispatcher = self._context, self._dispatcher
        self.journal = Journal(store, self._note_written)
        self.publisher = Publisher(context, dispatcher.dispatch, self.links.profile)
        self.orchestrator = Orchestrator(
            context,
            _elector(context, opened),
            coalescer=coalescer,
            journal=self.journal,
            links=self.links,
            publisher=self.publisher,
            observer=StepCounts(metrics),
            check=self._check,
        )
        self._orchestrator_thread = self._thread(self.orchestrator.run, "elect-orchestrator")
        self._events = self._thread(dispatcher.run, "elect-events")
        self._asking = self._health(hook)
        self._runs: list[OwnThread] = []

    def start(self) -> None:
        """Start the threads.

        Raises:
            ThreadError: a thread cannot be had; the others are left to `stop`.
        """
        with starting("elect-journal"):
            self.journal.start()
        self._events.start()
        if self._asking is not None:
            self._asking.start()
        self.links.start()
        self._orchestrator_thread.start()  # last: it checks the others

    def spawn(self, work: Callable[[], None], name: str) -> OwnThread:
        """Start a thread that ends with the node.

        Raises:
            ThreadError: it cannot be had.
        """
        thread = self._thread(work, name)
        self._runs = [*(each for each in self._runs if each.is_alive()), thread]
        thread.start()
        return thread

    @property
    def threads(self) -> dict[str, bool]:
        """Return each thread that the node needs, and whether it is alive."""
        own = [self._orchestrator_thread, self._events, *([] if self._asking is None else [self._asking])]
        lives = {thread.name: thread.is_alive() for thread in own}
        return {**lives, "elect-journal": self.journal.is_alive, **self.links.threads}

    def resign(self, deadline: Deadline) -> None:
        """Resign everything, and wait until the application and the peers know it, or the time is over."""
        handover, share = ShutdownHandover(), Deadline(deadline.remaining_s * STOP_SHARE)
        command = self.orchestrator.begin_handover(handover)
        command.wait(share.remaining_s)
        if command.is_done and handover.resigned.wait(share.remaining_s):
            handover.succeeded.wait(min(HANDOVER_S, deadline.remaining_s))

    def stop(self, deadline: Deadline, asker: threading.Thread) -> bool:
        """Close and end everything, shared parts last; return whether all of it was done in time.

        Args:
            deadline: of all of it.
            asker: the thread that waits for this, and is not waited for. May be called again.
        """
        self._context.leases.close()
        is_done = [self.links.stop(deadline.remaining_s)]
        if self._context.health is not None:
            self._context.health.stop()
        self.orchestrator.stop()
        is_done.append(self._orchestrator_thread.finish(deadline.remaining_s, asker))
        if is_done[-1]:  # else it has yet to read that it is to end
            self._context.inbox.close()
        is_done.append(self.journal.stop(deadline.remaining_s))
        self.publisher.close()
        self._dispatcher.close()
        runs = [] if isinstance(asker, WorkThread) else self._runs  # it would wait for itself
        threads = [self._events, *runs, *([] if self._asking is None else [self._asking])]
        is_done += [thread.finish(deadline.remaining_s, asker) for thread in threads]
        return all(is_done)

    def _thread(self, work: Callable[[], None], name: str) -> OwnThread:
        return OwnThread(work, name=name, on_death=self._on_death)

    def _note_written(self, event: JournalEvent) -> None:
        self.orchestrator.send_written(event)
        self._context.inbox.put(event)

    def _check(self) -> None:
        if self._context.state is not Lifecycle.RUNNING:  # threads end in their order now
            return
        for name, is_alive in self.threads.items():
            if not is_alive:
                raise ThreadGone(name)

    def _health(self, hook: Callable[[], object] | None) -> OwnThread | None:
        if hook is None:
            return None
        context, config = self._context, self._context.config
        context.health = Health(
            hook,
            interval_ns=config.heartbeat_interval_ns,
            late_ns=config.support_duration_ns,
            clock=context.clock,
            on_change=lambda: context.post(commands.tick()),
        )
        return self._thread(context.health.run, "elect-health")


def _open(store: Store, config: Config) -> StoreContent:
    """Open the store, and write down that its list of voters was replaced, if it was."""
    opened = store.open(
        cluster=config.cluster,
        node_id=config.node,
        promise_ns=config.support_duration_ns,
        voters=config.voters,
        is_replacing_voters=config.replace_peers,
    )
    if opened.former_voters:
        change = f"{' '.join(opened.former_voters)} -> {' '.join(sorted(config.voters))}"
        audit.record(config.data_dir, f"node {config.node} replaced its list of voters: {change}")
    return opened


def _elector(context: NodeContext, opened: StoreContent) -> Elector:
    """Return the elector, with what the configuration and the store say."""
    config = context.config
    options = ElectorOptions(
        node_id=config.node,
        configuration=Configuration.initial(config.voters),
        timing=Timing(
            heartbeat_interval_ns=config.heartbeat_interval_ns,
            support_duration_ns=config.support_duration_ns,
            drift_ppm=config.drift_ppm,
        ),
        rank=Standing(priority=config.priority),
        offset_rule=OffsetRule(config.offset_rule),
        grace_ns=config.grace_ns,
        failback_ns=config.failback_ns,
        is_default_failed_back=config.is_default_failed_back,
    )
    durable = Durable(
        incarnation=opened.incarnation, promise_ns=opened.promise_ns, ballots=opened.ballots, meetings=opened.meetings
    )
    # Not that of the system: each number from there gives the interpreter to another thread.
    rng = random.Random()  # noqa: S311 - it spreads candidates in time and hides nothing
    return Elector(options=options, durable=durable, rng=rng, now=context.clock())
