"""The parts that run between a node's start and its stop: store, links, threads; put together here and nowhere else."""

import random
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from elect.bridge import commands
from elect.bridge.admission import Admission
from elect.bridge.dispatcher import Dispatcher, PublishedEvent
from elect.bridge.health_checks import Health
from elect.bridge.node_context import Lifecycle, NodeContext
from elect.bridge.publisher import Publisher
from elect.core.elector import Elector
from elect.core.messages import Standing
from elect.core.options import Durable, ElectorOptions, OffsetRule, Timing
from elect.errors import JoinError
from elect.joining.join_server import JoinServer
from elect.joining.member_kinds import difference
from elect.monitoring.member_phase import MemberPhase
from elect.observing.client_service import ClientService
from elect.runtime.heartbeat_coalescer import HeartbeatCoalescer
from elect.runtime.join_ends import (
    ChangeMembers,
    ServedMember,
    leave_cluster,
    make_change_client,
    make_join_client,
    make_join_tokens,
)
from elect.runtime.node_credentials import check_first_token, load_security
from elect.runtime.orchestrator import Orchestrator
from elect.runtime.own_changes import OwnChanges
from elect.runtime.peer_links import PeerLinks
from elect.runtime.shutdown import ShutdownHandover
from elect.runtime.step_counts import StepCounts
from elect.runtime.threads import OnDeath, OwnThread, WorkThread, starting
from elect.sites.seal_requests import SealRequests
from elect.sites.site_mirror import PromoteCluster, SiteMirror
from elect.sites.site_promoter import SitePromoter
from elect.storage.journal import Journal, JournalEvent
from elect.storage.store import Store, StoreContent
from wire.common.deadline import Deadline
from wire.common.log import Log, harmless, release_held
from wire.io.link_events import Event

if TYPE_CHECKING:
    from elect.monitoring.metrics import Metrics
    from wire.io.meter import Meter

logger = Log(__name__)

HANDOVER_S = 0.1
"""For a successor: its election takes two round trips. Without one, what left before a close arrives in any case."""

STOP_SHARE = 0.5
"""The share of a stop's time for the application to acknowledge its losses; the rest is for sockets, disk, threads."""


class ThreadGone(RuntimeError):  # noqa: N818 - it is what happened, and ends in the log
    """A thread of the node has ended without a report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCalls:
    """The functions that the running half calls.

    Attributes:
        hook: the application's health hook, or None.
        change: changes the members.
        promote: makes a standby cluster an active one.
        on_death: called when a thread of the node dies.
        on_refused: called when the node cannot become a member of a cluster.
    """

    hook: Callable[[], object] | None
    change: ChangeMembers
    promote: PromoteCluster
    on_death: OnDeath
    on_refused: Callable[[JoinError], object]


class NodeThreads:
    """The running half of a node.

    Args:
        context: the state that its parts share.
        dispatcher: of the callbacks.
        store: of the votes.
        metrics: count the steps and events of the node.
        meter: counts what the links send and receive.
        calls: the functions of the other half.
    """

    def __init__(
        self,
        context: NodeContext,
        dispatcher: Dispatcher,
        *,
        store: Store,
        metrics: "Metrics",
        meter: "Meter",
        calls: NodeCalls,
    ) -> None:
        self._context = context
        self._dispatcher = dispatcher
        self._calls = calls
        security = load_security(context.config)
        check_first_token(context.config)
        self._coalescer = _coalescer(context)
        with ExitStack() as undo:
            undo.callback(store.close)
            opened = _open(store, context)
            self.clients = ClientService(
                context,
                profile=lambda node_id: self.links.profile(node_id),  # noqa: PLW0108 - it is made below
                count_refused=harmless(metrics.count_refused),
                count_mirror_refused=harmless(metrics.count_mirror_refused),
                on_seal=lambda *asked: self._seals.ask(*asked),  # noqa: PLW0108 - it is made below
            )
            self.links = PeerLinks(
                context,
                opened=opened,
                admission=_admission(context, opened),
                deliver=self._deliver,
                security=security,
                meter=meter,
                share=self.clients.share,
            )
            undo.callback(self.links.stop, 0)
            undo.callback(self.clients.stop, 0)
            served = ServedMember(context, self.links, calls.change)
            self._joins = JoinServer(served, self.links.answer, tokens=make_join_tokens(context.config))
            self.changes = make_change_client(context, self.links, security=security, change=calls.change)
            self._seals = SealRequests(context, self.changes.change)
            self.site = SiteMirror(context, calls.promote)
            self.promoter = SitePromoter(context, self.site, calls.promote, self._addresses)
            self.links.open()
            self.clients.open(self.links.endpoint)
            self._join = make_join_client(
                context, self.links, opened=opened, security=security, on_refused=calls.on_refused
            )
            self._assemble(store, opened, metrics)
            undo.pop_all()

    def _assemble(self, store: Store, opened: StoreContent, metrics: "Metrics") -> None:
        context, dispatcher = self._context, self._dispatcher
        self._own_changes = OwnChanges(context, self.links.linked_addresses)
        self.journal = Journal(store, self._note_written)
        self.publisher = Publisher(context, self._dispatch, self.links.profile)
        self.orchestrator = Orchestrator(
            context,
            _elector(context, opened),
            coalescer=self._coalescer,
            journal=self.journal,
            links=self.links,
            publisher=self.publisher,
            observer=StepCounts(metrics, context.peer_health),
            check=self._check,
        )
        self._orchestrator_thread = self._thread(self.orchestrator.run, "elect-orchestrator")
        self._events = self._thread(dispatcher.run, "elect-events")
        self._asking = self._health(self._calls.hook)
        self._joining = None if self._join is None else self._thread(self._join.run, "elect-join")
        self._following = self._thread(self.site.run, "elect-site") if self.site.has_source else None
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
        with starting("elect-clients"):
            self.clients.start()
        self.links.start()
        if self._following is not None:
            self._following.start()
        self._orchestrator_thread.start()  # after all that it checks
        if self._joining is not None:
            self._joining.start()

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
        own = [self._orchestrator_thread, self._events]
        own += [thread for thread in (self._asking, self._following) if thread is not None]
        lives = {thread.name: thread.is_alive() for thread in own}
        return {**lives, "elect-journal": self.journal.is_alive, **self.links.threads, **self.clients.threads}

    def leave(self, timeout: float) -> None:
        """Ask the leader to remove this node from the members, and wait for that (seconds).

        Raises:
            ChangeRefused: the leader refuses it.
            LeadershipTimeout: it was not done in time.
        """
        leave_cluster(self.changes, self._context.node_id, timeout)

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
        if self._join is not None:
            self._join.cancel()
        self.changes.cancel()
        is_done = [self._seals.stop(deadline.remaining_s), self.site.stop(deadline.remaining_s)]
        is_done += [self.links.stop(deadline.remaining_s), self.clients.stop(deadline.remaining_s)]
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
        optional = (self._asking, self._joining, self._following)
        threads = [self._events, *runs, *(each for each in optional if each is not None)]
        is_done += [thread.finish(deadline.remaining_s, asker) for thread in threads]
        return all(is_done)

    def _deliver(self, event: Event) -> None:
        """Hand an event of wire on, on the thread that delivers it."""
        if not self._joins.receive(event):
            self._coalescer.deliver(event)

    def _dispatch(self, published: list[PublishedEvent]) -> None:
        """Pass on what was published, on the orchestrator thread: neither callbacks nor clients are waited for."""
        self._dispatcher.dispatch(published)
        self.clients.note_published(published)
        self.site.note_published(published)

    def _addresses(self) -> list[str]:
        """Return the addresses of the members, this node's first."""
        context = self._context
        others = [each for peer in context.peers if (each := self.links.address_of(peer)) is not None]
        return [self.links.advertised, *others]

    def _thread(self, work: Callable[[], None], name: str) -> OwnThread:
        return OwnThread(work, name=name, on_death=self._calls.on_death)

    def _note_written(self, event: JournalEvent) -> None:
        self.orchestrator.send_written(event)
        self._context.inbox.put(event)

    def _check(self) -> None:
        release_held()
        if self._context.state is not Lifecycle.RUNNING:  # threads end in their order now
            return
        for name, is_alive in self.threads.items():
            if not is_alive:
                raise ThreadGone(name)
        self.links.reap()
        self._own_changes.review()

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


