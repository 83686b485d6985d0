import pytest

from elect.cli.demo.cluster_view import Doing, Scene
from elect.testing.real_processes import ProcessEvent

FENCE_S = 1.0


def event(name, node, at, **more):
    return ProcessEvent(event=name, node=node, boottime=at, **more)


@pytest.fixture
def scene():
    """Three nodes, up at 1.0; a leads in term 1 from 2.0, and everybody knows and supports."""
    scene = Scene(("a", "b", "c"), 0.0)
    for node in "abc":
        scene.take(event("started", node, 1.0))
        for peer in sorted(set("abc") - {node}):
            scene.take(event("peer", node, 1.5, peer=peer, supported=True))
    scene.take(event("elected", "a", 2.0, term=1, leader="a"))
    for node in "bc":
        scene.take(event("leader", node, 2.0, term=1, leader="a"))
    return scene


def test_a_cluster_is_settled_when_all_know_the_leader_support_each_other_and_may_vote(scene):
    assert scene.leader.node_id == "a"
    assert scene.is_settled(3.0, FENCE_S)
    assert not scene.is_settled(1.9, FENCE_S)


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
def test_whatever_changes_unsettles_it(scene, change):
    scene.take(change)
    assert not scene.is_settled(3.5, FENCE_S)


def test_a_killed_leader_leads_no_more_and_supports_nobody(scene):
    scene.take(event("killed", "a", 3.0))
    assert scene.leader is None
    assert scene.actors["a"].doing is Doing.GONE
    assert not scene.actors["a"].supporters


def test_a_hung_leader_is_hung_until_it_continues_and_then_follows(scene):
    scene.take(event("paused", "a", 3.0))
    assert scene.actors["a"].doing is Doing.HUNG
    scene.take(event("continued", "a", 5.0))
    scene.take(event("lost", "a", 4.0, term=1, reason="lease_lapsed"))
    assert scene.actors["a"].doing is Doing.FOLLOWING


def test_a_late_word_of_a_dead_leader_does_not_revive_it(scene):
    scene.take(event("killed", "a", 3.0))
    scene.take(event("lost", "a", 2.9, term=1, reason="lease_lapsed"))
    assert scene.actors["a"].doing is Doing.GONE


def test_the_strip_shows_what_was_done_oldest_first(scene):
    scene.take(event("killed", "a", 3.0))
    strip = list(scene.strip(scene.actors["a"], 4.0, 5, 1.0))
    assert strip == [Doing.FOLLOWING, Doing.LEADING, Doing.GONE, Doing.GONE, Doing.GONE]


def test_before_it_was_there_a_node_did_nothing():
    scene = Scene(("a",), 0.5)
    assert list(scene.strip(scene.actors["a"], 0.7, 3, 1.0)) == [None, None, Doing.STARTING]
