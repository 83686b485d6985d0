"""A node that comes back gets its share of the elections, once, and each is without a leader for a moment only."""

from collections import Counter

import pytest

from elect.core.events import Elected, FailedBack, Lost
from elect.core.ready import Ballot
from elect.testing import Options, Simulation
from elect.testing.checkers.failback_rules import order_key

pytestmark = pytest.mark.long

ELECTIONS = tuple(f"e{number}" for number in range(90))
FAILBACK_S = 2.0


def leaders(simulation: Simulation) -> Counter[str | None]:
    return Counter(simulation.leader(election) for election in ELECTIONS)


def since(simulation: Simulation, begun: float, kind: type) -> list:
    return [each.event for each in simulation.events if each.at / 1e9 >= begun and isinstance(each.event, kind)]


@pytest.mark.parametrize(("nodes", "offset_rule"), [(3, "prefer"), (5, "prefer"), (3, "require")])
def test_a_restarted_node_leads_its_share_again(nodes, offset_rule):
    options = Options(seed=nodes, nodes=nodes, elections=ELECTIONS, failback=FAILBACK_S, offset_rule=offset_rule)
    simulation = Simulation(options)
    simulation.run(3)
    simulation.crash("b")
    simulation.run(FAILBACK_S + 2)
    assert leaders(simulation)["b"] == 0
    simulation.restart("b")
    simulation.run(FAILBACK_S)
    begun = simulation.now
    simulation.run(2)
    simulation.settle()
    share = len(ELECTIONS) / nodes
    assert all(0.5 * share <= count <= 1.6 * share for count in leaders(simulation).values())
    handed = Counter(event.election for event in since(simulation, begun, FailedBack))
    assert set(handed.values()) == {1}
    assert len(handed) == leaders(simulation)["b"]
    assert len(since(simulation, begun, Lost)) == len(since(simulation, begun, Elected)) == len(handed)


def test_a_node_that_restarts_soon_enough_costs_no_failback():
    """It keeps its place for `failback`, so nobody gets what it led and hands it back; what it lost it gets back."""
    simulation = Simulation(Options(seed=1, elections=ELECTIONS, failback=FAILBACK_S))
    simulation.run(3 * FAILBACK_S)
    before = {election: simulation.leader(election) for election in ELECTIONS}
    begun = simulation.now
    for _ in range(6):
        simulation.crash("b")
        simulation.run(0.2)
        simulation.restart("b")
        simulation.run(FAILBACK_S - 0.5)
    assert since(simulation, begun, FailedBack) == []
    simulation.settle()
    assert {election: simulation.leader(election) for election in ELECTIONS} == before


def test_moving_offsets_hand_nothing_back():
    simulation = Simulation(Options(seed=1, elections=ELECTIONS, failback=FAILBACK_S))
    simulation.run(3 * FAILBACK_S)
    begun = simulation.now
    for offset in range(40):
        simulation.set_standing("abc"[offset % 3], offset=offset)
        simulation.run(0.1)
    assert since(simulation, begun, FailedBack) == []
    simulation.settle()


def test_a_head_that_cannot_follow_keeps_nothing_from_the_next():
    """The votes of `b` are above the terms of those that lead while `a` and `b` are down."""
    simulation = Simulation(Options(seed=1, nodes=5, elections=ELECTIONS, failback=FAILBACK_S))
    simulation.run(1)
    for node_id in "ab":
        simulation.crash(node_id)
    for election in ELECTIONS:
        simulation._world.hosts["b"].disk.ballots[election] = Ballot(term=100, voted_for=None)
    simulation.run(2)
    for node_id in "ab":
        simulation.restart(node_id)
    simulation.run(3 * FAILBACK_S)
    for election in ELECTIONS:
        assert simulation.leader(election) == min("acde", key=lambda node_id: order_key(election, node_id, 1))
    simulation.settle()
    begun = simulation.now
    simulation.run(3 * FAILBACK_S)
    assert since(simulation, begun, FailedBack) == []


def test_a_priority_that_changes_moves_the_elections():
    simulation = Simulation(Options(seed=1, elections=ELECTIONS, failback=FAILBACK_S))
    simulation.run(3 * FAILBACK_S)
    for priority, share in ((2, len(ELECTIONS)), (1, len(ELECTIONS) // 3)):
        simulation.set_standing("c", priority=priority)
        simulation.run(2 * FAILBACK_S)
        assert abs(leaders(simulation)["c"] - share) <= 15
    simulation.settle()
