"""Real processes that are killed while a node joins: in the end it is a member, and was added once."""

import time

import pytest

from bench.growing.join_kills import STEPS, JoinKill
from bench.growing.shown_members import kill, shared_terms, wait_for_voters
from elect.testing.real_processes import Plan, ProcessCluster, overlaps, tenures

pytestmark = pytest.mark.long

QUICK = {"heartbeat_interval": "50ms", "support_duration": "400ms"}
DEAD_S = 2.0


@pytest.fixture
def cluster(tmp_path):
    with ProcessCluster(Plan(directory=tmp_path, seeds=("a", "b", "c"), timing=QUICK, with_http=True)) as running:
        wait_for_voters(running, "abc")
        yield running
        assert overlaps(tenures(running.events)) == []
        assert shared_terms(running.events) == []


def test_a_join_outlasts_seeds_that_are_dead(cluster):
    for node in "abc":
        kill(cluster, node)
    cluster.add("d", "abc").start()
    time.sleep(DEAD_S)
    for node in "abc":
        cluster.nodes[node].start()
    wait_for_voters(cluster, "abcd")


@pytest.mark.parametrize("is_leader", [False, True], ids=["newcomer", "leader"])
@pytest.mark.parametrize(
    "step", [pytest.param(each, marks=() if each == "written, not answered" else pytest.mark.long) for each in STEPS]
)
def test_a_killed_join_is_completed_once(cluster, step: str, is_leader: bool):
    before, since = wait_for_voters(cluster, "abc"), len(cluster.events)
    cluster.add("d", "abc").start()
    killed = JoinKill(is_leader=is_leader, shows=STEPS[step]).wait(cluster, "d", str(before.leader), since)
    kill(cluster, killed)
    cluster.nodes[killed].start()
    after = wait_for_voters(cluster, "abcd")
    assert after.order[1] == before.order[1] + 2, "it was added once, and became a voter once"
