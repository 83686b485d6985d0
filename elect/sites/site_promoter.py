"""SitePromoter: promotes a standby cluster, so that it elects leaders in the place of its source.

The steps are made in this order. First it is checked that the rest can be done: a source that is sealed for nothing is
an outage of both sites. This node records that it is asked, on the disk that has to take the promotion. The source is
sealed, if it can be reached: from then on no node of it leads. The mirror records the promotion with its floor, and
follows nothing any more. Then the cluster installs the floor. A node that dies between two steps goes on with the next
one, and a call that is repeated finds what is done.

Source: PROTOCOL.md, section 8.
"""

from collections.abc import Callable
from dataclasses import replace

from elect.bridge.node_context import NodeContext
from elect.core.configuration import ClusterState, Configuration
from elect.core.promotion import FLOOR_STEP, PromotionRefusal, PromotionRefused, floor_above
from elect.errors import ConfigError, LeadershipTimeout, Stopped, StoreError
from elect.joining.join_passes import dialable
from elect.mirror.mirror import Mirror
from elect.mirror.mirror_errors import MirrorBootstrapping, SealFailed
from elect.observing.mirror_messages import TEXT_LENGTH_MAX
from elect.sites.promotion_progress import PromotionProgress
from elect.sites.promotion_readiness import PromotionReadiness, may_be_behind, read_readiness
from elect.sites.promotion_time import PromotionTime
from elect.sites.seal_record import NOT_HERE, SealRecord
from elect.sites.site_mirror import PromoteCluster, SiteMirror
from elect.sites.site_values import MirrorUnavailable, PromotionNotDone, PromotionResult, PromotionStep
from elect.sites.source_settings import mirror_directory
from wire.common.deadline import Deadline
from wire.common.log import Log
from wire.common.turns import Turns
from wire.protocol.address import Address

logger = Log(__name__)

BUSY = "another promotion at this node has not ended; its disk may hang"
NOT_BEGUN = "the mirror of this node has not started yet; its disk may hang"

