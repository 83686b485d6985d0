"""What a simulation is told once, at its start. Seconds here, as at every public edge; nanoseconds inside."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from string import ascii_lowercase

from elect.core.messages import check_name
from wire.common import arguments

NANOSECONDS = 1_000_000_000
NODES_MAX = len(ascii_lowercase)
SHORTEST_S = 0.001
"""Of what comes again and again."""


def _texts(name: str, values: object) -> tuple[str, ...]:
    if not isinstance(values, tuple):
        raise TypeError(f"{name} is {values!r}; a tuple of texts is needed")
    return tuple(arguments.text(f"one of {name}", value) for value in values)


def nanoseconds(seconds: float) -> int:
    """Seconds as whole nanoseconds."""
    return round(seconds * NANOSECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A duration drawn at random, s: mostly near `low`, seldom near `high`.

    Attributes:
        low: the least.
        high: the most.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            arguments.number(name, getattr(self, name))
        if not self.low <= self.high:
            raise ValueError(f"span from {self.low} to {self.high}: 0 <= low <= high is needed")

    def draw(self, rng: Random) -> int:
        """One value, ns."""
        share = rng.random()
        return round((self.low + (self.high - self.low) * share * share * share) * NANOSECONDS)

    def capped(self, high: float) -> "Span":
        """The same, but never above `high`."""
        return Span(low=min(self.low, high), high=min(self.high, high))


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What the nemesis does, and how often.

    Attributes:
        every: mean time between two faults, s.
        kinds: names of `elect.testing.faults.catalogue.FAULTS` to choose from; empty: all of them.
        crash_at_write: share of writes with votes around which the process is killed.
        triggered: share of elections, votes, leases and resignations at which a fault strikes the nodes involved.
        unwilling: share of nodes, never all, that stay out of candidacies when everything else is healed.
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
    """A world.

    Attributes:
        nodes: how many, named "a", "b", …
        seed: fixes everything that is left to chance.
        elections: in which every node stands.
        heartbeat_interval: s.
        support_duration: s.
        clock_drift: how far from true the nodes believe that clocks may run, as a share.
        drift: how far from true they do run, at most.
        offset_rule: "prefer" or "require".
        grace: how long the application may take to acknowledge a loss, s.
        delay: of one frame, one way.
        loss: share of frames dropped silently, as by a full outbox.
        duplication: share of frames that arrive twice. TCP never does this; the protocol bears it.
        reordering: share of frames that overtake or are overtaken. TCP never does this either.
        untrusted: share of pairs of nodes between which something terminates TCP.
        disk_latency: of one durable write.
        acknowledgement: how long each of the application's callbacks takes.
        raising: share of leaderships whose application raises: the node resigns, or its work stands back for a while.
        health: how long the application's health hook takes for its first answer; None: there is no hook.
        coalescer: heartbeats without news wait for the next tick, as in the product.
        is_encoded: every message is really encoded and decoded, as on a wire.
        previous: ids of nodes that run the previous version: what it doesn't know is lost on the way.
        lateness: of a timer.
        backoff: between two attempts to dial.
        voters: by node, the ids in its own list of voters, itself among them; a node that is left out lists all.
            Stores are new then: without it they are as old as the world, which had no votes before.
        starts: by node, when it starts first, s; a node that is left out starts at once.
        faults: what the nemesis does; None: nothing.
    """

    nodes: int = 3
    seed: int = 0
    elections: tuple[str, ...] = ("default",)
    heartbeat_interval: float = 0.1
    support_duration: float = 1.0
    clock_drift: float = 0.01
    drift: float = 0.0
    offset_rule: str = "prefer"
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
    previous: tuple[str, ...] = ()
    lateness: Span = field(default_factory=lambda: Span(low=0.0, high=0.000_2))
    backoff: Span = field(default_factory=lambda: Span(low=0.02, high=0.1))
    voters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    starts: Mapping[str, float] = field(default_factory=dict)
    faults: Faults | None = None

    def __post_init__(self) -> None:
        arguments.integer("nodes", self.nodes, 1, NODES_MAX)
        arguments.check_type("seed", self.seed, int, "a whole number")
        self._check_kinds_of_values()
        if not 0 <= self.drift <= self.clock_drift:
            raise ValueError(f"drift is {self.drift}; no promise holds beyond clock_drift, {self.clock_drift}")
        for name in ("loss", "duplication", "reordering", "untrusted", "raising"):
            arguments.number(name, getattr(self, name), 0, 1)
        for node_id, voters in self.voters.items():
            if not {node_id} <= {*voters} <= {*self.node_ids}:
                raise ValueError(f"voters of {node_id!r} are {voters}: {node_id!r} and other nodes are needed")
        if not {*self.previous} <= {*self.node_ids}:
            raise ValueError(f"previous is {self.previous}; the nodes are {self.node_ids}")

    def _check_kinds_of_values(self) -> None:
        for name in ("heartbeat_interval", "support_duration"):
            arguments.number(name, getattr(self, name), SHORTEST_S)
        for name in ("clock_drift", "drift", "grace"):
            arguments.number(name, getattr(self, name))
        for name in ("delay", "disk_latency", "acknowledgement", "lateness", "backoff"):
            arguments.check_type(name, getattr(self, name), Span, "a Span")
        arguments.check_type("health", self.health, (Span, type(None)), "a Span or None")
        arguments.check_type("faults", self.faults, (Faults, type(None)), "a Faults or None")
        for name in ("coalescer", "is_encoded"):
            arguments.flag(name, getattr(self, name))
        arguments.choice("offset_rule", self.offset_rule, ("prefer", "require"))
        _texts("previous", self.previous)
        for election in _texts("elections", self.elections):
            check_name("elections", election)

    @property
    def node_ids(self) -> tuple[str, ...]:
        """The nodes' names."""
        return tuple(ascii_lowercase[: self.nodes])

    @property
    def settle_seconds(self) -> float:
        """Time within which a healed cluster elects: PROTOCOL.md, section 8."""
        return 2 * self.support_duration + 10 * self.heartbeat_interval
