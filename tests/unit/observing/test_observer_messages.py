"""The messages of clients: their bounds, and their way over the wire."""

import pytest

from elect.core.configuration import Configuration, Member
from elect.observing.observer_messages import CLIENT_MESSAGES, LeaderReport, MembersReport, Watch
from wire.protocol.codec import Codec

CODEC = Codec(*CLIENT_MESSAGES)
MEMBERS = Configuration(members=(Member(node_id="a"), Member(node_id="b", address="b:1")))


@pytest.mark.parametrize(
    "message",
    [
        Watch(elections=("default", "jobs")),
        LeaderReport(election="default", term=0),
        LeaderReport(election="jobs", term=7, leader_id="a", address="a:1", metadata={"http": "x"}, lease_ns=5),
        MembersReport(configuration=MEMBERS, addresses={"a": "a:1"}, heard=("a",)),
    ],
)
def test_messages_survive_the_wire(message):
    assert CODEC.decode(CODEC.encode(message)) == message


@pytest.mark.parametrize(
    "make",
    [
        lambda: Watch(elections=("default", "default")),
        lambda: Watch(elections=tuple(f"e{number}" for number in range(65))),
        lambda: Watch(elections=("",)),
        lambda: LeaderReport(election="default", term=-1),
        lambda: LeaderReport(election="default", term=1, leader_id="a" * 65),
        lambda: LeaderReport(election="default", term=1, leader_id="a\nnone"),
        lambda: LeaderReport(election="default", term=1, address="a" * 301),
        lambda: LeaderReport(election="default", term=1, metadata={"key": "x" * 2_048}),
        lambda: LeaderReport(election="default", term=1, metadata={str(number): "" for number in range(17)}),
        lambda: LeaderReport(election="default", term=1, age_ns=-1),
        lambda: LeaderReport(election="default", term=1, lease_ns=600_000_000_001),
    ],
)
def test_values_out_of_bounds_are_refused(make):
    with pytest.raises(ValueError, match="allowed"):
        make()
