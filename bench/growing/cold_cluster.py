"""Five nodes that start together, and the loss of the one that formed the cluster: the round of cold_clusters.py."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from elect.testing.real_processes import Plan, ProcessCluster, overlaps, tenures
from wire.common.deadline import now_s

from .shown_members import shared_terms, wait_for_voters, wipe

NODES = ("a", "b", "c", "d", "e")

COLUMNS = ("leader", "all vote", "wiped: a leader", "wiped: votes")
"""Seconds: from the start of the last process to the first lease, and to the last vote; from the start of the wiped one
to the lease of a leader, and to its vote."""


def smallest_seed(running: ProcessCluster) -> str:
    """Return the node with the smallest address."""
    return min(running.addresses, key=lambda node: int(running.addresses[node].rpartition(":")[2]))


def start_together(directory: Path, timing: Mapping[str, str]) -> Sequence[float]:
    """Start a cluster and wipe the node that formed it; return the times, as in COLUMNS.

    Args:
        directory: of the nodes.
        timing: lines of the `[timing]` table, by name.

    Raises:
        TimeoutError, AssertionError: it was not good.
    """
    plan = Plan(directory=directory, nodes=NODES, seeds=NODES, timing=timing, with_http=True)
    with ProcessCluster(plan) as running:
        began = now_s()
        running.wait_for_leader()
        led = now_s() - began
        formed = wait_for_voters(running, NODES)
        voting, known, lost = now_s() - began, len(running.events), smallest_seed(running)
        wipe(running, lost)
        began = now_s()
        running.nodes[lost].start()
        if formed.leader == lost:
            running.wait_for_leader(since=known, besides=lost)
        led_again = now_s() - began
        rejoined = wait_for_voters(running, NODES)
        times = led, voting, led_again, now_s() - began
        assert formed.cluster_id is not None, "the cluster has no id"
        assert rejoined.cluster_id == formed.cluster_id, "the wiped node is in another cluster"
        store = rejoined.stores[rejoined.voters.index(lost)]
        assert store not in (None, *formed.stores), "the wiped node votes under its former store"
        assert rejoined.order > formed.order, "the members have not changed"
        assert not overlaps(tenures(running.events)), "two leaders at one time"
        assert not shared_terms(running.events), "two leaders in one term"
        return times
