"""SiteMirror: the mirror of a node whose cluster stands by, from its start to the promotion, on a thread of its own.

A mirror that cannot start, or that the source refuses, does not end the node: the node votes in its own cluster all the
same. A promotion that was recorded and not installed, because the node was killed, is finished by this thread.
"""

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace

from elect.bridge.dispatcher import PublishedEvent
from elect.bridge.node_context import NodeContext
from elect.core.configuration import ClusterState, Configuration
from elect.core.events import Installed
from elect.core.promotion import PromotionRefusal, PromotionRefused
from elect.errors import ConfigError, ElectError, Forked, IdentityError, LeadershipTimeout, Stopped, StoreError
from elect.mirror.mirror import Mirror
from elect.mirror.mirror_values import MirrorPhase, MirrorState, MirrorStatus
from elect.monitoring.member_metrics import SiteSample
from elect.observing.mirror_messages import SealAnswer
from elect.sites.floor_review import FloorReview
from elect.sites.promotion_audit import PromotionAudit
from elect.sites.promotion_readiness import may_be_behind
from elect.sites.seal_record import SealRecord
from elect.sites.source_settings import make_mirror, mirror_directory, named_as_given, read_highest_term, seal_source
from wire.common.log import Log

logger = Log(__name__)

REVIEW_S = 1.0
"""Between two looks at the configuration, and two tries to finish a promotion."""

FINISH_S = 5.0
"""For one try to finish a promotion."""

STOPPED = "stopped"
"""The state in the metrics of a mirror that could not start, or that the source refuses for good."""

PromoteCluster = Callable[[int, float | None], Configuration]
"""Makes the standby cluster an active one with this floor, within a timeout; see `MemberChanger.promote`."""


