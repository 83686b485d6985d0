"""Keys and certificates replaced under a running cluster of processes: no node restarts, no term is lost."""

import signal
from pathlib import Path

import pytest

from bench.rotation import Rotation
from elect.testing.real_processes import Plan, ProcessCluster, ProcessEvent

NODES = "abc"
TURNS = 9
"""The time of one whole rotation: three steps of each node."""

SETTLED_S = 1.2
"""A node that was restarted is past its boot fence."""


def restart(cluster: ProcessCluster, node: str) -> None:
    """Crash a follower and restart it, with new links to every node."""
    cluster.nodes[node].signal(signal.SIGKILL)
    cluster.nodes[node].wait()
    since = len(cluster.events)
    cluster.nodes[node].start()
    cluster.wait_for(lambda event: is_following(event, node), since=since, timeout=20)


def is_following(event: ProcessEvent, node: str) -> bool:
    return event.node == node and event.event == "leader" and event.leader is not None


@pytest.mark.long
@pytest.mark.parametrize("security", ["key", "tls"])
def test_all_is_replaced_step_by_step_without_a_lost_term(security: str, tmp_path: Path) -> None:
    rotation = Rotation(tmp_path, NODES, security)
    with ProcessCluster(Plan(directory=tmp_path, security=rotation.lines)) as cluster:
        elected = cluster.wait_for_leader()
        cluster.wait_until_quiet(0.3)
        followers = [node for node in NODES if node != elected.node]
        since = len(cluster.events)
        for turn in range(TURNS):
            rotation.step()
            if turn % len(NODES) != 1:  # also while only some have taken the step
                restart(cluster, followers[0])
        cluster.wait_until_quiet(SETTLED_S)  # the lease can rest on the one that was restarted by then
        restart(cluster, followers[1])
        cluster.wait_until_quiet(0.3)
        changed = [event for event in cluster.events[since:] if event.event in ("elected", "lost")]
        assert changed == []
        since = len(cluster.events)
        cluster.nodes[elected.node].signal(signal.SIGKILL)
        cluster.wait_for_leader(since=since, besides=elected.node)