def _open(store: Store, context: NodeContext) -> StoreContent:
    """Open the store, publish its configuration, and log how its members differ from the settings."""
    config = context.config
    opened = store.open(
        cluster=config.cluster,
        node_id=config.node,
        promise_ns=config.support_duration_ns,
        configuration=config.first_configuration,
    )
    if opened.is_given_overruled:
        logger.warning(
            "* the members in %s are %s; peers in the settings of node %s make %s, and are not used",
            config.data_dir,
            " ".join(opened.configuration.node_ids),
            config.node,
            " ".join(sorted(config.voters)),
        )
    if config.seeds and (text := difference(opened.configuration.member(config.node), config.member_kind)):
        logger.warning("* %s", text)
    context.configuration, context.store_id = opened.configuration, opened.store_id
    context.note_former(each for each in opened.meetings if opened.configuration.member(each) is None)
    if opened.incarnation > 1:
        context.lifecycle.enter(MemberPhase.RESTARTING)
    return opened


def _admission(context: NodeContext, opened: StoreContent) -> Admission:
    return Admission(
        opened.configuration,
        opened.meetings,
        context.clock,
        context.inbox.put,
        report_interval_ns=context.config.support_duration_ns,
    )


def _coalescer(context: NodeContext) -> HeartbeatCoalescer:
    return HeartbeatCoalescer(
        heartbeat_interval_ns=context.config.heartbeat_interval_ns,
        support_duration_ns=context.config.support_duration_ns,
        clock=context.clock,
        put=context.inbox.put,
    )


def _elector(context: NodeContext, opened: StoreContent) -> Elector:
    """Return the elector, with what the configuration and the store say."""
    config = context.config
    options = ElectorOptions(
        node_id=config.node,
        configuration=opened.configuration,
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
        learner_lag_max=config.learner_lag_max,
    )
    durable = Durable(
        incarnation=opened.incarnation,
        promise_ns=opened.promise_ns,
        ballots=opened.ballots,
        meetings=opened.meetings,
        store_id=opened.store_id,
    )
    # Not that of the system: each number from there gives the interpreter to another thread.
    rng = random.Random()  # noqa: S311 - it spreads candidates in time and hides nothing
    return Elector(options=options, durable=durable, rng=rng, now=context.clock())
