"""The elect_* metrics of a node, for Prometheus.

Leases, terms, roles and the state of peers are read at each scrape and never stored: an expired lease cannot be shown
as held.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from elect.clock import NS_PER_S, Clock, now_ns
from elect.core.configuration import NO_MEMBERS, Configuration
from elect.core.events import Event, FailedBack, Installed, PeerDismissed, Role
from elect.monitoring.counters import EventCounters, label_for
from elect.monitoring.election_metrics import ElectionSample, election_gauges
from elect.monitoring.member_metrics import SiteSample, lifecycle_gauge, member_gauges, site_metrics
from elect.monitoring.membership_changes import changes_between
from elect.monitoring.peer_health import UNHEARD, PeerHealth
from wire.common import arguments
from wire.common.log import harmless
from wire.link_metrics import WireMetrics

Registry = CollectorRegistry
"""The type, for files that do not import the library."""

ELECTED = "elected"
"""The reason of each change to the role of leader."""

_FAILOVER_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_DELAY_BUCKETS = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerSample:
    """One peer at the moment of a scrape.

    Attributes:
        peer: its id.
        is_supported: whether it supports this node, as counted here.
        health: when it was heard, and whether it is suspect or leaving.
        is_objecting: whether it keeps this node from every election.
        is_doubled: whether two processes use its id.
    """

    peer: str
    is_supported: bool
    health: PeerHealth = UNHEARD
    is_objecting: bool = False
    is_doubled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A node at the moment of a scrape; `lifecycle` is the state of its life, one of `lifecycle_states`."""

    elections: Collection[ElectionSample] = ()
    peers: Collection[PeerSample] = ()
    configuration: Configuration = NO_MEMBERS
    lifecycle: str = ""
    lifecycle_states: Sequence[str] = ()
    inbox_depth: int = 0
    clients: int = 0
    mirrors: int = 0
    site: SiteSample | None = None
    is_store_failing: bool = False
    is_insecure: bool = False
    is_doubled: bool = False
    log_records_dropped: int = 0


