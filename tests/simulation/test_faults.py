"""The faults of the network, and each fault of the nemesis alone."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from elect.core.messages import Abandoned, Batch, ConfigurationId, Heartbeat
from elect.testing import Faults, Observer, Options, Simulation
from elect.testing.faults.catalogue import FAULTS
from elect.testing.world import simulated_network
from tests.simulation.clusters import steady


@contextmanager
def heartbeats(simulation: Simulation) -> Iterator[list[Heartbeat]]:
    heard: list[Heartbeat] = []

    class Hearer(Observer):
        def heard(self, process: object, link: object, message: object, read_at: int) -> None:
            if isinstance(message, Heartbeat):
                heard.append(message)

    simulation.watch(Hearer())
    yield heard


def test_frames_arrive_twice_and_out_of_order():
    simulation, _, _ = steady()
    simulation.duplication(1.0, "a", "b", both=False)
    with heartbeats(simulation) as heard:
        simulation.run(2)
    sent = [heartbeat.sent for heartbeat in heard]
    assert len(sent) >= len(set(sent)) + 15
    simulation, _, _ = steady()
    simulation.reordering(0.5)
    with heartbeats(simulation) as heard:
        simulation.run(2)
    by_session = [heartbeat.sent for heartbeat in heard if heartbeat.ack == heard[0].ack or heartbeat.ack]
    assert by_session != sorted(by_session)


def test_encoded_messages_make_the_same_world():
    plain, encoded = (Simulation(Options(nodes=3, seed=5, is_encoded=is_encoded)) for is_encoded in (False, True))
    for simulation in (plain, encoded):
        simulation.run(3)
        simulation.crash(simulation.leader() or "")
        simulation.run(3)
    assert encoded.transcript == plain.transcript


def test_a_message_longer_than_a_frame_is_noticed(monkeypatch: pytest.MonkeyPatch):
    batch = Batch(configuration=ConfigurationId(1, 1, bytes(8)), entries=(Abandoned(election="a", term=1),))
    assert simulated_network.encoded(batch) is batch
    monkeypatch.setattr(simulated_network, "_FRAME_BYTES_MAX", 16)
    with pytest.raises(ValueError, match="bytes and is decoded as"):
        simulated_network.encoded(batch)


def test_a_clog_holds_everything_for_its_time():
    simulation, leader, _ = steady(coalescer=False, heartbeat_interval=0.1)
    simulation.clog(0.5)
    with heartbeats(simulation) as heard:
        simulation.run(0.49)
        assert heard == []
        simulation.run(0.1)
        assert len(heard) >= 6 * 4
    assert simulation.leader() == leader


@pytest.mark.parametrize("kind", sorted(FAULTS))
def test_a_fault_strikes_by_itself_and_is_undone(kind: str):
    faults = Faults(every=0.5, kinds=(kind,))
    simulation = Simulation(Options(nodes=4, seed=3, drift=0.01, untrusted=0.5, faults=faults))
    calm = Simulation(Options(nodes=4, seed=3, drift=0.01, untrusted=0.5))
    simulation.run(15)
    calm.run(15)
    assert simulation.strikes[kind] > 10
    assert simulation.transcript != calm.transcript
    simulation.settle()


def test_a_node_without_peers_has_the_faults_that_need_none():
    simulation = Simulation(Options(nodes=1, seed=2, faults=Faults(every=0.1, triggered=1.0)))
    simulation.run(10)
    assert simulation.strikes["crash"] > 0
    assert simulation.strikes["redial"] == 0
    simulation.settle()


@pytest.mark.parametrize("kind", sorted(FAULTS))
def test_a_fault_strikes_the_last_machine(kind: str):
    simulation = Simulation(Options(faults=Faults(every=0.2, kinds=(kind,), triggered=1.0)))
    for node_id in "bc":
        simulation._world.hosts[node_id].retire()
    simulation.run(5)


def test_nodes_that_rest_are_waited_for():
    """An application that resigns again and again makes all of them rest."""
    for seed in range(6):
        simulation = Simulation(Options(nodes=1, seed=seed, faults=Faults(every=0.15, kinds=("resign",))))
        simulation.run(20)
        simulation.settle()


def test_at_most_one_disk_is_wiped():
    simulation = Simulation(Options(nodes=5, seed=2, faults=Faults(every=0.2, kinds=("wipe", "crash"))))
    simulation.run(30)
    assert simulation.transcript.count("is wiped") == 1
    simulation.settle()


def test_triggered_faults_strike_at_elections():
    simulation = Simulation(Options(nodes=3, seed=2, faults=Faults(every=1e6, triggered=0.9)))
    simulation.run(0.0001)
    assert simulation.strikes["triggered"] == 0
    simulation.run(20)
    assert simulation.strikes["triggered"] > 10
    simulation.settle()


def test_unwilling_nodes_do_not_lead_after_the_healing():
    left = 0
    for seed in range(5):
        simulation = Simulation(Options(nodes=5, seed=seed, faults=Faults(every=1.0, unwilling=0.7)))
        simulation.run(5)
        simulation.settle()
        unwilling = [node_id for node_id in "abcde" if not simulation.elector(node_id).state.is_willing]
        assert simulation.leader() not in unwilling
        left += len(unwilling)
    assert left > 5
