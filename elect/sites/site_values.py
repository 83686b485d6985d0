"""The result of a promotion, and its errors."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from elect.core.elect_error import ElectError
from elect.mirror.mirror_errors import MirrorError


class PromotionStep(StrEnum):
    """The steps of a promotion, in order. Each is durable, and none is ever undone.

    Attributes:
        SEALED: the source is sealed, and all of its leases are over.
        RECORDED: the mirror of this node has the record with the floor, and follows nothing any more.
        INSTALLED: a quorum of this cluster has installed the configuration with the floor: it elects leaders.
    """

    SEALED = "sealed"
    RECORDED = "recorded"
    INSTALLED = "installed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionResult:
    """A promotion of a standby cluster.

    Attributes:
        floor: all terms of the promoted cluster are above it; 0: not known yet.
        steps: those that this call has made, or found made.
        source_highest_term: the highest term that is known of the source.
        not_sealed: why the source is not known to be sealed, as a sentence; empty: it is, or nobody has asked it yet.
    """

    floor: int = 0
    steps: tuple[PromotionStep, ...] = ()
    source_highest_term: int = 0
    not_sealed: str = ""

    @property
    def was_sealed(self) -> bool:
        """Whether this call, or an earlier one at this node, has sealed the source or found it sealed."""
        return PromotionStep.SEALED in self.steps

    @property
    def done(self) -> str:
        """The steps as a sentence, for a promotion that is not done, with the reason why the seal is not known."""
        steps = ", ".join(self.steps)
        if not self.not_sealed:
            return steps or "nothing"
        return f"{steps or 'unknown'}; the source is not known to be sealed ({self.not_sealed})"

    def to_dict(self) -> Mapping[str, object]:
        """Return the content as JSON types."""
        return {
            "floor": self.floor,
            "steps": [step.value for step in self.steps],
            "was_sealed": self.was_sealed,
            "not_sealed": self.not_sealed or None,
            "source_highest_term": self.source_highest_term,
        }

    def __str__(self) -> str:
        seal = "the source is sealed" if self.was_sealed else f"the source is not known to be sealed ({self._reason})"
        return f"terms begin above {self.floor:,}; {seal}"

    @property
    def _reason(self) -> str:
        return self.not_sealed or "it was not asked"


class PromotionNotDone(ElectError, TimeoutError):  # noqa: N818 - it may still be made
    """A promotion was not done in time. Repeat it: what is done stays done.

    Attributes:
        result: the part that is done.
        timeout: the wait, s.
        obstacle: why this call could not begin, or go on, as a sentence; empty: no quorum answered in time.
    """

    def __init__(self, result: PromotionResult, timeout: float, obstacle: str = "") -> None:
        super().__init__()
        self.args = (result, timeout, obstacle)
        self.result = result
        self.timeout = timeout
        self.obstacle = obstacle

    def __str__(self) -> str:
        begun = f"the promotion is not done after {self.timeout:g} s"
        if self.obstacle and self.result == PromotionResult():
            return f"{begun}: {self.obstacle}. Repeat it, or promote another node of this cluster"
        if self.obstacle:
            remedy = (
                "Both sites may be without a leader: mend that and repeat it, or promote another node of this cluster"
            )
            return f"{begun}: {self.obstacle}; done: {self.result.done}. {remedy}"
        return f"{begun}; done: {self.result.done}. Start a majority of the voters of this cluster, and repeat it"


class MirrorUnavailable(MirrorError):  # noqa: N818 - as Stopped and its like
    """The node has no mirror that works, so the terms of the source are not known.

    Attributes:
        reason: a sentence.
    """

    refusal = "no_mirror"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return (
            f"this node has no mirror of the source: {self.reason}. Promote another node of this cluster, whose mirror"
            " follows; or force it, if the source is lost and the risk is accepted"
        )
