"""A promoter, with a mirror and a cluster that only note its calls."""

from elect.core.configuration import ClusterState
from elect.core.promotion import PromotionRefused
from elect.errors import LeadershipTimeout
from elect.mirror.mirror_errors import MirrorStopped
from elect.mirror.mirror_values import MirrorPhase, MirrorState, MirrorStatus, Promotion
from elect.observing.mirror_messages import SealAnswer
from elect.sites.promotion_audit import PromotionAudit
from elect.sites.site_promoter import SitePromoter
from tests.unit.sites.promoted_nodes import PlayedNode

FLOOR = 9_000_000


class NotingMirror:
    """Notes its calls.

    Attributes:
        stream: that of a snapshot, or empty.
        seen: the highest term that it has seen.
        is_stopped: its calls raise.
    """

    def __init__(self, calls: list[object]) -> None:
        self._calls = calls
        self.stream = "ab"
        self.seen = 5
        self.promotion: Promotion | None = None
        self.is_stopped = False

    def status(self) -> MirrorStatus:
        if self.is_stopped:
            raise MirrorStopped("m")
        return MirrorStatus(
            name="m",
            state=MirrorState(phase=MirrorPhase.FOLLOWING),
            stream=self.stream,
            highest_term=self.seen,
            promotion=self.promotion,
        )

    def promote(self, *, force: bool, highest_term: int) -> Promotion:
        if self.is_stopped:
            raise MirrorStopped("m")
        self._calls.append(("record", force, highest_term))
        return Promotion(floor=FLOOR, highest_term=max(highest_term, self.seen))


class Site(PlayedNode):
    """A promoter whose parts note their calls.

    Attributes:
        on_seal: called with each seal.
        failure: raised by a seal.
        has_no_quorum: the cluster installs the promotion after its time.
        refusals: raised by the next installations.
        stored: the highest term in the store of the mirror.
    """

    def __init__(self, directory) -> None:
        super().__init__(directory)
        self.calls: list[object] = []
        self.mirror: NotingMirror | None = NotingMirror(self.calls)
        self.error = ""
        self.has_source = True
        self.failure: BaseException | None = None
        self.on_seal = lambda: None
        self.has_no_quorum = False
        self.refusals: list[PromotionRefused] = []
        self.stored = 0
        self.promotion_audit = PromotionAudit(self.context)
        assert self.context.configuration.state is ClusterState.STANDBY
        self.promoter = SitePromoter(self.context, self, self.promote_cluster, lambda: ["x:1", "y:1", "z" * 600])

    def wait_begun(self, timeout: float) -> bool:
        return True

    def seal(self, successor: str, seconds: float) -> SealAnswer:
        self.calls.append(("seal", successor, seconds))
        self.on_seal()
        if self.failure is not None:
            raise self.failure
        return SealAnswer(outcome="sealed", highest_term=7_654_321)

    def stored_term(self) -> int:
        return self.stored

    def wake(self) -> None:
        self.calls.append("wake")

    def promote_cluster(self, floor: int, timeout: float | None) -> object:
        self.calls.append(("install", floor))
        if self.refusals:
            raise self.refusals.pop()
        if self.has_no_quorum:
            raise LeadershipTimeout("", "the promotion", 1.0)
        return type("Installed", (), {"promotion_floor": floor})

    def promote(self, *, is_forced: bool = False, seconds: float = 60.0):
        return self.promoter.promote(is_forced=is_forced, seconds=seconds)
