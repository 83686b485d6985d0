"""A simulated cluster that is sealed, and one that stands by until it is promoted."""

import pytest

from elect.core.changes import NameCluster
from elect.core.configuration import ClusterState
from elect.core.events import LossReason, Lost
from elect.core.rules import sites
from elect.testing import InvariantViolation, Options, Simulation
from elect.testing.faults.presets import sealing, standing_by
from elect.testing.membership.site_operator import SEAL, promote
from elect.testing.simulation.two_sites import TwoSites
from tests.mutations.site_worlds import seal_apart

NODES = (3, 4, 5)


def started(**options: object) -> Simulation:
    simulation = Simulation(Options(seed=1, **options))
    simulation.run(2)
    return simulation


def is_complete(simulation: Simulation) -> bool:
    return any(sites.leases_over_at(simulation.elector(node_id).state) for node_id in "abc")


def test_a_sealed_cluster_has_no_leader_for_good():
    simulation = started(elections=("default", "jobs"))
    simulation.change(SEAL)
    sealed_at = simulation.now
    assert simulation.run_until(lambda: is_complete(simulation), 1)
    simulation.run(0.1)
    # All leaders have resigned long before the promises to them are over.
    assert simulation.leader() is simulation.leader("jobs") is None
    lost = [record.event for record in simulation.events if isinstance(record.event, Lost)]
    assert {(each.election, each.reason) for each in lost} == {
        (name, LossReason.SEALED) for name in ("default", "jobs")
    }
    assert simulation.now - sealed_at < 0.2
    for node_id in "abc":
        simulation.crash(node_id)
        simulation.restart(node_id)
    simulation.run(5)
    assert simulation.leader() is None and is_complete(simulation)
    simulation.settle()


def test_a_seal_that_nobody_heard_of_is_lost():
    simulation, _, leader, _ = seal_apart(1)
    simulation.change(NameCluster(cluster_id=bytes(16)))
    simulation.loss(0.0)
    simulation.run(3)
    assert simulation.met["seal was lost"] == 1
    assert (simulation.leader(), simulation.members().state) == (leader, ClusterState.ACTIVE)
    simulation.settle()


def test_a_later_leader_makes_a_seal_its_own():
    """Otherwise nobody could tell its configurations from those of yet another leader, while a voter is down."""
    simulation, sealed, leader, _ = seal_apart(1)
    simulation.loss(0.0, sealed, leader)
    simulation.run_until(lambda: simulation.elector(leader).state.is_sealed, 1)
    simulation.crash(sealed)
    simulation.run(2)
    assert simulation.met["seal was made again by a later leader"] == 1
    survivors = [node_id for node_id in "abc" if node_id != sealed]
    assert all(sites.leases_over_at(simulation.elector(node_id).state) for node_id in survivors)


def test_two_nodes_are_promoted_at_once():
    simulation = started(is_standby=True)
    assert simulation.leader() is None
    promote(simulation._process("a"), 1_000_000)
    promote(simulation._process("b"), 2_000_000)
    assert simulation.run_until(lambda: simulation.leader() is not None, 2)
    simulation.settle()
    assert simulation.members().promotion_floor == 2_000_000
    assert simulation.term(simulation.leader() or "") > 2_000_000


@pytest.mark.long
@pytest.mark.parametrize(("preset", "case"), [(sealing, "seal was complete"), (standing_by, "node was promoted")])
def test_hostile_worlds_break_no_promise(preset, case):
    met = 0
    for seed in range(4):
        simulation = Simulation(preset(seed, NODES[seed % 3]))
        simulation.run(10)
        simulation.settle()
        met += simulation.met[case]
    assert met > 0


@pytest.mark.long
@pytest.mark.parametrize("is_sealed_first", [True, False])
def test_tokens_rise_from_one_site_to_the_other(is_sealed_first: bool):
    led = 0
    for seed in range(5):
        both = TwoSites(seed, NODES[seed % 3], is_sealed_first=is_sealed_first)
        both.run(12)
        led += bool(both.tokens)
    assert led > 0


@pytest.mark.long
def test_two_sites_that_lead_at_once_are_noticed(monkeypatch):
    monkeypatch.setattr(TwoSites, "_seal", lambda both: setattr(both, "_is_over", True))
    with pytest.raises(InvariantViolation, match="across sites"):
        for seed in range(5):
            TwoSites(seed, 3, is_sealed_first=True).run(12)
