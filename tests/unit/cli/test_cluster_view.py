import pytest

from elect.cli.demo.cluster_view import ClusterView, NodeActivity
from elect.testing.real_processes import ProcessEvent

FENCE_S = 1.0


def event(name, node, at, **more):
    return ProcessEvent(event=name, node=node, boottime=at, **more)


@pytest.fixture
def cluster_view():
    """Three nodes, up at 1.0; a leads in term 1 from 2.0, and everybody knows and supports."""
    cluster_view = ClusterView(("a", "b", "c"), 0.0)
    for node in "abc":
        cluster_view.apply(event("started", node, 1.0))
        for peer in sorted(set("abc") - {node}):
            cluster_view.apply(event("peer", node, 1.5, peer=peer, supported=True))
    cluster_view.apply(event("elected", "a", 2.0, term=1, leader="a"))
    for node in "bc":
        cluster_view.apply(event("leader", node, 2.0, term=1, leader="a"))
    return cluster_view


def test_a_cluster_is_settled_when_all_support_its_leader(cluster_view):
    assert cluster_view.leader.node_id == "a"
    assert cluster_view.is_settled(3.0, FENCE_S)
    assert not cluster_view.is_settled(1.9, FENCE_S)


@pytest.mark.parametrize(
    "change",
    [
        event("leader", "c", 3.0, term=1, leader=None),
        event("peer", "b", 3.0, peer="c", supported=False),
        event("lost", "a", 3.0, term=1, reason="resigned"),
        event("killed", "b", 3.0),
        event("paused", "a", 3.0),
        event("started", "c", 3.0),
    ],
)
def test_whatever_changes_unsettles_it(cluster_view, change):
    cluster_view.apply(change)
    assert not cluster_view.is_settled(3.5, FENCE_S)


def test_a_killed_leader_leads_no_more_and_supports_nobody(cluster_view):
    cluster_view.apply(event("killed", "a", 3.0))
    assert cluster_view.leader is None
    assert cluster_view.nodes["a"].activity is NodeActivity.GONE
    assert not cluster_view.nodes["a"].supporters


def test_a_hung_leader_follows_when_it_continues(cluster_view):
    cluster_view.apply(event("paused", "a", 3.0))
    assert cluster_view.nodes["a"].activity is NodeActivity.HUNG
    cluster_view.apply(event("continued", "a", 5.0))
    cluster_view.apply(event("lost", "a", 4.0, term=1, reason="lease_lapsed"))
    assert cluster_view.nodes["a"].activity is NodeActivity.FOLLOWING


def test_a_late_word_of_a_dead_leader_does_not_revive_it(cluster_view):
    cluster_view.apply(event("killed", "a", 3.0))
    cluster_view.apply(event("lost", "a", 2.9, term=1, reason="lease_lapsed"))
    assert cluster_view.nodes["a"].activity is NodeActivity.GONE


def test_the_strip_shows_what_was_done_oldest_first(cluster_view):
    cluster_view.apply(event("killed", "a", 3.0))
    strip = list(cluster_view.strip(cluster_view.nodes["a"], 4.0, 5, 1.0))
    assert strip == [
        NodeActivity.FOLLOWING,
        NodeActivity.LEADING,
        NodeActivity.GONE,
        NodeActivity.GONE,
        NodeActivity.GONE,
    ]


def test_before_it_was_there_a_node_did_nothing():
    cluster_view = ClusterView(("a",), 0.5)
    assert list(cluster_view.strip(cluster_view.nodes["a"], 0.7, 3, 1.0)) == [None, None, NodeActivity.STARTING]
