"""What this node counts and measures, for Prometheus: the elect_* series.

What is true at the moment of a scrape (leases, terms, roles, what was heard of peers) is asked for then and never
stored: a lease that lapsed is not shown as held because nobody came to say so.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from elect.clock import Clock, now_ns
from elect.core.events import Event, Role
from elect.monitoring.counters import EventCounters, label_for
from wire.common import arguments

Registry = CollectorRegistry
"""So that others can name the type without importing the library."""

SECOND_NS = 1_000_000_000

_FAILOVER_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_DELAY_BUCKETS = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ElectionSample:
    """One election at the moment of a scrape; `lease_remaining_ns` is 0 unless this node leads on a valid lease."""

    election: str
    term: int
    role: Role
    lease_remaining_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerSample:
    """One peer at the moment of a scrape.

    Attributes:
        peer: its id.
        is_supported: it supports this node, as counted here.
        last_heard_ns: how long ago it was heard, or None: never.
        is_objecting: it keeps this node from every election.
        is_doubled: two processes use its id.
    """

    peer: str
    is_supported: bool
    last_heard_ns: int | None = None
    is_objecting: bool = False
    is_doubled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """All that is asked for at a scrape."""

    elections: Collection[ElectionSample] = ()
    peers: Collection[PeerSample] = ()
    inbox_depth: int = 0
    is_store_failing: bool = False
    is_insecure: bool = False
    is_doubled: bool = False
    log_records_dropped: int = 0


class Metrics:
    """The series of one node; what is counted is told by the node's threads, the rest is asked for.

    Args:
        registry: where they go; default: a new one.
        named: elections that keep series of their own however many there are.
        clock: the node's.
        is_registered: whether the series are in the registry at once, or from `register` on.
    """

    def __init__(
        self,
        registry: CollectorRegistry | None = None,
        *,
        named: Collection[str] = (),
        clock: Clock = now_ns,
        is_registered: bool = True,
    ) -> None:
        arguments.check_type("registry", registry, (CollectorRegistry, type(None)), "a CollectorRegistry")
        if isinstance(named, str) or not isinstance(named, Collection):
            raise TypeError(f"named is {named!r}; a collection of names is needed")
        self.registry = CollectorRegistry() if registry is None else registry
        self._counters = EventCounters()
        self._scrape = _Scrape(self._counters, named, clock)
        self._failover = Histogram(
            "elect_failover_seconds",
            "From a leader lost to the next one known.",
            buckets=_FAILOVER_BUCKETS,
            registry=None,
        )
        self._rtt = Histogram(
            "elect_peer_rtt_seconds",
            "From a heartbeat to its acknowledgement.",
            ["peer"],
            buckets=_DELAY_BUCKETS,
            registry=None,
        )
        self._store_write = Histogram(
            "elect_store_write_seconds", "One durable transaction.", buckets=_DELAY_BUCKETS, registry=None
        )
        self._loop_lag = Histogram(
            "elect_loop_lag_seconds", "How late the protocol's thread was.", buckets=_DELAY_BUCKETS, registry=None
        )
        self._ignored = Counter(
            "elect_ignored_entries", "What peers said of more elections than one node keeps.", registry=None
        )
        self._bugs = Counter("elect_bugs", "Errors of this program itself; any is worth a report.", registry=None)
        self._collectors: tuple[Collector, ...] = (
            self._scrape,
            self._failover,
            self._rtt,
            self._store_write,
            self._loop_lag,
            self._ignored,
            self._bugs,
        )
        self._registered: list[Collector] = []
        if is_registered:
            self.register()

    def register(self) -> None:
        """Put the series into the registry; idempotent.

        Raises:
            ValueError: it has series of these names, another node's for one; none is put into it.
        """
        try:
            for collector in self._collectors[len(self._registered) :]:
                self.registry.register(collector)
                self._registered.append(collector)
        except ValueError:
            self.close()
            raise

    def attach(self, sample: Callable[[], Sample]) -> None:
        """From now on a scrape asks this; it is called on the scraping thread, and must not block."""
        arguments.check_callable("sample", sample)
        self._scrape.sample = sample

    def close(self) -> None:
        """Take the series out of the registry, so that another node may have them; idempotent."""
        while self._registered:
            self.registry.unregister(self._registered.pop())

    def observe(self, event: Event) -> None:
        """Count an event of the core."""
        if (failover_ns := self._counters.observe(event)) is not None:
            self._failover.observe(failover_ns / SECOND_NS)

    def observe_round_trip(self, peer: str, took_ns: int) -> None:
        """A heartbeat of ours was acknowledged after so long."""
        self._rtt.labels(peer).observe(took_ns / SECOND_NS)

    def observe_store_write(self, took_ns: int) -> None:
        """A transaction took so long."""
        self._store_write.observe(took_ns / SECOND_NS)

    def observe_loop_lag(self, lag_ns: int) -> None:
        """The protocol's thread was so late."""
        self._loop_lag.observe(lag_ns / SECOND_NS)

    def observe_ignored(self, entries: int) -> None:
        """Peers said so much of elections that are not kept."""
        self._ignored.inc(entries)

    def count_bug(self) -> None:
        """An error of ours was caught at the edge of a thread."""
        self._bugs.inc()


