"""PROTOCOL.md, section 1, P3 to P6: failures that users meet, over seeds."""

from functools import partial
from itertools import permutations

import pytest

from elect.clock import NS_PER_S
from elect.core.events import Campaigned, Elected, LossReason, Lost, Role, RoleChanged
from elect.core.rules.ranking import spread
from elect.testing import Options, Simulation, Span
from tests.simulation.clusters import DRIFT, steady
from tests.simulation.seeds import seeds

SEEDS = seeds(4, 8, 20)
INTERVAL, DURATION = 0.2, 1.0
BOUND = DURATION + 3 * INTERVAL
"""Failover when nothing is closed: the promise must run out."""


def since(simulation: Simulation, moment: float, *kinds: type) -> list[tuple[float, str, object]]:
    """Events of some kinds after a moment: when (s), whose, what."""
    events = [(record.at / NS_PER_S, record.node_id, record.event) for record in simulation.events]
    return [(at, who, event) for at, who, event in events if at >= moment and isinstance(event, kinds)]


def terms(simulation: Simulation, nodes: int) -> list[int]:
    return [simulation.term(node_id) for node_id in "abcde"[:nodes]]


def first(simulation: Simulation, moment: float, kind: type, node_ids: list[str]) -> float:
    return min(at for at, who, _ in since(simulation, moment, kind) if who in node_ids)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("nodes", [3, 4, 5])
def test_a_cut_off_leader_steps_down_before_the_next_leads(nodes: int, seed: int):
    simulation, leader, others = steady(nodes, seed)
    cut_at = simulation.now
    simulation.partition({leader}, others)
    assert simulation.run_until(lambda: simulation.leader() in others, BOUND + 2 * INTERVAL)
    lost_at = first(simulation, cut_at, Lost, [leader])
    won_at = first(simulation, cut_at, RoleChanged, others)
    assert lost_at <= won_at
    assert first(simulation, cut_at, Elected, others) - cut_at <= BOUND


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("both", [True, False])
@pytest.mark.parametrize("from_leader", [True, False])
def test_one_cut_link_of_the_leader_changes_nothing(seed: int, both: bool, from_leader: bool):
    simulation, leader, (follower, _) = steady(3, seed)
    cut_at, before = simulation.now, terms(simulation, 3)
    simulation.cut(*((leader, follower) if from_leader else (follower, leader)), both=both)
    for _ in range(200):
        simulation.run(0.1)
        assert simulation.leader() == leader
    assert since(simulation, cut_at, Elected, Lost, Campaigned) == []
    assert terms(simulation, 3) == before


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("nodes", [3, 5])
@pytest.mark.parametrize("isolation", [0.3, 3.0, 20.0])
def test_a_node_that_comes_back_from_isolation_changes_no_term(seed: int, nodes: int, isolation: float):
    simulation, leader, (lonely, *_) = steady(nodes, seed)
    cut_at, before = simulation.now, terms(simulation, nodes)
    simulation.partition({lonely}, set("abcde"[:nodes]) - {lonely})
    simulation.run(isolation)
    simulation.heal()
    simulation.run(5)
    assert simulation.leader() == leader
    assert since(simulation, cut_at, Elected, Lost, Campaigned) == []
    assert terms(simulation, nodes) == before


