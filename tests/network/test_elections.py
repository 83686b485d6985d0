"""Three nodes on three hosts, with a key or certificates: hosts that vanish, packets that are lost, one way or both."""

import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from elect.testing.real_processes import overlaps, tenures
from tests.network.clusters import NODES, HostCluster
from tests.network.hosts import Net
from tests.nodes import eventually

pytestmark = [pytest.mark.root, pytest.mark.long]

QUIET_S = 0.5
"""Five heartbeats in which no node had anything to send."""

RESENT_MIN = 5
"""Segments that were sent again, by which packets were lost."""

LINKS_OVER_S = 6.5
"""Links on which nothing came or went meanwhile have ended, and were dialed again, in vain."""

Cut = Callable[[Net, str, list[str]], None]
"""Cuts some directions, given the leader and the followers."""


@contextmanager
def settled(net: Net, directory: Path, security: str = "key") -> Iterator[tuple[HostCluster, str, list[str]]]:
    """A cluster, its leader, its followers; by the end everybody follows one leader, and there never were two."""
    with HostCluster(net, directory, security) as cluster:
        leader = cluster.settle()
        yield cluster, leader, [node for node in NODES if node != leader]
        net.heal_all()
        cluster.settle()
        since = len(cluster.events)
        cluster.wait_until_quiet(QUIET_S)
        assert cluster.changes(since) == [], "a healed cluster had yet to change its leader"
        assert overlaps(tenures(cluster.events)) == []


def mute(net: Net, leader: str, followers: list[str]) -> None:
    for follower in followers:
        net.cut(leader, follower)


def deafen(net: Net, leader: str, followers: list[str]) -> None:
    for follower in followers:
        net.cut(follower, leader)


def vanish(net: Net, leader: str, followers: list[str]) -> None:
    net.unplug(leader)


def assert_another_leads(cluster: HostCluster, leader: str, since: int) -> None:
    elected = cluster.wait_for_leader(since=since, besides=leader)
    lost = cluster.wait_for(lambda event: event.event == "lost" and event.node == leader, since=since)
    assert lost.boottime < elected.boottime
    others = [node for node in NODES if node != leader]
    for node in others:
        cluster.wait_for(lambda e, node=node: e.node == node and e.leader == elected.node, since=since)


@pytest.mark.parametrize(("cut", "security"), [(vanish, "tls"), (mute, "key"), (deafen, "key")])
def test_leader_cut_in_one_way_has_lost_before_another_leads(net: Net, tmp_path: Path, cut: Cut, security: str) -> None:
    with settled(net, tmp_path, security) as (cluster, leader, followers):
        since = len(cluster.events)
        cut(net, leader, followers)
        assert_another_leads(cluster, leader, since)
        since = len(cluster.events)
        net.heal_all()
        cluster.settle()
        assert cluster.changes(since) == [], "a returning node replaces no leader"


ONE_DIRECTION = [
    lambda leader, followers: (leader, followers[0]),
    lambda leader, followers: (followers[0], leader),
    lambda leader, followers: (followers[0], followers[1]),
]


@pytest.mark.long
def test_one_direction_that_is_cut_changes_nothing(make_net: Callable[[], Net], tmp_path: Path) -> None:
    """Not while it is cut, not when the links end, not when it heals; each direction in a cluster of its own."""
    with ExitStack() as stack:
        watched = []
        for number, direction in enumerate(ONE_DIRECTION):
            net = make_net()
            cluster, leader, followers = stack.enter_context(settled(net, tmp_path / str(number)))
            watched.append((net, cluster, len(cluster.events)))
            net.cut(*direction(leader, followers))
        time.sleep(LINKS_OVER_S)
        for net, cluster, since in watched:
            assert any(event.supported is False for event in cluster.events[since:]), "no node noticed the cut"
            assert cluster.changes(since) == []
            net.heal_all()
        for _, cluster, since in watched:
            cluster.settle()
            assert cluster.changes(since) == []


def resent(net: Net) -> int:
    return sum(net[node].resent() for node in NODES)


@pytest.mark.parametrize(
    "lossy_s", [pytest.param(4.0, marks=pytest.mark.long), pytest.param(60.0, marks=pytest.mark.slow)]
)
def test_a_fifth_of_all_packets_lost_makes_no_two_leaders(net: Net, tmp_path: Path, lossy_s: float) -> None:
    """A node that is restarted meanwhile finds back: whole handshakes go through it, too."""
    rng = random.Random(5)
    with settled(net, tmp_path) as (cluster, _, _):
        before = resent(net)
        with net.lossy(0.2, rng):
            ends_at = time.monotonic() + lossy_s
            while time.monotonic() < ends_at:
                node = rng.choice(NODES)
                cluster.nodes[node].signal(signal.SIGKILL)
                cluster.nodes[node].wait()
                since = len(cluster.events)
                cluster.start(node, on=node)
                cluster.wait_for(lambda e, node=node: e.node == node and e.leader is not None, since=since)
            eventually(lambda: resent(net) > before + RESENT_MIN)


@pytest.mark.parametrize("which", ["leader", "follower"])
def test_a_node_whose_host_is_gone_comes_back_on_another_one(net: Net, tmp_path: Path, which: str) -> None:
    """Under the old address, while everybody's old links to it still look open."""
    with settled(net, tmp_path) as (cluster, leader, followers):
        node = leader if which == "leader" else followers[0]
        net.replace(node, by="d")
        cluster.nodes[node].signal(signal.SIGKILL)  # no packet tells the others
        cluster.nodes[node].wait()
        since = len(cluster.events)
        cluster.start(node, on="d")
        cluster.wait_for(lambda e: e.node == node and e.event == "leader" and e.leader is not None, since=since)
        if which == "follower":
            assert cluster.changes(since) == []
