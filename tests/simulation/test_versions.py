"""Messages as they are on a wire, between nodes of one version or of two."""

import pytest

from elect.core.messages import (
    Ack,
    Batch,
    ConfigurationId,
    Grant,
    Heartbeat,
    Knowledge,
    Known,
    Number,
    RefusalReason,
    Refuse,
    Standing,
    Vote,
)
from elect.testing import Options, Simulation
from elect.testing.simulation import versions
from elect.testing.simulation.versions import carried, translated
from tests.simulation.clusters import steady

CONFIGURATION = ConfigurationId(1, 1, bytes(8))
HEARTBEAT = Heartbeat(
    sent=1,
    duration=10**9,
    ack=Ack(link=Number(1, 1), session=Number(1, 2), sent=3, duration=10**9),
    supports=("a", "b"),
    standing=Standing(priority=2, offset=3),
    configuration=CONFIGURATION,
    said=4,
    heard=5,
)


def test_encoded_messages_make_the_same_world():
    plain, encoded = (Simulation(Options(nodes=3, seed=5, is_encoded=is_encoded)) for is_encoded in (False, True))
    for simulation in (plain, encoded):
        simulation.run(3)
        simulation.crash(simulation.leader() or "")
        simulation.run(3)
    assert encoded.transcript == plain.transcript


def test_what_can_not_be_carried_is_noticed(monkeypatch):
    batch = Batch(configuration=CONFIGURATION, entries=(Grant(election="a", term=1),))
    assert carried(batch) is batch
    with monkeypatch.context() as narrow, pytest.raises(ValueError, match="is carried in"):
        narrow.setattr(versions, "FRAME_BYTES_MAX", 16)
        carried(batch)
    assert carried(HEARTBEAT) is HEARTBEAT


def test_between_two_versions_what_one_lacks_is_lost_and_nothing_else():
    heartbeat = translated(HEARTBEAT)
    assert isinstance(heartbeat, Heartbeat)
    assert (heartbeat.said, heartbeat.heard) == (0, 0)
    assert (heartbeat.sent, heartbeat.ack, heartbeat.supports) == (HEARTBEAT.sent, HEARTBEAT.ack, HEARTBEAT.supports)
    refuse = Refuse(election="e", term=2, own_term=3, reason=RefusalReason.BOUND, leader="b", is_to_lead=True)
    vote = Vote(election="e", term=2, offset=7)
    batch = translated(Batch(configuration=CONFIGURATION, entries=(vote, refuse)))
    assert isinstance(batch, Batch)
    assert batch.entries[0] == vote
    assert batch.entries[1] == Refuse(election="e", term=2, own_term=3, reason=RefusalReason.BOUND, leader="b")
    knowledge = Knowledge(number=1, whole=True, entries=(Known(election="e", term=1, leader="b", incarnation=2),))
    assert translated(knowledge) == knowledge


@pytest.mark.parametrize("previous", [("a",), ("a", "b"), ("a", "b", "c")])
def test_nodes_of_two_versions_elect_and_replace_their_leader(previous: tuple[str, ...]):
    simulation, leader, others = steady(previous=previous)
    simulation.crash(leader)
    assert simulation.run_until(lambda: simulation.leader() in others, 0.1)
    simulation.restart(leader)
    simulation.run(3)
    simulation.settle()


def test_a_version_of_nobody_is_refused():
    with pytest.raises(ValueError, match="previous is"):
        Options(nodes=3, previous=("z",))