class SiteMirror:
    """The mirror of one node.

    Args:
        context: of the node.
        promote: promotes the cluster.

    Attributes:
        error: why the mirror does not do its work, as a sentence; empty: it does, or need not.
        promotion_audit: the lines about a promotion in the audit file.
    """

    def __init__(self, context: NodeContext, promote: PromoteCluster) -> None:
        self._context = context
        self._promote = promote
        self._mirror = make_mirror(context.config) if context.config.mirror_source else None
        self._is_running = False
        self._last: MirrorStatus | None = None
        self._woken = threading.Event()
        self._is_decided = threading.Event()
        self._reading = threading.Lock()
        self._is_stopped = False
        self._is_promoted = False
        self._is_audited = False
        self._floors = FloorReview(context)
        self._record = SealRecord(mirror_directory(context.config))
        self.promotion_audit = PromotionAudit(context)
        self.error = ""

    @property
    def has_source(self) -> bool:
        """Whether the settings name a source."""
        return self._mirror is not None

    @property
    def mirror(self) -> Mirror | None:
        """The mirror while it runs, or None."""
        return self._mirror if self._is_running else None

    def wait_begun(self, timeout: float) -> bool:
        """Wait until the mirror has started, or could not, or need not; return whether that is so (seconds)."""
        return self._mirror is None or self._is_decided.wait(timeout)

    def status(self) -> MirrorStatus | None:
        """Return what the mirror does, or did last; None: the settings name no source."""
        mirror = self._mirror
        if mirror is None:
            return None
        try:
            found = mirror.status() if self._is_running else self._last
        except (Stopped, Forked):
            found = self._last
        if found is None:
            phase = MirrorPhase.PROMOTED if self._is_promoted else MirrorPhase.DISCONNECTED
            found = MirrorStatus(name=self._context.config.mirror_own_name, state=MirrorState(phase=phase))
        return replace(found, error=found.error or self.error)

    def sample(self) -> SiteSample | None:
        """Return the same for the metrics. Once the cluster is promoted an error is none of the mirror."""
        found = self.status()
        if found is None:
            return None
        return SiteSample(
            state=STOPPED if found.error and not self._is_promoted else found.state.phase.value,
            states=(*MirrorPhase, STOPPED),
            lag=found.state.lag,
            revision=found.revision,
            snapshots=found.snapshots,
            links=found.links,
        )

    def seal(self, successor: str, seconds: float) -> SealAnswer:
        """Ask the source to seal its cluster, also if the mirror does not run.

        Args:
            successor: the addresses to which the source sends people from then on.
            seconds: for all of it.

        Raises:
            SealFailed: no node is known to have done it.
            ConfigError: a file of keys or certificates cannot be used.
            Stopped: the mirror ends.
        """
        mirror = self.mirror
        if mirror is not None:
            return mirror.seal(successor, seconds)
        cluster_id = self._context.configuration.cluster_id or b""
        return seal_source(self._context.config, cluster_id, successor, seconds)

    def stored_term(self) -> int:
        """Return the highest term in the store of the mirror, which must not run; 0: none is known."""
        if self._mirror is None:
            return 0
        with self._reading:  # of two readers at once one would find the store locked
            return read_highest_term(self._context.config)

    def note_published(self, published: Iterable[PublishedEvent]) -> None:
        """Note a configuration that was installed, on the orchestrator thread."""
        if self._mirror is not None and any(isinstance(each.event, Installed) for each in published):
            self._woken.set()

    def wake(self) -> None:
        """Have a promotion that was recorded finished soon; from any thread."""
        self._woken.set()

    def run(self) -> None:
        """Follow the source while the cluster stands by; then wait for the stop."""
        while not self._is_stopped:
            self._woken.clear()
            self.review()
            self._is_decided.set()
            self._woken.wait(REVIEW_S)

    def stop(self, timeout: float) -> bool:
        """End the mirror; return whether it has ended in time (seconds)."""
        self._is_stopped = True
        self._woken.set()
        mirror = self.mirror
        return mirror is None or mirror.stop(timeout)

    def review(self) -> None:
        """Look at the configuration once, and do what follows from it."""
        mirror, configuration = self._mirror, self._context.configuration
        if self._is_stopped or mirror is None:
            return
        with suppress(Stopped, Forked):  # the node ends
            if configuration.state is ClusterState.STANDBY or not configuration.members:
                self._stand_by(mirror, configuration)
            elif configuration.promotion_floor:
                self._leave_source(mirror)
                self._floors.review(configuration)
                self.error = self._floors.error
                self._end_audit(configuration)
            else:
                self._end(mirror)
                self._note_unused(configuration.state)

    def _stand_by(self, mirror: Mirror, configuration: Configuration) -> None:
        if not (self._is_running or self.error):
            self._start(mirror, configuration)
        if configuration.state is ClusterState.STANDBY and self._is_running:
            self._finish(mirror)

    def _leave_source(self, mirror: Mirror) -> None:
        """Follow the source no more: the cluster is promoted. An error from before means nothing any more."""
        if self._is_promoted:
            return
        if self._is_running:
            with suppress(Stopped):
                state = MirrorState(phase=MirrorPhase.PROMOTED)
                self._last = replace(mirror.status(), state=state, error="", last_error="")
            self._end(mirror)
        self._floors.seen = self.stored_term() if self._last is None else self._last.highest_term
        self._is_promoted = True

    def _note_unused(self, state: ClusterState) -> None:
        if not self.error:
            self.error = f"[mirror] is not used: this cluster is {state}, and does not stand by"
            logger.warning("! node %s: %s", self._context.node_id, self.error)

    def _start(self, mirror: Mirror, configuration: Configuration) -> None:
        mirror.cluster_id = configuration.cluster_id or b""
        try:
            mirror.start()
        except (StoreError, IdentityError, ConfigError, ElectError) as error:
            self.error = str(named_as_given(self._context.config, error) if isinstance(error, ConfigError) else error)
            logger.warning(
                "! node %s follows no source: %s; mend it and start it again", self._context.node_id, self.error
            )
            return
        self._is_running = True
        if self._is_stopped:
            mirror.stop(0)

    def _end(self, mirror: Mirror) -> None:
        if self._is_running:
            self._is_running = False
            mirror.stop(FINISH_S)
            logger.info("* node %s follows no source any more: its cluster is active", self._context.node_id)

    def _finish(self, mirror: Mirror) -> None:
        """Install a promotion that was recorded: the node was killed before it did so, or a quorum is missing."""
        try:
            made = mirror.promotion
            if made is None:
                return
            installed = self._promote(made.floor, FINISH_S)
        except LeadershipTimeout:
            return  # this node has it; the others get it as soon as they are there
        except PromotionRefused as error:
            if error.refusal is PromotionRefusal.FLOOR and may_be_behind(self._context, FINISH_S):
                return
            text = f"the promotion that is recorded cannot be installed: {error}"
            if text != self.error:
                logger.warning("! node %s: %s", self._context.node_id, text)
            self.error = text
            return
        except (Stopped, Forked):
            return
        self.error = ""
        self._note_done(installed)

    def _end_audit(self, configuration: Configuration) -> None:
        """Write that the promotion is done, if this node was asked for it and the call ended before it could."""
        if self._is_audited or not self.promotion_audit.is_left_open:
            return
        with suppress(LeadershipTimeout):  # a quorum does not have it yet
            try:
                self._note_done(self._promote(configuration.promotion_floor, FINISH_S))
            except PromotionRefused:  # it was done: the cluster was sealed since
                self._note_done(configuration)
            self._is_audited = True  # a line that could not be written waits for the next call or start

    def _note_done(self, installed: Configuration) -> None:
        if self.promotion_audit.is_left_open:  # else the call that goes on writes it
            self.promotion_audit.end(replace(self._record.read(), floor=installed.promotion_floor))
