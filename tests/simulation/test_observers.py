"""Clients and mirrors change no election: what they send ends their links, whatever nodes say with the same words."""

from collections import Counter

import pytest

from elect.core.events import Elected, Event
from elect.observing.observer_messages import Watch
from elect.observing.observer_server import ObserverServer
from elect.testing import InvariantViolation, Options, Simulation, hostile
from elect.testing.world.simulated_links import FrameReceived
from elect.testing.world.world import Record
from tests.mutations.breaking import wrapped
from tests.simulation.seeds import seeds
from tests.simulation.simulated_clients import SimulatedClients
from tests.simulation.simulated_mirrors import SimulatedMirrors
from wire.io.link_events import MessageReceived

pytestmark = pytest.mark.long

SEEDS = seeds(0, 2, 6)
BREAK_SEEDS_MAX = 10
SECONDS = 20.0


def observed(seed: int) -> tuple[Simulation, SimulatedClients]:
    simulation = Simulation(hostile(seed, 3))
    return simulation, SimulatedClients(simulation, seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_world_with_clients_is_the_one_without(seed: int):
    """Votes, Follows and heartbeats of clients end their links, are counted, and change no line."""
    alone = Simulation(hostile(seed, 3))
    alone.run(SECONDS)
    simulation, clients = observed(seed)
    simulation.run(SECONDS)
    assert simulation.transcript == alone.transcript
    assert clients.refused.total() == clients.links_ended > 1_000
    assert {"heartbeat", "batch"} <= {*clients.refused}
    assert "watch" not in clients.refused
    simulation.settle()


@pytest.mark.parametrize("seed", SEEDS)
def test_clients_hear_of_no_lease_that_nobody_holds(seed: int):
    simulation, clients = observed(seed)
    simulation.run(SECONDS)
    simulation.settle()
    elected = {
        (event.election, event.term) for event in map(_event_of, simulation.events) if isinstance(event, Elected)
    }
    told = {(report.election, report.term) for report in clients.reports if report.lease_ns}
    assert told
    assert told <= elected
    assert clients.misled == 0


@pytest.mark.parametrize("seed", SEEDS[:2])
def test_a_world_with_mirrors_is_the_one_without(seed: int):
    """Mirrors that follow are told of no leader that was not elected; those that speak like nodes are cut off."""
    alone = Simulation(hostile(seed, 3))
    alone.run(SECONDS)
    simulation = Simulation(hostile(seed, 3))
    mirrors = SimulatedMirrors(simulation, seed)
    simulation.run(SECONDS)
    assert simulation.transcript == alone.transcript
    assert mirrors.refused.total() == sum(each.ended for each in mirrors.served) > 1_000
    assert {"heartbeat", "batch"} <= {*mirrors.refused}
    simulation.settle()
    mirrors.check_followed()
    elected = {
        (event.election, event.term) for event in map(_event_of, simulation.events) if isinstance(event, Elected)
    }
    assert mirrors.named
    assert {(election, term) for election, term, _ in mirrors.named} <= elected


def test_no_election_is_made_for_clients():
    simulation = Simulation(Options(seed=1))
    clients = SimulatedClients(simulation, 1)
    simulation.run(5)
    assert {report.term for report in clients.reports if report.election == "unknown"} == {0}
    assert all([*simulation.elector(node_id).state.elections] == ["default"] for node_id in "abc")


def test_a_client_that_could_speak_for_a_node_is_noticed():
    """Without the end of its link a client repeats what a member said, and a promise is broken or a line changes."""

    def receiving(receive):
        def receive_as_member(self, event):
            process = self._links.process
            if isinstance(event, MessageReceived) and not isinstance(event.message, Watch):
                for link in list(process.links.accepted.values())[:1]:
                    frame = FrameReceived(
                        peer=link.path.source, number=link.wire_number, message=event.message, link=link
                    )
                    process.gate.run(link, process.deliver, frame)
            else:
                receive(self, event)

        return receive_as_member

    found: Counter[str] = Counter()
    for seed in range(BREAK_SEEDS_MAX):
        with wrapped(ObserverServer, "receive", receiving):
            simulation, _ = observed(seed)
            try:
                simulation.run(SECONDS)
            except InvariantViolation as violation:
                found[violation.invariant] += 1
                break
    assert found
    assert "electors never raise" not in found


def _event_of(record: Record) -> Event:
    return record.event
