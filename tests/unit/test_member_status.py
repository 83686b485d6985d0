import json

import pytest

from elect.core.configuration import Configuration, Member, MemberKind
from elect.monitoring.member_status import MembershipStatus, MemberState, membership, state_of
from elect.monitoring.peer_health import UNHEARD, PeerHealth

HEARD = PeerHealth(last_heard_ns=5_000_000, is_suspect=False)


def member(node_id: str, **settings: object) -> Member:
    return Member(**{"node_id": node_id, **settings})


def status(*members: Member, **settings: object) -> MembershipStatus:
    return membership(
        Configuration(members=members, **settings),
        "a",
        supported_by={"b"},
        installed_by={"a", "b"},
        lacks={},
        address={"b": "now:1"}.get,
        health={"b": HEARD}.get,
    )


@pytest.mark.parametrize(
    ("kind", "is_voter", "state"),
    [
        (MemberKind.VOTER, True, MemberState.VOTER),
        (MemberKind.WITNESS, True, MemberState.WITNESS),
        (MemberKind.VOTER, False, MemberState.LEARNER),
        (MemberKind.WITNESS, False, MemberState.LEARNER),
        (MemberKind.OBSERVER, False, MemberState.OBSERVER),
    ],
)
def test_the_part_that_a_member_takes_now(kind, is_voter, state):
    assert state_of(member("a", kind=kind, is_voter=is_voter)) is state


def test_each_member_has_its_health_but_the_node_itself():
    seen = {each.node_id: each for each in status(member("a"), member("b")).members}
    assert (seen["a"].is_self, seen["a"].health, seen["a"].is_supported) == (True, None, False)
    assert (seen["b"].is_self, seen["b"].health, seen["b"].is_supported) == (False, HEARD, True)


def test_the_address_seen_now_beats_the_one_written_down():
    seen = status(member("b", address="then:1"), member("c", address="then:2")).members
    assert [each.address for each in seen] == ["now:1", "then:2"]
    assert [each.written_address for each in seen] == ["then:1", "then:2"]


def test_the_content_names_the_configuration_and_its_members():
    found = status(
        member("a", store_id=bytes(range(16))), member("b", is_voter=False), term=7, version=3, cluster_id=bytes(16)
    )
    content = json.loads(json.dumps(found.to_dict()))
    assert content["configuration"] == found.configuration.id.digest.hex()
    assert {name: content[name] for name in ("term", "version", "floor", "cluster_id", "quorum")} == {
        "term": 7,
        "version": 3,
        "floor": 0,
        "cluster_id": "00" * 16,
        "quorum": 1,
    }
    first, second = content["members"]
    assert (first["node"], first["store"], first["state"]) == ("a", bytes(range(16)).hex(), "voter")
    assert (second["state"], second["last_heard"], second["is_leaving"]) == ("learner", 0.005, False)


@pytest.mark.parametrize(("voters", "has_quorum"), [("a", True), ("ab", True), ("abc", True), ("acd", False)])
def test_a_quorum_of_the_voters_has_installed_it(voters, has_quorum):
    observer = member("x", kind=MemberKind.OBSERVER, is_voter=False)
    assert status(*map(member, voters), observer).has_quorum is has_quorum


def test_without_members_there_is_no_quorum():
    assert status().to_dict()["quorum"] is None
    assert status().to_dict()["cluster_id"] is None


def test_an_unheard_peer_has_no_times():
    content = membership(
        Configuration.initial("ab"),
        "a",
        supported_by=(),
        installed_by=(),
        lacks={},
        address=lambda _: None,
        health=lambda _: UNHEARD,
    ).to_dict()
    assert content["members"][1]["last_heard"] is None
