"""The gauges about the membership of a node, which are computed at each scrape."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from elect.core.configuration import ClusterState, Configuration, MemberKind
from elect.monitoring.member_status import MemberState, state_of

PARTS = (
    (MemberKind.VOTER, MemberState.VOTER),
    (MemberKind.VOTER, MemberState.LEARNER),
    (MemberKind.WITNESS, MemberState.WITNESS),
    (MemberKind.WITNESS, MemberState.LEARNER),
    (MemberKind.OBSERVER, MemberState.OBSERVER),
)
"""Every kind of member with each part that it may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSample:
    """The mirror of a node at the moment of a scrape.

    Attributes:
        state: one of `states`.
        states: all that a mirror may have.
        lag: the time for which it may lack changes, s; infinite: not known.
        revision: the last change that was applied.
        snapshots: that were applied since the start.
        links: to the source, since the start.
    """

    state: str
    states: Sequence[str]
    lag: float
    revision: int
    snapshots: int
    links: int


DIGEST_BYTES = 6
"""A sample is a float, which holds whole numbers of up to 53 bits."""


def member_gauges(configuration: Configuration, unsupportive: Collection[str]) -> Iterator[Metric]:
    """Yield the gauges about a configuration.

    Args:
        configuration: the one that this node has installed.
        unsupportive: the peers that do not support this node.
    """
    counted = Counter((member.kind, state_of(member)) for member in configuration.members)
    members = GaugeMetricFamily(
        "elect_members", "Members by their kind and the part that they take now.", labels=["kind", "state"]
    )
    for part in PARTS:
        members.add_metric(part, counted[part])
    yield members
    yield GaugeMetricFamily(
        "elect_voters_missing",
        "Voters that do not support this node. None may be missing for long.",
        len(set(configuration.voters).intersection(unsupportive)),
    )
    yield GaugeMetricFamily(
        "elect_configuration_digest",
        "Digest of the configuration as a number: the same on nodes that agree about the members. 0: no members yet.",
        int.from_bytes(configuration.id.digest[:DIGEST_BYTES], "big") if configuration.members else 0,
    )
    yield GaugeMetricFamily(
        "elect_configuration_term", "Term of the leader that made the configuration.", configuration.term
    )
    yield GaugeMetricFamily(
        "elect_configuration_version", "Changes of the members since the cluster began.", configuration.version
    )
    yield _one_hot("elect_cluster_state", "1 for the state of the cluster.", configuration.state, [*ClusterState])


def lifecycle_gauge(state: str, states: Sequence[str]) -> Metric:
    """Return a gauge that is 1 for the state of the node and 0 for each other one."""
    text = "1 for the phase of this node as a member of its cluster, 0 for each other one."
    return _one_hot("elect_lifecycle", text, state, states)


def site_metrics(sample: SiteSample) -> Iterator[Metric]:
    """Yield the metrics about the mirror of a node."""
    yield _one_hot("elect_mirror_state", "1 for the state of this node's mirror.", sample.state, sample.states)
    yield GaugeMetricFamily(
        "elect_mirror_lag_seconds", "Time for which the mirror may lack changes of its source.", sample.lag
    )
    yield GaugeMetricFamily("elect_mirror_revision", "Last change of its source that was applied.", sample.revision)
    yield CounterMetricFamily("elect_mirror_snapshots", "Snapshots of the source that were applied.", sample.snapshots)
    yield CounterMetricFamily("elect_mirror_links", "Links on which the source welcomed the mirror.", sample.links)


def _one_hot(name: str, text: str, state: str, states: Sequence[str]) -> Metric:
    gauge = GaugeMetricFamily(name, text, labels=["state"])
    for each in states:
        gauge.add_metric([each], each == state)
    return gauge
