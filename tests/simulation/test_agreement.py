"""Nodes with different lists of voters, and voters that lost their votes: never two leases, never one token twice.

Source: PROTOCOL.md, section 7.
"""

from itertools import permutations
from random import Random

import pytest

from elect.core.configuration import Configuration
from elect.core.events import Elected
from elect.testing import Options, Simulation
from tests.mutations import worlds
from tests.simulation.seeds import seeds

LISTS = (
    {"a": "a", "b": "abc", "c": "abc"},
    {"a": "ab", "b": "ab", "c": "abc"},
    {"a": "ab", "b": "abc", "c": "abc"},
    {"a": "ab", "b": "bc", "c": "ac"},
    {"a": "a", "b": "ab", "c": "abc"},
)


def disagreeing(lists: dict[str, str], seed: int = 0, **options: object) -> Simulation:
    voters = {node_id: tuple(voters) for node_id, voters in lists.items()}
    return Simulation(Options(nodes=len(lists), seed=seed, voters=voters, **options))


@pytest.mark.parametrize("gap", [0.0, 0.5, 3.0])
@pytest.mark.parametrize("lists", LISTS, ids=lambda lists: " ".join(lists.values()))
def test_different_lists_elect_one_leader_in_any_order(lists, gap):
    for seed, order in enumerate(permutations(lists)):
        starts = {node_id: place * gap for place, node_id in enumerate(order)}
        disagreeing(lists, seed, starts=starts).run(10)


@pytest.mark.parametrize("seed", seeds(8, 16, 60))
def test_any_two_lists_started_at_any_time_elect_one_leader(seed):
    rng = Random(seed)
    node_ids = "abcde"[: rng.choice((3, 4, 5))]
    some = "".join(sorted(rng.sample(node_ids, rng.randrange(1, len(node_ids)))))
    lists = {node_id: some if node_id in some and rng.random() < 0.7 else node_ids for node_id in node_ids}
    starts = {node_id: rng.choice((0.0, 0.2, 1.0, 3.0, 6.0)) for node_id in node_ids}
    disagreeing(lists, seed, starts=starts).run(14)


@pytest.mark.parametrize("seed", range(6))
def test_new_voters_that_agree_wait_for_those_that_lead(seed):
    """Two new nodes list each other alone, and each is a voter of three that have a leader."""
    worlds.TWO_LISTS.run(seed)


def test_the_one_that_was_first_goes_on_leading():
    simulation = disagreeing({"a": "a", "b": "abc", "c": "abc"}, starts={"b": 3.0, "c": 3.0})
    simulation.run(10)
    assert simulation.leader() == "a"
    assert [record.node_id for record in simulation.events if isinstance(record.event, Elected)] == ["a"]


def test_a_refused_node_leads_nothing_after_a_restart():
    """The objection is on disk: it lasts while the peer that objected is down."""
    simulation = disagreeing({"a": "a", "b": "abc", "c": "abc"}, starts={"b": 3.0, "c": 3.0})
    simulation.run(6)
    for node_id in "abc":
        simulation.crash(node_id)
    for node_id in "bc":
        simulation.restart(node_id)
    simulation.run(6)
    assert simulation.leader() is None
    simulation.restart("a")
    simulation.run(3)
    assert simulation.leader() == "a"


def start_with(simulation: Simulation, node_id: str, voters: str) -> None:
    """Restart a node with another list in its store."""
    simulation.crash(node_id)
    simulation._world.hosts[node_id].disk.configuration = Configuration.initial(voters)
    simulation.restart(node_id)


def test_an_edited_list_changes_no_voters():
    """The stored list counts: `a` alone would lead beside the others."""
    simulation = Simulation(Options(seed=3))
    simulation.run(3)
    simulation.crash("a")
    simulation.list_voters("a", ["a"])
    simulation.restart("a")
    simulation.run(3)
    assert set(simulation.elector("a").state.voters) == {*"abc"}
    assert simulation.leader() is not None


def test_another_list_in_one_store_stops_those_that_see_it():
    simulation = Simulation(Options(seed=7))
    simulation.run(3)
    start_with(simulation, "c", "bc")
    simulation.run(5)
    assert simulation.leader() is None
    start_with(simulation, "c", "abc")
    simulation.run(4)
    assert simulation.leader() is not None


def test_a_forgotten_voter_votes_again():
    simulation = Simulation(Options(seed=1))
    simulation.run(3)
    leader = simulation.leader()
    wiped, other = [node_id for node_id in "abc" if node_id != leader]
    simulation.wipe(wiped)
    simulation.restart(wiped)
    simulation.run(3)
    for node_id in (leader, other):
        simulation.forget(node_id, wiped)
    simulation.run(5)
    simulation.crash(leader)
    simulation.run(5)
    assert simulation.leader() in (wiped, other)