class Metrics:
    """The metrics of one node: its threads count events, and a scrape reads the rest.

    Args:
        registry: takes the metrics; default: a new one.
        named: elections that keep series of their own, whatever the number of elections.
        clock: the node's.
        is_registered: whether the metrics are in the registry at once; otherwise from `register` on.
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
        self._scrape = _Scrape(self._counters, [arguments.text("named", name) for name in named], clock)
        self._failover = _histogram(
            "elect_failover_seconds",
            "Time from the loss of a leader to the next leader, as this node knew them.",
            _FAILOVER_BUCKETS,
        )
        self._rtt = _histogram("elect_peer_rtt_seconds", "Time from a heartbeat to its answer.", labels=["peer"])
        self._store_write = _histogram("elect_store_write_seconds", "Duration of a durable write to data_dir.")
        self._loop_lag = _histogram("elect_loop_lag_seconds", "Delay of the thread that runs the elections.")
        self._ignored = _events(
            "elect_ignored_entries", "Entries from peers about elections beyond the limit of a node."
        )
        self._failbacks = _events("elect_failbacks", "Elections that this node handed to the node that comes first.")
        self._changes = _events(
            "elect_membership_changes",
            "Changes of the members that this node has installed (outcome installed), or refused, with the reason.",
            labels=["change", "outcome"],
        )
        self._refused = _events(
            "elect_client_messages_refused",
            "Messages of clients that only a node may send, by kind. Each ended the link of its client.",
            labels=["kind"],
        )
        self._mirror_refused = _events(
            "elect_mirror_messages_refused",
            "Messages of mirrors that a mirror must not send, by kind. Each ended its link.",
            labels=["kind"],
        )
        self._bugs = _events("elect_bugs", "Internal errors of elect; please report any.")
        self._collectors: tuple[Collector, ...] = (
            *(self._scrape, self._failover, self._rtt, self._store_write, self._loop_lag),
            *(self._ignored, self._failbacks, self._changes, self._refused, self._mirror_refused, self._bugs),
        )
        self._registered: list[Collector] = []
        if is_registered:
            self.register()

    def register(self) -> None:
        """Put the metrics into the registry; idempotent.

        Raises:
            ValueError: the registry has metrics of these names, such as another node's; it is left as it was.
        """
        try:
            for collector in self._collectors[len(self._registered) :]:
                self.registry.register(collector)
                self._registered.append(collector)
        except ValueError:
            self.close()
            raise

    def attach(self, sample: Callable[[], Sample]) -> None:
        """Let each scrape call `sample`, on the scraping thread; it must not block."""
        arguments.check_callable("sample", sample)
        self._scrape.sample = sample

    def close(self) -> None:
        """Take the metrics out of the registry, so that another node can use it; idempotent."""
        while self._registered:
            self.registry.unregister(self._registered.pop())

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Return all metrics of the registry as text, and its content type.

        Args:
            accept: the Accept header of the scraper; it selects the format. One without a meaning selects text.
        """
        try:
            encode, content_type = choose_encoder(accept)
        except (TypeError, ValueError):  # it compares a version that is no number
            encode, content_type = choose_encoder("")
        return encode(self.registry), content_type

    def observe(self, event: Event) -> None:
        """Count an event of the core."""
        if isinstance(event, FailedBack):
            self._failbacks.inc()
        if isinstance(event, PeerDismissed):
            with suppress(KeyError):  # it was never heard
                self._rtt.remove(event.peer)
        if isinstance(event, Installed):
            for each in changes_between(event.former, event.configuration):
                self.count_change(each.change, "installed")
        if (failover_ns := self._counters.observe(event)) is not None:
            self._failover.observe(failover_ns / NS_PER_S)

    def observe_round_trip(self, peer: str, took_ns: int) -> None:
        """Record the time from a heartbeat to its acknowledgement."""
        self._rtt.labels(peer).observe(took_ns / NS_PER_S)

    def observe_store_write(self, took_ns: int) -> None:
        """Record the duration of a write."""
        self._store_write.observe(took_ns / NS_PER_S)

    def observe_loop_lag(self, lag_ns: int) -> None:
        """Record the delay of the orchestrator thread."""
        self._loop_lag.observe(lag_ns / NS_PER_S)

    def observe_ignored(self, entries: int) -> None:
        """Count entries about elections beyond the limit."""
        self._ignored.inc(entries)

    def count_change(self, change: str, outcome: str) -> None:
        """Count a change of the members.

        Args:
            change: a MembershipChange.
            outcome: "installed", or the reason of the refusal.
        """
        self._changes.labels(change, outcome).inc()

    def count_refused(self, kind: str) -> None:
        """Count a message that a client must not send; `kind` is one of those that a node's codec carries."""
        self._refused.labels(kind).inc()

    def count_mirror_refused(self, kind: str) -> None:
        """Count a message that a mirror must not send."""
        self._mirror_refused.labels(kind).inc()

    def count_bug(self) -> None:
        """Count an internal error that was caught at the edge of a thread."""
        self._bugs.inc()


class MetricsRegistration:
    """Puts the metrics of elect and wire into a registry and takes them out again.

    A given registry has the metrics of one node at a time, from its start to its stop. A registry of the node's own
    always has them.

    Args:
        given: a Metrics, or the registry for one; None: a registry of the node's own.
        sample: called at each scrape.
        clock: the node's.

    Attributes:
        metrics: those of elect.
        meter: those of wire.
    """

    def __init__(self, given: Metrics | Registry | None, sample: Callable[[], Sample], clock: Clock) -> None:
        is_own = given is None
        self._sample = sample
        self.metrics = given if isinstance(given, Metrics) else Metrics(given, clock=clock, is_registered=is_own)
        self.meter = WireMetrics(self.metrics.registry, is_registered=is_own)
        if is_own:
            self.metrics.attach(sample)
        self._lent: tuple[Metrics | WireMetrics, ...] = ()
        if not is_own:
            self._lent = (self.meter,) if isinstance(given, Metrics) else (self.meter, self.metrics)

    def register(self) -> None:
        """Put the metrics into the registry.

        Raises:
            ValueError: the registry has those of another node.
        """
        try:
            self.metrics.register()
            self.meter.register()
        except ValueError as error:
            raise ValueError(
                "metrics: the registry has those of another running node; stop it first, or give each node a registry"
                " of its own"
            ) from error
        self.metrics.attach(self._sample)

    def unregister(self) -> None:
        """Take the metrics out of a given registry, for a later node."""
        for series in self._lent:
            harmless(series.close)()


