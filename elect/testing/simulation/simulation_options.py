"""The options of a simulation, fixed at its start. Durations are seconds here and nanoseconds inside."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from string import ascii_lowercase

from elect.clock import NS_PER_S
from elect.config import rules
from elect.core.messages import DURATION_NS_MAX, OFFSET_MAX, check_name
from elect.core.rules.failback import WAIT_FACTOR_MAX
from wire.common import arguments

NODES_MAX = len(ascii_lowercase)
MEMBERS_JOINING_MAX = 7
"""Machines of a world whose members change, at most."""

SHORTEST_S = 0.001
"""The shortest duration of anything that repeats: below it, virtual time would hardly move."""


def _texts(name: str, values: object) -> tuple[str, ...]:
    if not isinstance(values, tuple):
        raise TypeError(f"{name} is {values!r}; a tuple of texts is needed")
    return tuple(arguments.text(f"one of {name}", value) for value in values)


def nanoseconds(seconds: float) -> int:
    """Return seconds as whole nanoseconds."""
    return round(seconds * NS_PER_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A duration drawn at random, s: mostly near `low`, seldom near `high`.

    >>> Span(low=0.001, high=0.25)
    Span(low=0.001, high=0.25)

    Attributes:
        low: the shortest.
        high: the longest.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            arguments.number(name, getattr(self, name))
        if not self.low <= self.high:
            raise ValueError(f"span from {self.low} to {self.high}: 0 <= low <= high is needed")

    def draw(self, rng: Random) -> int:
        """Return one random value, ns."""
        share = rng.random()
        return round((self.low + (self.high - self.low) * share * share * share) * NS_PER_S)

    def capped(self, high: float) -> "Span":
        """Return the same span, but never above `high`."""
        return Span(low=min(self.low, high), high=min(self.high, high))


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """The faults of a simulation, and their frequency.

    >>> Faults(every=0.2, kinds=("crash", "partition")).every
    0.2

    Attributes:
        every: mean time between two faults, s.
        kinds: names of `elect.testing.faults.catalogue.FAULTS`; empty: all.
        crash_at_write: share of writes of a vote just before or after which the process is killed.
        triggered: share of elections, votes, leases and resignations that make a fault strike a node involved.
        unwilling: share of nodes that are no candidates after everything else is healed; never all nodes.
    """

    every: float = 0.5
    kinds: tuple[str, ...] = ()
    crash_at_write: float = 0.0
    triggered: float = 0.0
    unwilling: float = 0.0

    def __post_init__(self) -> None:
        arguments.number("every", self.every, SHORTEST_S)
        for name in ("crash_at_write", "triggered", "unwilling"):
            arguments.number(name, getattr(self, name), 0, 1)
        _texts("kinds", self.kinds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of a simulation; durations in seconds.

    >>> Options(nodes=5, seed=7, loss=0.05).node_ids
    ('a', 'b', 'c', 'd', 'e')

    Attributes:
        nodes: number of nodes; their ids are "a", "b", …
        seed: one seed gives one transcript.
        elections: one or more; every node is a candidate in each.
        heartbeat_interval: s.
        support_duration: s; at least 3 heartbeat intervals.
        clock_drift: largest error of a clock that the nodes allow for, as a share from 0 to 0.2.
        drift: largest error of the simulated clocks, as a share.
        offset_rule: "prefer" or "require".
        failback: time after which an election other than `default` is handed to the node that heads it, s; None: never.
        grace: time that the application has to acknowledge a loss, 0 to 60 s.
        delay: of one frame, one way.
        loss: share of frames that are lost silently, as by a full outbox.
        duplication: share of frames that arrive twice. TCP never does this; the protocol tolerates it.
        reordering: share of frames that arrive out of order. TCP never does this either.
        untrusted: share of pairs of nodes with a proxy between them, whose closed sockets prove nothing.
        disk_latency: of one durable write.
        acknowledgement: duration of each callback of the application.
        raising: share of leaderships whose application raises: the node resigns, and may leave the election for a time.
        health: time until the application's health hook answers first; None: no hook.
        coalescer: heartbeats without news wait for the next tick, as in a real node.
        is_encoded: every message is encoded and decoded, as on the wire.
        lateness: of a timer.
        backoff: time between two dials.
        voters: by node, its own list of voters, which includes the node; a node that is left out lists all. With it
            the stores are new; without it they have met each other before.
        changes: changes of the members that an operator asks for, on average a second.
        seals: requests for a seal, on average a second, until one is complete.
        is_standby: the cluster stands by at first.
        promotions: promotions of a cluster that stands by, on average a second.
        learner_lag_max: largest offset by which a learner that becomes a voter may lag behind; None: any.
        starts: by node, the time of its first start, s; a node that is left out starts at once.
        faults: that strike at random; None: none.
    """

    nodes: int = 3
    seed: int = 0
    elections: tuple[str, ...] = ("default",)
    heartbeat_interval: float = 0.2
    support_duration: float = 1.0
    clock_drift: float = 0.01
    drift: float = 0.0
    offset_rule: str = "prefer"
    failback: float | None = None
    grace: float = 5.0
    delay: Span = field(default_factory=lambda: Span(low=0.000_05, high=0.000_5))
    loss: float = 0.0
    duplication: float = 0.0
    reordering: float = 0.0
    untrusted: float = 0.0
    disk_latency: Span = field(default_factory=lambda: Span(low=0.000_2, high=0.002))
    acknowledgement: Span = field(default_factory=lambda: Span(low=0.0, high=0.001))
    raising: float = 0.0
    health: Span | None = None
    coalescer: bool = True
    is_encoded: bool = False
    lateness: Span = field(default_factory=lambda: Span(low=0.0, high=0.000_2))
    backoff: Span = field(default_factory=lambda: Span(low=0.02, high=0.1))
    voters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    starts: Mapping[str, float] = field(default_factory=dict)
    changes: float = 0.0
    seals: float = 0.0
    is_standby: bool = False
    promotions: float = 0.0
    learner_lag_max: int | None = None
    faults: Faults | None = None

    def __post_init__(self) -> None:
        arguments.integer("nodes", self.nodes, 1, NODES_MAX)
        if isinstance(self.seed, bool) or not isinstance(self.seed, int):
            raise TypeError(f"seed is {self.seed!r}; a whole number is needed")
        self._check_kinds_of_values()
        self._check_timing()
        self._check_elections()
        self._check_nodes()
        if not 0 <= self.drift <= self.clock_drift:
            raise ValueError(f"drift is {self.drift}; no promise holds beyond clock_drift, {self.clock_drift}")
        for name in ("loss", "duplication", "reordering", "untrusted", "raising"):
            arguments.number(name, getattr(self, name), 0, 1)

    def _check_kinds_of_values(self) -> None:
        for name in ("drift", "changes", "seals", "promotions"):
            arguments.number(name, getattr(self, name))
        if self.learner_lag_max is not None:
            arguments.integer("learner_lag_max", self.learner_lag_max, 0, OFFSET_MAX)
        for name in ("delay", "disk_latency", "acknowledgement", "lateness", "backoff"):
            arguments.check_type(name, getattr(self, name), Span, "a Span")
        arguments.check_type("health", self.health, (Span, type(None)), "a Span or None")
        arguments.check_type("faults", self.faults, (Faults, type(None)), "a Faults or None")
        for name in ("coalescer", "is_encoded", "is_standby"):
            arguments.flag(name, getattr(self, name))
        arguments.choice("offset_rule", self.offset_rule, ("prefer", "require"))

    def _check_timing(self) -> None:
        """Check what the Config of a real node would refuse, too."""
        for name in ("heartbeat_interval", "support_duration"):
            arguments.number(name, getattr(self, name), SHORTEST_S, DURATION_NS_MAX / NS_PER_S)
        arguments.number("clock_drift", self.clock_drift, 0, rules.CLOCK_DRIFT_MAX)
        arguments.number("grace", self.grace, 0, rules.GRACE_NS_MAX / NS_PER_S)
        if self.failback is not None:
            arguments.number("failback", self.failback, self.support_duration, rules.FAILBACK_NS_MAX / NS_PER_S)
        least = rules.HEARTBEATS_PER_SUPPORT_MIN
        # An interval that is a third of a duration may be rounded up, by half a nanosecond each time.
        if nanoseconds(self.support_duration) + least < least * nanoseconds(self.heartbeat_interval):
            raise ValueError(
                f"support_duration is {self.support_duration}; it must be at least {least} × heartbeat_interval,"
                f" {least} × {self.heartbeat_interval}"
            )

    def _check_elections(self) -> None:
        names = _texts("elections", self.elections)
        if not names:
            raise ValueError("elections is empty; one name or more is needed")
        for election in names:
            check_name("elections", election)
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            raise ValueError(f"elections has {', '.join(twice)} more than once; remove one")

    def _check_nodes(self) -> None:
        for name in ("voters", "starts"):
            given: object = getattr(self, name)
            arguments.check_type(name, given, Mapping, "a mapping from nodes")
            for node_id in getattr(self, name):
                if arguments.text(f"a key of {name}", node_id) not in self.node_ids:
                    raise ValueError(f"{name} has {node_id!r}; the nodes are {', '.join(self.node_ids)}")
        for node_id, voters in self.voters.items():
            if not {node_id} <= {*_texts(f"voters of {node_id!r}", voters)} <= {*self.node_ids}:
                raise ValueError(f"voters of {node_id!r} are {voters}: {node_id!r} and other nodes are needed")
        for node_id, seconds in self.starts.items():
            arguments.number(f"starts[{node_id!r}]", seconds)

    @property
    def node_ids(self) -> tuple[str, ...]:
        """Return the ids of the nodes."""
        return tuple(ascii_lowercase[: self.nodes])

    @property
    def settle_seconds(self) -> float:
        """Return the time within which a healed cluster elects, s (PROTOCOL.md, section 9)."""
        return 2 * self.support_duration + 10 * self.heartbeat_interval

    @property
    def members_seconds(self) -> float:
        """Return the time within which a healed cluster has all of its members, each with its part, s.

        One after the other they join, are ready after ten intervals, and get their votes after a wait.
        """
        a_member = 20 * self.heartbeat_interval + 3 * self.support_duration + 3.0
        return self.settle_seconds + MEMBERS_JOINING_MAX * a_member

    @property
    def failback_seconds(self) -> float:
        """Return the time within which a cluster with a leader for each election hands over the last one, s."""
        return 0.0 if self.failback is None else WAIT_FACTOR_MAX * self.failback + self.settle_seconds
