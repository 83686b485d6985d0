"""PROTOCOL.md, section 1, P4 to P6: one disturbance of a healthy world, and exactly what follows from it."""

import pytest

from elect.testing import InvariantViolation
from elect.testing.drills import Drill, healthy

SEEDS = range(60)


@pytest.mark.parametrize("seed", SEEDS)
def test_whoever_reaches_a_minority_or_comes_back_changes_no_leader(seed: int):
    Drill(healthy(seed)).trouble_a_minority()


@pytest.mark.parametrize("seed", SEEDS)
def test_one_node_that_reaches_a_quorum_is_enough_to_have_a_leader(seed: int):
    Drill(healthy(seed)).leave_a_hub()


@pytest.mark.parametrize("seed", SEEDS)
def test_the_best_of_those_that_are_left_leads_in_time(seed: int):
    Drill(healthy(seed)).replace_the_leader()


@pytest.mark.parametrize("seed", SEEDS)
def test_whoever_a_leader_hands_over_to_leads_at_once(seed: int):
    Drill(healthy(seed)).hand_over()


def test_a_drill_fails_where_nobody_can_lead():
    drill = Drill(healthy(0))
    for node_id in "abc":
        drill.simulation.set_standing(node_id, priority=0)
    drill.simulation.run(1)
    with pytest.raises(InvariantViolation, match="healthy clusters elect"):
        drill.leave_a_hub()
