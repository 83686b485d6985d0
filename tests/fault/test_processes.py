"""Three real processes: crashes, hangs, cuts and a proxy between them; leases never overlap."""

import random
import signal
import time
from pathlib import Path

import pytest

from elect.testing.real_processes import Plan, ProcessCluster, ProcessEvent, overlaps, tenures
from tests.fault.proxy import Network

SUPPORT_DURATION_S = 1.0
LONG_SUPPORT_S = 4
INTERVAL_S = 0.1


@pytest.fixture
def cluster(tmp_path: Path):
    with ProcessCluster(Plan(directory=tmp_path)) as running:
        yield running
        assert overlaps(tenures(running.events)) == []


@pytest.fixture
def network():
    with Network() as proxies:
        yield proxies


@pytest.fixture
def proxied(tmp_path: Path, network: Network):
    with ProcessCluster(Plan(directory=tmp_path, route=network.route)) as running:
        yield running
        network.heal()
        assert overlaps(tenures(running.events)) == []


def settled(cluster: ProcessCluster) -> ProcessEvent:
    """Return the leader that every node follows, once the events stop."""
    cluster.wait_for_leader()
    cluster.wait_until_quiet(3 * INTERVAL_S)
    holding = [tenure for tenure in tenures(cluster.events) if tenure.ends == float("inf")]
    assert len(holding) == 1
    return next(e for e in reversed(cluster.events) if e.event == "elected" and e.node == holding[0].node)


def rejoin(cluster: ProcessCluster, node: str) -> None:
    """Start a node that has ended, and wait until it knows who leads: what it knew before it ended doesn't count."""
    since = len(cluster.events)
    cluster.nodes[node].start()
    cluster.wait_for(lambda e: e.event == "leader" and e.node == node and e.leader is not None, since=since, timeout=10)


@pytest.mark.parametrize("rounds", [1, pytest.param(5, marks=pytest.mark.slow)])
def test_a_killed_leader_is_followed_by_another_in_a_higher_term(cluster, rounds):
    for _ in range(rounds):
        leader = settled(cluster)
        since = len(cluster.events)
        cluster.nodes[leader.node].signal(signal.SIGKILL)
        elected = cluster.wait_for_leader(since=since, besides=leader.node, timeout=10)
        assert elected.term > leader.term
        cluster.nodes[leader.node].wait()
        rejoin(cluster, leader.node)


@pytest.mark.parametrize("rounds", [pytest.param(1, marks=pytest.mark.long), pytest.param(3, marks=pytest.mark.slow)])
def test_hung_leader_has_lost_before_another_leads(cluster, rounds):
    for _ in range(rounds):
        leader = settled(cluster)
        since = len(cluster.events)
        cluster.nodes[leader.node].signal(signal.SIGSTOP)
        elected = cluster.wait_for_leader(since=since, besides=leader.node, timeout=10)
        cluster.nodes[leader.node].signal(signal.SIGCONT)
        lost = cluster.wait_for(lambda e, n=leader.node: e.event == "lost" and e.node == n, since=since, timeout=10)
        assert lost.boottime < elected.boottime, "the moment at which the lease ended, not that of noticing"


@pytest.mark.parametrize("rounds", [pytest.param(1, marks=pytest.mark.long), pytest.param(3, marks=pytest.mark.slow)])
def test_terminated_leader_has_lost_before_another_leads(cluster, rounds):
    for _ in range(rounds):
        leader = settled(cluster)
        since = len(cluster.events)
        cluster.nodes[leader.node].signal(signal.SIGTERM)
        elected = cluster.wait_for_leader(since=since, besides=leader.node, timeout=10)
        assert cluster.nodes[leader.node].wait() == 0
        lost = next(e for e in cluster.events[since:] if e.event == "lost" and e.node == leader.node)
        assert lost.boottime < elected.boottime
        said = [e.event for e in cluster.events[since:] if e.node == leader.node]
        assert said[-1] == "stopped"
        rejoin(cluster, leader.node)


@pytest.mark.long
def test_close_through_a_proxy_proves_nothing(tmp_path, network):
    """The support is so long that a busy machine does not delay heartbeats for as long."""
    timing = {"support_duration": f"{LONG_SUPPORT_S}s"}
    with ProcessCluster(Plan(directory=tmp_path, timing=timing, route=network.route)) as running:
        leader = settled(running)
        since = len(running.events)
        killed = running.nodes[leader.node].signal(signal.SIGKILL)
        elected = running.wait_for_leader(since=since, besides=leader.node, timeout=10 * LONG_SUPPORT_S)
        assert elected.boottime - killed > LONG_SUPPORT_S / 2, "no node may trust the close of the proxy"


@pytest.mark.long
def test_proxy_that_drops_connections_makes_no_two_leases(proxied, network):
    rng = random.Random(7)
    settled(proxied)
    for _ in range(60):
        network.drop_one(rng)
        time.sleep(rng.uniform(0, 0.1))
    settled(proxied)
    assert overlaps(tenures(proxied.events)) == []


@pytest.mark.long
def test_leader_that_is_cut_off_has_lost_before_another_leads(proxied, network):
    leader = settled(proxied)
    others = [node for node in proxied.nodes if node != leader.node]
    since = len(proxied.events)
    for other in others:
        network.cut_both(leader.node, other)
    elected = proxied.wait_for_leader(since=since, besides=leader.node, timeout=10)
    lost = proxied.wait_for(lambda e: e.event == "lost" and e.node == leader.node, since=since, timeout=10)
    assert lost.boottime < elected.boottime
    since = len(proxied.events)
    network.heal()
    proxied.wait_for(
        lambda e: e.event == "leader" and e.node == leader.node and e.leader == elected.node, since=since, timeout=10
    )
    assert [e for e in proxied.events[since:] if e.event in ("elected", "lost")] == [], "a return replaces no leader"


@pytest.mark.long
@pytest.mark.parametrize("both", [True, False])
def test_one_link_that_is_cut_changes_nothing(proxied, network, both):
    leader = settled(proxied)
    follower = next(node for node in proxied.nodes if node != leader.node)
    since = len(proxied.events)
    network.cut(leader.node, follower)
    if both:
        network.cut(follower, leader.node)
    time.sleep(5 * SUPPORT_DURATION_S)
    assert [e for e in proxied.events[since:] if e.event in ("elected", "lost")] == []
    network.heal()
    settled(proxied)
    assert [e for e in proxied.events[since:] if e.event in ("elected", "lost")] == []
