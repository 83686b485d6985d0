"""The settings and the durable state that an Elector gets at its start."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from elect.core.configuration import Configuration
from elect.core.messages import Standing
from elect.core.ready import Ballot, Meeting

PPM = 1_000_000


class OffsetRule(StrEnum):
    """The rule for a vote for a candidate whose replication offset is below this node's."""

    PREFER = "prefer"
    REQUIRE = "require"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """The three numbers that every wait follows from.

    Attributes:
        heartbeat_interval_ns: between two heartbeats to one peer.
        support_duration_ns: the support that each heartbeat asks for.
        drift_ppm: the largest difference between the rates of two clocks, in parts per million.
    """

    heartbeat_interval_ns: int = 200_000_000
    support_duration_ns: int = 1_000_000_000
    drift_ppm: int = 10_000

    @property
    def turn_ns(self) -> int:
        """Return the time that a candidate has before the next one asks, half of a campaign, and other short waits."""
        # Many round trips and writes long. Nothing in it waits for a heartbeat, so it is shorter than an interval.
        return self.heartbeat_interval_ns // 2

    def promised_ns(self, duration_ns: int) -> int:
        """Return how long a promise of `duration_ns` is kept, by the clock of the node that gives it."""
        # Rounded up, and below down: the counting ends first, whatever the two clocks do within the drift.
        return -(-duration_ns * (PPM + self.drift_ppm) // PPM)

    def counted_ns(self, duration_ns: int) -> int:
        """Return how long a promise of `duration_ns` is counted, by the clock of the node that got it."""
        return duration_ns * (PPM - self.drift_ppm) // PPM


@dataclass(frozen=True, slots=True, kw_only=True)
class Durable:
    """The content of the store at start, which has also made this start's own `support_duration` durable as a promise.

    Attributes:
        incarnation: of this start: already counted up, on disk.
        promise_ns: the longest support acknowledged before this start; 0: none ever.
        ballots: by election.
        meetings: by peer.
        store_id: of the store itself; None: stores are not compared.
    """

    incarnation: int
    promise_ns: int = 0
    ballots: Mapping[str, Ballot] = field(default_factory=dict)
    meetings: Mapping[str, Meeting] = field(default_factory=dict)
    store_id: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ElectorOptions:
    """The identity and the settings of a node.

    Attributes:
        rank: priority and offset at start.
        offset_rule: the effect of a replication offset on a vote.
        grace_ns: the time that the application has to acknowledge a resignation.
        failback_ns: the time after which an election is handed to the node that heads its order; None: never.
        is_default_failed_back: whether that holds for the election `default`, too.
        learner_lag_max: the leader promotes a learner whose offset is at most so far below its own; None: any.
    """

    node_id: str
    configuration: Configuration
    timing: Timing = field(default_factory=Timing)
    rank: Standing = field(default_factory=Standing)
    offset_rule: OffsetRule = OffsetRule.PREFER
    grace_ns: int = 5_000_000_000
    failback_ns: int | None = None
    is_default_failed_back: bool = False
    learner_lag_max: int | None = None
