"""PROTOCOL.md, section 1, P4 to P6: one disturbance of a healthy world, and exactly what follows from it."""

from dataclasses import replace

import pytest

from elect.testing import InvariantViolation
from tests.simulation.healthy_cluster import HealthyCluster, healthy

SEEDS = range(60)


@pytest.mark.parametrize("seed", SEEDS)
def test_whoever_reaches_a_minority_or_comes_back_changes_no_leader(seed: int):
    HealthyCluster(healthy(seed)).trouble_a_minority()


@pytest.mark.parametrize("seed", SEEDS)
def test_one_node_that_reaches_a_quorum_is_enough_to_have_a_leader(seed: int):
    HealthyCluster(healthy(seed)).leave_a_hub()


@pytest.mark.parametrize("seed", SEEDS)
def test_the_best_of_those_that_are_left_leads_in_time(seed: int):
    HealthyCluster(healthy(seed)).replace_the_leader()


@pytest.mark.parametrize("seed", SEEDS)
def test_whoever_a_leader_hands_over_to_leads_at_once(seed: int):
    HealthyCluster(healthy(seed)).hand_over()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_leader_cut_off_before_its_first_lease_holds_nobody_up(seed: int):
    HealthyCluster(healthy(seed)).cut_the_newly_elected()


@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_stays_bound_to_what_a_restarted_node_was(seed: int):
    HealthyCluster(healthy(seed)).restart_the_leader()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("faults", [{"duplication": 1.0, "reordering": 0.2}, {"loss": 0.15}], ids=["doubled", "lossy"])
def test_leadership_that_everybody_gives_up_at_once_goes_on_being_taken(seed: int, faults: dict[str, float]):
    HealthyCluster(replace(healthy(seed), **faults)).pass_it_round()


def test_a_drill_fails_where_nobody_can_lead():
    cluster = HealthyCluster(healthy(0))
    for node_id in "abc":
        cluster.simulation.set_standing(node_id, priority=0)
    cluster.simulation.run(1)
    with pytest.raises(InvariantViolation, match="healthy clusters elect"):
        cluster.leave_a_hub()
