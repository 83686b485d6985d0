"""The settings and the durable state that an Elector gets at its start."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b

from elect.core.messages import ConfigurationId, Standing
from elect.core.quorum import majority
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
class Configuration:
    """The list of voters.

    Attributes:
        voters: ids, sorted.
        id: its name on the wire. Two lists that differ never share one.

    Source: PROTOCOL.md, section 7, "The configuration".
    """

    voters: tuple[str, ...]
    id: ConfigurationId = field(init=False)

    def __post_init__(self) -> None:
        if not self.voters or list(self.voters) != sorted(set(self.voters)):
            raise ValueError(f"voters {self.voters!r}; one or more, sorted, each once are needed")
        text = repr((0, 0, self.voters, 0))  # on the wire: see FORMAT.md; the zeros are for lists that change
        digest = blake2b(text.encode(), digest_size=8).digest()
        object.__setattr__(self, "id", ConfigurationId(0, 0, digest))

    @classmethod
    def initial(cls, voters: Iterable[str]) -> "Configuration":
        """Return the configuration of these voters, in any order."""
        return cls(voters=tuple(sorted(set(voters))))

    @property
    def quorum(self) -> int:
        """The number of voters that decide."""
        return majority(len(self.voters))


@dataclass(frozen=True, slots=True, kw_only=True)
class Durable:
    """The content of the store at start, which has also made this start's own `support_duration` durable as a promise.

    Attributes:
        incarnation: of this start: already counted up, on disk.
        promise_ns: the longest support acknowledged before this start; 0: none ever.
        ballots: by election.
        meetings: by peer.
    """

    incarnation: int
    promise_ns: int = 0
    ballots: Mapping[str, Ballot] = field(default_factory=dict)
    meetings: Mapping[str, Meeting] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ElectorOptions:
    """The identity and the settings of a node.

    Attributes:
        rank: priority and offset at start.
        offset_rule: the effect of a replication offset on a vote.
        grace_ns: the time that the application has to acknowledge a resignation.
        failback_ns: the time after which an election is handed to the node that heads its order; None: never.
        is_default_failed_back: whether that holds for the election `default`, too.
    """

    node_id: str
    configuration: Configuration
    timing: Timing = field(default_factory=Timing)
    rank: Standing = field(default_factory=Standing)
    offset_rule: OffsetRule = OffsetRule.PREFER
    grace_ns: int = 5_000_000_000
    failback_ns: int | None = None
    is_default_failed_back: bool = False