@pytest.mark.parametrize("seed", SEEDS)
def test_the_hub_leads_when_only_it_reaches_a_quorum(seed: int):
    simulation, leader, (hub, *_) = steady(5, seed)
    others = [node_id for node_id in "abcde" if node_id != hub]
    for one in others:
        for other in others:
            if one < other:
                simulation.cut(one, other)
    assert simulation.run_until(lambda: simulation.leader() == hub, 2 * DURATION + 10 * INTERVAL)
    led_at = simulation.now
    simulation.run(30)
    assert simulation.leader() == hub
    assert leader != hub
    assert since(simulation, led_at + 0.001, Elected, Lost) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_the_middle_of_a_chain_always_has_a_leader(seed: int):
    simulation, leader, (middle, end) = steady(3, seed)
    simulation.cut(leader, end)
    simulation.run(10)
    simulation.crash(leader, closes=False)
    assert simulation.run_until(lambda: simulation.leader() in (middle, end), BOUND + 2 * INTERVAL)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_redialing_leader_does_not_regain_a_lost_supporter(seed: int):
    simulation, leader, (supporter, rival) = steady(3, seed)
    simulation.set_standing(rival, priority=5)
    simulation.cut(leader, rival)
    simulation.run(1.5)
    assert simulation.leader() == leader
    simulation.redial(leader, supporter)
    simulation.run(1)
    assert simulation.leader() == rival
    assert simulation.term(leader) <= simulation.term(rival)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("nodes", [3, 5])
def test_a_leader_that_crashes_is_replaced_in_milliseconds(seed: int, nodes: int):
    simulation, leader, others = steady(nodes, seed)
    crashed_at = simulation.now
    simulation.crash(leader, closes=True)
    assert simulation.run_until(lambda: simulation.leader() in others, 1)
    assert first(simulation, crashed_at, Elected, others) - crashed_at <= 0.010


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("untrusted", "closes"), [(1.0, True), (0.0, False)])
def test_a_crash_that_proves_nothing_is_waited_out(seed: int, untrusted: float, closes: bool):
    simulation, leader, others = steady(3, seed, untrusted=untrusted)
    crashed_at = simulation.now
    simulation.crash(leader, closes=closes)
    assert simulation.run_until(lambda: simulation.leader() in others, 2 * BOUND)
    waited = first(simulation, crashed_at, Elected, others) - crashed_at
    # Of a link that ends, the heartbeat that waits for the next tick counts as lost: it promises nothing.
    assert DURATION * (1 - DRIFT) - 2 * INTERVAL <= waited <= BOUND


@pytest.mark.parametrize("seed", SEEDS)
def test_a_paused_leader_is_replaced_and_wakes_without_a_lease(seed: int):
    simulation, leader, others = steady(3, seed)
    paused_at = simulation.now
    simulation.pause(leader)
    assert simulation.run_until(lambda: simulation.leader() in others, 2 * BOUND)
    assert first(simulation, paused_at, Elected, others) - paused_at <= BOUND
    successor, before = simulation.leader(), max(terms(simulation, 3))
    simulation.run(3)
    simulation.resume(leader)
    assert simulation.leader() == successor
    simulation.run(5)
    assert simulation.leader() == successor
    assert terms(simulation, 3) == [before] * 3


@pytest.mark.parametrize("seed", SEEDS)
def test_a_pause_shorter_than_the_lease_changes_no_leader(seed: int):
    """An ack comes an interval after its heartbeat, and the next one an interval later: this much is always left."""
    simulation, leader, _ = steady(3, seed)
    paused_at = simulation.now
    simulation.pause(leader)
    simulation.run(DURATION * (1 - DRIFT) - 2 * INTERVAL - 0.05)
    simulation.resume(leader)
    simulation.run(3)
    assert simulation.leader() == leader
    assert since(simulation, paused_at, Lost, Elected, Campaigned) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_a_stalled_disk_does_not_cost_the_lease(seed: int):
    simulation, leader, _ = steady(3, seed)
    stalled_at = simulation.now
    simulation.disk(leader, stall=5.0)
    for _ in range(600):
        simulation.run(0.01)
        assert simulation.leader() == leader
    assert since(simulation, stalled_at, Lost, Elected, Campaigned) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_failing_disks_elect_nobody_until_they_are_good_again(seed: int):
    simulation, leader, others = steady(3, seed)
    for node_id in others:
        simulation.disk(node_id, is_failing=True)
    crashed_at = simulation.now
    simulation.crash(leader)
    simulation.run(10)
    assert simulation.leader() is None
    assert since(simulation, crashed_at, Elected) == []
    for node_id in others:
        simulation.disk(node_id)
    assert simulation.run_until(lambda: simulation.leader() in others, 3)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("patience", [0.0, 0.3])