class _Scrape(Collector):
    """The metrics that are computed at each scrape."""

    def __init__(self, counters: EventCounters, named: Collection[str], clock: Clock) -> None:
        self.sample: Callable[[], Sample] = Sample
        self._counters = counters
        self._named = frozenset(named)
        self._clock = clock

    def collect(self) -> Iterable[Metric]:
        """Return all of them; a registry also calls this to learn the names."""
        sample = self.sample()
        counts = self._counters.counts(self._clock())
        label = label_for({*(each.election for each in sample.elections), *counts.leaderless_ns}, self._named)
        yield from election_gauges(sample.elections, label)
        # From the first scrape on: Prometheus sees no increase in a series that begins above 0.
        role_changes = {(each.election, Role.LEADER, ELECTED): 0 for each in sample.elections} | counts.role_changes
        yield _counter(
            "elect_role_changes",
            "Role changes of this node, by the rule that caused them.",
            ["role", "reason"],
            role_changes,
            label,
        )
        yield _counter("elect_campaigns", "Campaigns of this node, by outcome.", ["outcome"], counts.campaigns, label)
        yield _counter(
            "elect_votes",
            "Votes that candidates requested from this node, by its answer.",
            ["answer"],
            counts.votes,
            label,
        )
        leaderless_s: dict[tuple[str, ...], float] = {
            (election,): time_ns / NS_PER_S for election, time_ns in counts.leaderless_ns.items()
        }
        yield _counter("elect_leaderless_seconds", "Time in which this node knew no leader.", [], leaderless_s, label)
        yield from _peer_gauges(sample.peers, sample.configuration.voters)
        yield from member_gauges(sample.configuration, {each.peer for each in sample.peers if not each.is_supported})
        if sample.site is not None:
            yield from site_metrics(sample.site)
        yield lifecycle_gauge(sample.lifecycle, sample.lifecycle_states)
        yield GaugeMetricFamily(
            "elect_inbox_depth", "Inputs that wait for the thread that runs the elections.", sample.inbox_depth
        )
        yield GaugeMetricFamily("elect_clients", "Clients with a link to this node.", sample.clients)
        yield GaugeMetricFamily("elect_mirrors", "Mirrors of other sites that follow this node.", sample.mirrors)
        yield GaugeMetricFamily("elect_store_failing", "1 while this node cannot write votes.", sample.is_store_failing)
        yield GaugeMetricFamily(
            "elect_insecure", "1 if the node runs without authentication (insecure = true).", sample.is_insecure
        )
        yield GaugeMetricFamily(
            "elect_doubled", "1 while a peer reports that another process uses this node's id.", sample.is_doubled
        )
        yield CounterMetricFamily(
            "elect_log_records_dropped",
            "Log records and lines of output that were dropped, as nothing took them in time.",
            sample.log_records_dropped,
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


def _events(name: str, text: str, labels: Sequence[str] = ()) -> Counter:
    return Counter(name, text, labels, registry=None)


def _histogram(
    name: str, text: str, buckets: Sequence[float] = _DELAY_BUCKETS, labels: Sequence[str] = ()
) -> Histogram:
    return Histogram(name, text, labels, buckets=buckets, registry=None)


def _peer_gauges(peers: Iterable[PeerSample], voters: Collection[str]) -> Iterator[Metric]:
    supported = GaugeMetricFamily("elect_peer_supported", "1 while the peer supports this node.", labels=["peer"])
    voter = GaugeMetricFamily(
        "elect_peer_voter", "1 while the peer is a voter, of whom none may be missing for long.", labels=["peer"]
    )
    doubled = GaugeMetricFamily("elect_peer_doubled", "1 while two processes use the peer's id.", labels=["peer"])
    heard = GaugeMetricFamily("elect_peer_last_heard_seconds", "Time since the peer's last message.", labels=["peer"])
    suspect = GaugeMetricFamily(
        "elect_peer_suspect", "1 while nothing comes from the peer for a support duration.", labels=["peer"]
    )
    leaving = GaugeMetricFamily(
        "elect_peer_leaving", "1 from the moment the peer says that it stops, until its next link.", labels=["peer"]
    )
    objecting = GaugeMetricFamily(
        "elect_peer_objecting",
        "1 while the peer keeps this node from every election: its list of voters or its record of stores differs.",
        labels=["peer"],
    )
    for each in peers:
        objecting.add_metric([each.peer], each.is_objecting)
        supported.add_metric([each.peer], each.is_supported)
        voter.add_metric([each.peer], each.peer in voters)
        doubled.add_metric([each.peer], each.is_doubled)
        suspect.add_metric([each.peer], each.health.is_suspect)
        leaving.add_metric([each.peer], each.health.is_leaving)
        if each.health.last_heard_ns is not None:
            heard.add_metric([each.peer], each.health.last_heard_ns / NS_PER_S)
    yield from (supported, voter, objecting, doubled, heard, suspect, leaving)
