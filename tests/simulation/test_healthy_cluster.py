"""PROTOCOL.md, section 1, P4 to P6: one disturbance of a healthy cluster, and its outcome."""

from dataclasses import replace

import pytest

from elect.testing import InvariantViolation
from tests.simulation.healthy_cluster import QUICK_APPLICATION, HealthyCluster, healthy
from tests.simulation.seeds import seeds

SEEDS = seeds(8, 16, 60)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_troubled_minority_changes_no_leader(seed: int):
    HealthyCluster(healthy(seed)).trouble_a_minority()


@pytest.mark.parametrize("seed", SEEDS)
def test_one_node_that_reaches_a_quorum_is_enough(seed: int):
    HealthyCluster(healthy(seed)).leave_a_hub()


@pytest.mark.parametrize("seed", SEEDS)
def test_the_best_of_the_others_leads_in_time(seed: int):
    HealthyCluster(healthy(seed)).replace_the_leader()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_named_successor_leads_at_once(seed: int):
    HealthyCluster(healthy(seed)).hand_over()


@pytest.mark.parametrize("seed", SEEDS)
def test_one_elected_a_moment_ago_hands_over(seed: int):
    HealthyCluster(replace(healthy(seed), **QUICK_APPLICATION)).hand_over_at_once()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_leader_cut_off_before_its_lease_delays_nobody(seed: int):
    HealthyCluster(healthy(seed)).cut_the_newly_elected()


@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_stays_bound_to_a_restarted_leader(seed: int):
    HealthyCluster(healthy(seed)).restart_the_leader()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("faults", [{"duplication": 1.0, "reordering": 0.2}, {"loss": 0.15}], ids=["doubled", "lossy"])
def test_leaders_that_withdraw_at_once_are_replaced(seed: int, faults: dict[str, float]):
    HealthyCluster(replace(healthy(seed), **faults)).pass_it_round()


def test_a_cluster_that_cannot_elect_fails():
    cluster = HealthyCluster(healthy(0))
    for node_id in "abc":
        cluster.simulation.set_standing(node_id, priority=0)
    cluster.simulation.run(1)
    with pytest.raises(InvariantViolation, match="healthy clusters elect"):
        cluster.leave_a_hub()