class _Scrape(Collector):
    """What is worked out anew for each scrape."""

    def __init__(self, counters: EventCounters, named: Collection[str], clock: Clock) -> None:
        self.sample: Callable[[], Sample] = Sample
        self._counters = counters
        self._named = frozenset(named)
        self._clock = clock

    def collect(self) -> Iterable[Metric]:
        """All series; also what a registry asks for to learn the names."""
        sample = self.sample()
        counts = self._counters.counts(self._clock())
        label = label_for({*(each.election for each in sample.elections), *counts.leaderless_ns}, self._named)
        yield from _election_gauges(sample.elections, label)
        yield _counter("elect_role_changes", "Changes of role.", ["role", "reason"], counts.role_changes, label)
        yield _counter("elect_campaigns", "Campaigns, by how they ended.", ["outcome"], counts.campaigns, label)
        yield _counter("elect_votes", "Votes asked of this node, by its answer.", ["answer"], counts.votes, label)
        leaderless_s: dict[tuple[str, ...], float] = {
            (election,): time_ns / SECOND_NS for election, time_ns in counts.leaderless_ns.items()
        }
        yield _counter("elect_leaderless_seconds", "Time without a leader known here.", [], leaderless_s, label)
        yield from _peer_gauges(sample.peers)
        yield GaugeMetricFamily("elect_inbox_depth", "Inputs that wait for the protocol's thread.", sample.inbox_depth)
        yield GaugeMetricFamily(
            "elect_store_failing", "Whether votes can't be written now: no candidate.", sample.is_store_failing
        )
        yield GaugeMetricFamily(
            "elect_insecure", "Whether this node was told to take part although nothing is proven.", sample.is_insecure
        )
        yield GaugeMetricFamily(
            "elect_doubled", "Whether a peer says that another process uses this node's id.", sample.is_doubled
        )
        yield CounterMetricFamily(
            "elect_log_records_dropped", "Log records that no handler got, in this process.", sample.log_records_dropped
        )


def _counter(
    name: str, text: str, labels: list[str], counts: Mapping[tuple[str, ...], float], label: Callable[[str], str]
) -> Metric:
    family = CounterMetricFamily(name, text, labels=["election", *labels])
    totals: dict[tuple[str, ...], float] = {}
    for (election, *rest), count in counts.items():
        key = (label(election), *rest)
        totals[key] = totals.get(key, 0) + count
    for key, total in totals.items():
        family.add_metric(key, total)
    return family


def _election_gauges(elections: Iterable[ElectionSample], label: Callable[[str], str]) -> Iterator[Metric]:
    """Leases and roles add up; of terms the highest is shown, and of the leases held the one that ends first."""
    leading = GaugeMetricFamily("elect_is_leader", "Valid leases held now.", labels=["election"])
    terms = GaugeMetricFamily("elect_term", "The term; of several the highest.", labels=["election"])
    leases = GaugeMetricFamily(
        "elect_lease_remaining_seconds", "What is left of the lease; of several held the least.", labels=["election"]
    )
    roles = GaugeMetricFamily("elect_role", "Elections in which this node has the role.", labels=["election", "role"])
    by_label: dict[str, list[ElectionSample]] = {}
    for each in elections:
        by_label.setdefault(label(each.election), []).append(each)
    for name, group in by_label.items():
        held = [each.lease_remaining_ns for each in group if each.lease_remaining_ns > 0]
        leading.add_metric([name], len(held))
        terms.add_metric([name], max(each.term for each in group))
        leases.add_metric([name], min(held, default=0) / SECOND_NS)
        for role in Role:
            roles.add_metric([name, role], sum(each.role is role for each in group))
    yield from (leading, terms, leases, roles)


def _peer_gauges(peers: Iterable[PeerSample]) -> Iterator[Metric]:
    supported = GaugeMetricFamily("elect_peer_supported", "Whether the peer supports this node.", labels=["peer"])
    doubled = GaugeMetricFamily("elect_peer_doubled", "Whether two processes use the peer's id.", labels=["peer"])
    heard = GaugeMetricFamily("elect_peer_last_heard_seconds", "Since the peer was last heard.", labels=["peer"])
    objecting = GaugeMetricFamily(
        "elect_peer_objecting",
        "1 while the peer keeps this node from every election: its list of voters or its record of stores differs.",
        labels=["peer"],
    )
    for each in peers:
        objecting.add_metric([each.peer], each.is_objecting)
        supported.add_metric([each.peer], each.is_supported)
        doubled.add_metric([each.peer], each.is_doubled)
        if each.last_heard_ns is not None:
            heard.add_metric([each.peer], each.last_heard_ns / SECOND_NS)
    yield from (supported, objecting, doubled, heard)
