"""SitePromoter: promotes a standby cluster, so that it elects leaders in the place of its source.

The steps are made in this order. The source is sealed, if it can be reached: from then on no node of it leads. The
mirror records the promotion with its floor, and follows nothing any more. Then the cluster installs the floor. A node
that dies between two steps goes on with the next one, and a call that is repeated finds what is done.

Source: PROTOCOL.md, section 8.
"""

from collections.abc import Callable
from dataclasses import replace

from elect.bridge.node_context import NodeContext
from elect.core.configuration import ClusterState
from elect.core.promotion import FLOOR_STEP, floor_above
from elect.errors import LeadershipTimeout, Stopped
from elect.mirror.mirror import Mirror
from elect.mirror.mirror_errors import MirrorBootstrapping, SealFailed
from elect.monitoring import audit
from elect.observing.mirror_messages import TEXT_LENGTH_MAX
from elect.sites.site_mirror import PromoteCluster, SiteMirror
from elect.sites.site_values import MirrorUnavailable, PromotionNotDone, PromotionResult, PromotionStep
from wire.common.deadline import Deadline
from wire.common.log import Log
from wire.common.turns import Turns

logger = Log(__name__)

SEAL_SHARE = 0.5
"""The part of the time of a promotion for the seal; the rest is for the quorum of this cluster."""

SEAL_S_MAX = 10.0
"""The longest wait for the seal: a write at each node of the source, its leases, and addresses that do not answer."""


class SitePromoter:
    """Promotes the cluster of one node. Any thread calls it; it blocks.

    Args:
        context: of the node.
        site: its mirror.
        promote: promotes the cluster.
        addresses: returns the addresses of the nodes of this cluster.
    """

    def __init__(
        self,
        context: NodeContext,
        site: SiteMirror,
        promote: PromoteCluster,
        addresses: Callable[[], list[str]],
    ) -> None:
        self._context = context
        self._site = site
        self._promote = promote
        self._addresses = addresses
        self._turns = Turns()

    def promote(self, *, is_forced: bool, seconds: float) -> PromotionResult:
        """Promote the cluster; done already, it only waits for a quorum.

        Args:
            is_forced: also without a whole snapshot of the source, or without a mirror.
            seconds: for all of it.

        Raises:
            MirrorBootstrapping, MirrorUnavailable: the terms of the source are not known, and it is not forced.
            PromotionRefused: the cluster cannot be promoted.
            PromotionNotDone: it was not done in time. Repeat it.
            StoreError: the record may not be durable. Repeat it.
            Stopped: the node does not run.
        """
        deadline = Deadline(seconds)
        with self._turns.take(seconds) as is_free:
            if not is_free:
                raise PromotionNotDone(PromotionResult(), seconds)
            return self._all(deadline, seconds, is_forced=is_forced)

    def _all(self, deadline: Deadline, seconds: float, *, is_forced: bool) -> PromotionResult:
        made = PromotionResult(floor=self._context.configuration.promotion_floor)
        is_standby = self._context.configuration.state is ClusterState.STANDBY
        if is_standby:
            if not self._site.wait_begun(deadline.remaining_s):  # what it knows from before counts
                raise PromotionNotDone(made, seconds)
            made = self._prepare(min(SEAL_S_MAX, seconds * SEAL_SHARE), is_forced=is_forced)
        try:
            # Without a floor the core refuses it, and says why.
            installed = self._promote(made.floor or FLOOR_STEP, deadline.remaining_s)
        except LeadershipTimeout as error:
            raise PromotionNotDone(made, seconds) from error
        finally:
            self._site.wake()
        made = replace(made, floor=installed.promotion_floor, steps=(*made.steps, PromotionStep.INSTALLED))
        if is_standby:
            audit.record(
                self._context.config.data_dir,
                f"node {self._context.node_id} promoted this standby cluster: {made};"
                f" the highest term of the source that is known is {made.source_highest_term}",
            )
        return made

    def _prepare(self, seal_s: float, *, is_forced: bool) -> PromotionResult:
        """Seal the source if that can be done, and record the promotion."""
        mirror = self._site.mirror
        if mirror is None:
            if not is_forced:
                raise MirrorUnavailable(self._site.error or "it has not started, or [mirror] is not in its settings")
            return PromotionResult(floor=floor_above(0), not_sealed="this node has no mirror, and it was forced")
        try:
            if not (is_forced or mirror.promotion or mirror.status().stream):
                raise MirrorBootstrapping
            sealed = self._seal(mirror, seal_s)
            record = mirror.promote(force=is_forced, highest_term=sealed.source_highest_term)
        except Stopped:
            self._context.check_running()
            # Another node has promoted the cluster meanwhile.
            return PromotionResult(floor=self._context.configuration.promotion_floor)
        return replace(
            sealed,
            floor=record.floor,
            source_highest_term=record.highest_term,
            steps=(*sealed.steps, PromotionStep.RECORDED),
        )

    def _seal(self, mirror: Mirror, seconds: float) -> PromotionResult:
        try:
            answer = mirror.seal(self._successor(), seconds)
        except SealFailed as error:
            logger.warning("! node %s promotes its cluster without a seal: %s", self._context.node_id, error)
            return PromotionResult(not_sealed=str(error))
        return PromotionResult(steps=(PromotionStep.SEALED,), source_highest_term=answer.highest_term)

    def _successor(self) -> str:
        """Return the addresses of this cluster, as many as the source takes."""
        text = ""
        for address in self._addresses():
            longer = f"{text}, {address}" if text else address
            if len(longer) > TEXT_LENGTH_MAX:
                break
            text = longer
        return text