POLL_S = 0.02
"""A node that has just started hears its peers within a heartbeat interval."""


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
        self._record = SealRecord(mirror_directory(context.config))
        self._audit = site.promotion_audit
        self._turns = Turns()

    def promote(self, *, is_forced: bool, seconds: float) -> PromotionResult:
        """Promote the cluster; done already, it only waits for a quorum.

        Args:
            is_forced: also without a whole snapshot of the source, without a mirror, or without a quorum.
            seconds: for all of it.

        Raises:
            MirrorBootstrapping, MirrorUnavailable: the terms of the source are not known, and it is not forced.
            PromotionRefused: the cluster cannot be promoted.
            PromotionNotDone: it was not done in time, or an error came after the source was asked to seal; the result
                says what is done. Repeat it.
            StoreError: the disk takes no record of it, so nothing was sealed.
            Stopped: the node does not run, and this call has sealed nothing.
        """
        time = PromotionTime(seconds)
        with self._turns.take(seconds) as is_free:
            if not is_free:
                raise PromotionNotDone(PromotionResult(), time.passed_s, BUSY)
            with self._audit.asking():
                if self._context.configuration.state is ClusterState.STANDBY:
                    return self._all(time, is_forced=is_forced)
                return self._repeat(time)

    def _repeat(self, time: PromotionTime) -> PromotionResult:
        done = replace(self._record.read(), floor=self._context.configuration.promotion_floor)
        try:
            # A cluster that is promoted keeps its floor. One that never stood by is refused, and the core says why.
            return self._install(done, done.floor or FLOOR_STEP, time)
        except PromotionNotDone as error:
            self._audit.note_not_done(str(error))
            raise

    def _all(self, time: PromotionTime, *, is_forced: bool) -> PromotionResult:
        if not self._site.wait_begun(time.deadline.remaining_s):  # what it knows from before counts
            raise PromotionNotDone(PromotionResult(), time.passed_s, NOT_BEGUN)
        mirror = self._site.mirror
        if mirror is None and not is_forced:
            raise MirrorUnavailable(self._site.error or "it has not started, or [mirror] is not in its settings")
        stored = self._site.stored_term() if mirror is None else 0
        own = self._check(mirror, stored, time, is_forced=is_forced)
        if own.is_promoted:
            return self._repeat(time)
        self._begin(mirror, is_forced=is_forced)
        progress = PromotionProgress()
        with progress.reported(time, self._audit):
            own_term = own.highest_term
            self._prepare(progress, mirror, time.seal_s, stored=stored, own_term=own_term, is_forced=is_forced)
            return self._install(progress.made, progress.made.floor, time)

    def _begin(self, mirror: Mirror | None, *, is_forced: bool) -> None:
        """Record that this node is asked, before the source is: then nothing that is done lacks a line.

        Raises:
            StoreError: the disk does not take that, so it would not take the promotion either.
        """
        try:
            self._audit.begin()
            self._begin_seal(mirror)
        except StoreError as error:
            self._audit.cancel()
            text = f"{error.strerror}; this call has sealed nothing. Mend that, or promote another node of this cluster"
            raise StoreError(error.errno, text, error.filename) from error
        self._audit.note_asked(is_forced=is_forced)

    def _begin_seal(self, mirror: Mirror | None) -> None:
        try:
            self._record.begin()
        except StoreError as error:
            if mirror is not None:
                raise
            logger.warning("! %s", error)  # that of a mirror that could not start: a promotion needs nothing of it

    def _install(self, made: PromotionResult, floor: int, time: PromotionTime) -> PromotionResult:
        try:
            installed = self._promote_in_step(floor, time.deadline)
        except LeadershipTimeout as error:
            raise PromotionNotDone(made, time.passed_s) from error
        finally:
            self._site.wake()
        made = replace(made, floor=installed.promotion_floor, steps=(*made.steps, PromotionStep.INSTALLED))
        self._audit.end(made)
        return made

    def _promote_in_step(self, floor: int, deadline: Deadline) -> Configuration:
        """Promote the cluster; where another node was first, wait for the configuration that it has made.

        Raises:
            PromotionRefused: the cluster cannot be promoted.
            LeadershipTimeout: it was not done in time.
        """
        while True:
            try:
                return self._promote(floor, deadline.remaining_s)
            except PromotionRefused as error:
                is_late = error.refusal is PromotionRefusal.FLOOR
                if not (is_late and may_be_behind(self._context, max(POLL_S, deadline.remaining_s))):
                    raise
                if deadline.is_over:
                    raise LeadershipTimeout("", "the promotion", 0.0) from error
            self._context.wait_for(lambda: None, min(POLL_S, deadline.remaining_s))

    def _check(self, mirror: Mirror | None, stored: int, time: PromotionTime, *, is_forced: bool) -> PromotionReadiness:
        """Check what can be known now of the steps after the seal; return the readiness of this cluster.

        Args:
            mirror: of this node, if it runs.
            stored: the highest term of the source that a mirror that does not run has stored.
            time: of the promotion.
            is_forced: see `promote`.

        Raises:
            MirrorBootstrapping, MirrorUnavailable, PromotionRefused, PromotionNotDone, StoreError, Stopped: as
                `promote`.
        """
        seen, done = stored, self._done_before()
        if mirror is not None:
            try:
                status = mirror.status()
            except Stopped as error:
                raise self._unavailable() from error
            made, seen = status.promotion, status.highest_term
            if made is not None:
                steps = (*done.steps, PromotionStep.RECORDED)
                done = replace(done, floor=made.floor, source_highest_term=made.highest_term, steps=steps)
            elif not (is_forced or status.stream):
                raise MirrorBootstrapping
        own = self._await_ready(done, time, is_forced=is_forced)
        if not own.is_promoted:
            floor_above(max(seen, own.highest_term))  # it raises where there is no room
        return own

    def _done_before(self) -> PromotionResult:
        """Return what an earlier call at this node has done, or may have done."""
        known = self._record.read()
        return PromotionResult() if known.not_sealed == NOT_HERE else known

    def _await_ready(self, done: PromotionResult, time: PromotionTime, *, is_forced: bool) -> PromotionReadiness:
        """Return the readiness of this cluster, once a quorum is heard or that is not needed."""
        deadline = Deadline(time.quorum_s)
        while True:
            found = list[PromotionReadiness]()
            self._context.call(read_readiness(found), max(POLL_S, deadline.remaining_s))
            own, is_over = found[0] if found else None, deadline.is_over
            if own is not None and own.refused is not None:
                raise own.refused
            if own is not None and (own.is_promoted or own.has_quorum or is_forced) and (is_over or not own.is_behind):
                return own
            if is_over:
                raise PromotionNotDone(done, time.passed_s)
            self._context.wait_for(lambda: None, min(POLL_S, deadline.remaining_s))

    def _prepare(
        self,
        progress: PromotionProgress,
        mirror: Mirror | None,
        seal_s: float,
        *,
        stored: int,
        own_term: int,
        is_forced: bool,
    ) -> None:
        """Seal the source if that can be done, and record the promotion."""
        try:
            self._seal(progress, seal_s)
            sealed = progress.made
            highest_term = max(sealed.source_highest_term, own_term)
            if mirror is None:
                sealed = replace(sealed, source_highest_term=max(sealed.source_highest_term, stored))
                self._record.write(sealed)
                progress.made = replace(sealed, floor=floor_above(max(highest_term, stored)))
                return
            record = mirror.promote(force=is_forced, highest_term=highest_term)
        except Stopped as error:
            own = self._context.configuration
            if own.state is ClusterState.STANDBY:
                raise self._unavailable() from error
            progress.made = replace(progress.made, floor=own.promotion_floor)  # another node has promoted the cluster
            return
        steps = (*sealed.steps, PromotionStep.RECORDED)
        progress.made = replace(sealed, floor=record.floor, source_highest_term=record.highest_term, steps=steps)
        self._record.write(progress.made)

    def _unavailable(self) -> MirrorUnavailable:
        self._context.check_running()
        return MirrorUnavailable(self._site.error or "it is stopped")

    def _seal(self, progress: PromotionProgress, seconds: float) -> None:
        if not self._site.has_source:
            progress.made = PromotionResult(not_sealed="[mirror] is not in the settings of this node")
            return
        progress.note_source_asked()
        try:
            answer = self._site.seal(self._successor(), seconds)
        except Stopped:  # before it has asked
            progress.made, progress.is_source_asked = self._record.read(), False
            raise
        except (SealFailed, ConfigError) as error:
            progress.is_source_asked = isinstance(error, SealFailed)
            sealed = self._record.read()
            if not sealed.was_sealed:
                logger.warning("! node %s promotes its cluster without a seal: %s", self._context.node_id, error)
                sealed = PromotionResult(not_sealed=_reason(error))
        else:
            sealed = PromotionResult(steps=(PromotionStep.SEALED,), source_highest_term=answer.highest_term)
        progress.made = sealed
        self._record.write(sealed)

    def _successor(self) -> str:
        """Return the addresses of this cluster, as many as the source takes."""
        text = ""
        for address in filter(None, map(_in_ascii, self._addresses())):
            longer = f"{text}, {address}" if text else address
            if len(longer) > TEXT_LENGTH_MAX:
                break
            text = longer
        return text


def _in_ascii(text: str) -> str:
    """Return an address with its name as it is looked up: the source takes no other letters. Empty: there is none."""
    address = dialable(text)  # a peer may advertise anything
    if address is None or address.host.isascii():
        return str(address or "")
    return str(Address(address.host.encode("idna").decode(), address.port))


def _reason(error: SealFailed | ConfigError) -> str:
    """Return why there is no seal, without the words that say so: the result of the promotion has them."""
    if isinstance(error, ConfigError):
        return str(error)
    return "; ".join(f"{address}: {text}" for address, text in error.answers) or "no node answered"