def test_a_resigning_leader_tells_its_application_first(seed: int, patience: float):
    heard = Span(low=patience, high=patience + 0.001)
    simulation, leader, (heir, *_) = steady(3, seed, acknowledgement=heard)
    resigned_at = simulation.now
    simulation.tell(leader, lambda elector, now: elector.resign(now, "default", to=heir))
    assert simulation.run_until(lambda: simulation.leader() == heir, 1)
    (lost,) = since(simulation, resigned_at, Lost)
    won_at = first(simulation, resigned_at, RoleChanged, [heir])
    assert lost[0] == resigned_at
    assert isinstance(lost[2], Lost)
    assert lost[2].reason is LossReason.RESIGNED
    assert patience <= won_at - resigned_at <= patience + 0.005


@pytest.mark.parametrize("seed", SEEDS)
def test_a_proxy_that_closes_one_link_elects_nobody(seed: int):
    simulation, leader, others = steady(3, seed, untrusted=1.0)
    closed_at, before = simulation.now, terms(simulation, 3)
    for turn in range(20):
        simulation.hang_up_by_proxy(leader, others[turn % 2])
        simulation.run(0.5)
        assert simulation.leader() == leader
    assert since(simulation, closed_at, RoleChanged, Lost) == []
    assert terms(simulation, 3) == before


@pytest.mark.parametrize("seed", SEEDS)
def test_proxies_that_close_all_links_never_make_two_leases(seed: int):
    simulation, _, _ = steady(3, seed, untrusted=1.0)
    for _ in range(20):
        for source, target in permutations("abc", 2):
            simulation.hang_up_by_proxy(source, target)
        assert simulation.run_until(lambda: simulation.leader() is not None, BOUND)
        simulation.run(0.3)


STANDINGS = {"a": (0, 9), "b": (1, 9), "c": (2, 3), "d": (2, 4), "e": (1, 1)}


@pytest.mark.parametrize("seed", SEEDS)
def test_the_best_standing_of_those_left_leads(seed: int):
    simulation = Simulation(Options(nodes=5, seed=seed))
    for node_id, (priority, offset) in STANDINGS.items():
        simulation.set_standing(node_id, priority=priority, offset=offset)
    simulation.run(2)
    left = set(STANDINGS)
    for _ in range(2):
        dead = simulation.leader()
        assert dead in left - {"a"}
        left.remove(dead)
        simulation.crash(dead)
        simulation.run(1)
        assert simulation.leader() == max(left - {"a"}, key=lambda node_id: STANDINGS[node_id])


@pytest.mark.parametrize("seed", SEEDS)
def test_a_cold_start_elects_within_milliseconds_of_the_links(seed: int):
    simulation = Simulation(Options(nodes=3, seed=seed))
    assert simulation.run_until(lambda: simulation.leader() is not None, 0.5)
    roles = [event for _, _, event in since(simulation, 0.0, RoleChanged) if isinstance(event, RoleChanged)]
    assert sum(event.role is Role.LEADER for event in roles) == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_survivors_share_the_elections_of_a_dead_leader(seed: int):
    elections = tuple(f"shard-{number}" for number in range(60))
    simulation = Simulation(Options(nodes=3, seed=seed, elections=elections))
    simulation.run(3)
    leaders = [simulation.leader(election) for election in elections]
    dead = max("abc", key=leaders.count)
    orphans = [election for election in elections if simulation.leader(election) == dead]
    simulation.crash(dead)
    simulation.run(0.2)
    heirs = [simulation.leader(election) for election in orphans]
    survivors = [node_id for node_id in "abc" if node_id != dead]
    assert heirs == [min(survivors, key=partial(spread, election)) for election in orphans]
    assert set(heirs) == set(survivors)
