"""The phases of a node as a member of its cluster, as values."""

from dataclasses import dataclass
from enum import StrEnum

REMOVED_REMEDY = "stop it, or delete its data_dir and start it with [join] to join anew"


class MemberPhase(StrEnum):
    """The phases in the life of a node as a member. A stopped node stays a member, and in its last phase.

    Attributes:
        STARTING: its first start.
        RESTARTING: its store is not new.
        BOOTSTRAPPING: it forms a new cluster.
        JOINING: it asks to become a member, or is a learner.
        READY: it takes its part in the cluster.
        REFUSED: a voter objects to it, so it takes part in no election until that is over.
        LEAVING: it hands over what it leads, and asks to be removed.
        REMOVED: it is no member any more.
        FAILED: it was refused for good, or one of its threads died.
    """

    STARTING = "starting"
    RESTARTING = "restarting"
    BOOTSTRAPPING = "bootstrapping"
    JOINING = "joining"
    READY = "ready"
    REFUSED = "refused"
    LEAVING = "leaving"
    REMOVED = "removed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberLifecycle:
    """The phase of a node.

    Attributes:
        phase: its name.
        attempt: of a join, from 1; 0: it does not ask.
        reason: of a failure or a refusal; empty for all other phases.
    """

    phase: MemberPhase
    attempt: int = 0
    reason: str = ""

    def __str__(self) -> str:
        detail = self.reason or (str(self.attempt) if self.attempt else "")
        return f"{self.phase}({detail})" if detail else self.phase.value
