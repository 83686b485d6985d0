"""The gauges about the elections of a node, which are computed at each scrape."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily, Metric

from elect.clock import NS_PER_S
from elect.core.events import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class ElectionSample:
    """One election at the moment of a scrape.

    Attributes:
        election: its name.
        term: the current one.
        role: of this node.
        lease_remaining_ns: 0 unless this node leads on a valid lease.
        is_leaderless: this node takes part in it, and knows no leader.
    """

    election: str
    term: int
    role: Role
    lease_remaining_ns: int = 0
    is_leaderless: bool = False


def election_gauges(elections: Iterable[ElectionSample], label: Callable[[str], str]) -> Iterator[Metric]:
    """Add up leases and roles; show the highest term, and of the leases held the one that ends first."""
    leading = GaugeMetricFamily(
        "elect_is_leader", "Elections that this node leads, on a valid lease.", labels=["election"]
    )
    terms = GaugeMetricFamily(
        "elect_term", "Current term, the token of its leader; of several elections the highest.", labels=["election"]
    )
    leaderless = GaugeMetricFamily(
        "elect_leaderless",
        "Elections that this node takes part in, and of which it knows no leader.",
        labels=["election"],
    )
    leases = GaugeMetricFamily(
        "elect_lease_remaining_seconds",
        "Time until the lease of this node expires, 0 without one; of several the shortest.",
        labels=["election"],
    )
    roles = GaugeMetricFamily("elect_role", "Elections in which this node has the role.", labels=["election", "role"])
    by_label: dict[str, list[ElectionSample]] = {}
    for each in elections:
        by_label.setdefault(label(each.election), []).append(each)
    for name, group in by_label.items():
        held = [each.lease_remaining_ns for each in group if each.lease_remaining_ns > 0]
        leading.add_metric([name], len(held))
        terms.add_metric([name], max(each.term for each in group))
        leases.add_metric([name], min(held, default=0) / NS_PER_S)
        leaderless.add_metric([name], sum(each.is_leaderless for each in group))
        for role in Role:
            roles.add_metric([name, role], sum(each.role is role for each in group))
    yield from (leading, leaderless, terms, leases, roles)
