import json
from dataclasses import replace

import pytest

from elect.core.configuration import ClusterState, Configuration
from elect.core.events import Objection, Role
from elect.core.messages import Standing
from elect.core.quorum import FOREVER
from elect.core.snapshot import ElectionSnapshot, ElectorSnapshot, PeerSnapshot, WhyNoLeader
from elect.monitoring.member_phase import REMOVED_REMEDY
from elect.monitoring.status import RuntimeSnapshot, Status, sentence


def election(**changed: object) -> ElectionSnapshot:
    values = {
        "name": "default",
        "role": Role.FOLLOWER,
        "term": 3,
        "voted_for": None,
        "durable_term": 3,
        "is_entered": True,
        "leader": None,
        "leader_term": 0,
        "lease_until": 0,
        "followers": (),
        "failback_ns": None,
        "waiting": WhyNoLeader.NO_QUORUM,
        "refusals": (),
    }
    return ElectionSnapshot(**(values | changed))


def peer(node_id: str, counted_until: int) -> PeerSnapshot:
    return PeerSnapshot(
        node_id=node_id,
        accepted=None,
        opened=None,
        is_trusted=True,
        is_supported=True,
        promised_until=0,
        counted_until=counted_until,
        supports=("a",),
        rank=Standing(),
        is_configuration_same=True,
        objection=None,
        detail="",
    )


def view(*elections: ElectionSnapshot, supported_until: int = 0) -> ElectorSnapshot:
    return ElectorSnapshot(
        now=10**9,
        node_id="a",
        incarnation=1,
        voters=("a", "b", "c"),
        configuration="0f",
        members=Configuration.initial("abc"),
        is_settled=True,
        pending=None,
        highest_term=7,
        leases_over_at=0,
        quorum=2,
        rank=Standing(),
        is_paused=False,
        is_healthy=True,
        is_storing=True,
        is_disputed=False,
        strangers=(),
        fence_until=25 * 10**8,
        supported_until=supported_until,
        peers=(peer("b", 2 * 10**9), peer("c", 0)),
        elections=elections,
    )


def status(seen: ElectorSnapshot | None, lease_ns: int = 0, **more: object) -> Status:
    return Status.of(
        "a",
        seen,
        RuntimeSnapshot(
            cluster="orders",
            state="running",
            threads={"elect-orchestrator": True},
            loop_lag_ns=5,
            inbox_depth=0,
            lease_ns=lambda name, term: lease_ns,
            address={"b": "host:1"}.get,
            installed=Configuration.initial("abc").id,
            **{"lifecycle": "ready", **more},
        ),
    )


def test_without_a_leader_it_says_why_in_words_and_numbers():
    found = status(view(election()))
    assert found.elections["default"].why_no_leader is WhyNoLeader.NO_QUORUM
    assert found.elections["default"].why_text == "2 of 3 voters support this node, itself included; 2 are needed"


def test_an_id_that_two_processes_use_is_named():
    """The text is part of why_text, and is in `doubled` with or without a leader."""
    text = "two processes use the id 'b': 10.0.0.1:5 (store 00, start 1) and 10.0.0.2:5 (store 11, start 1)"
    found = status(view(election()), doubled={"b": text})
    assert found.elections["default"].why_text.endswith(f"2 are needed; {text}")
    assert found.to_dict()["doubled"] == {"b": text}


def test_a_removed_node_is_told_what_to_do():
    found = status(view(election()), lifecycle="removed").elections["default"]
    assert found.why_text.endswith(f"2 are needed; this node was removed: {REMOVED_REMEDY}")


def test_with_a_leader_there_is_no_why():
    found = status(view(election(leader="b", waiting=WhyNoLeader.FOLLOWING))).elections["default"]
    assert (found.why_no_leader, found.why_text) == (None, None)
    assert found.to_dict()["waiting"] == "following"


@pytest.mark.parametrize(("failback_ns", "said"), [(None, None), (10 * 10**9, 10.0)])
def test_failback_is_in_seconds_or_null(failback_ns, said):
    found = status(view(election(failback_ns=failback_ns))).elections["default"]
    assert found.to_dict()["failback"] == said


@pytest.mark.parametrize("why", WhyNoLeader)
def test_every_reason_has_a_sentence(why):
    sealed = replace(Configuration.initial("abc"), state=ClusterState.SEALED)
    seen = replace(view(), peers=(replace(peer("c", 0), objection=Objection.OTHER_STORE),), members=sealed)
    assert len(sentence(seen, why)) > 10
    assert "{" not in sentence(seen, why)


def test_a_dispute_names_the_peer_and_both_digests():
    disputing = replace(peer("c", 0), objection=Objection.OTHER_VOTERS, detail="a1")
    text = sentence(replace(view(), peers=(disputing,), strangers=("z",)), WhyNoLeader.CONFIGURATION)
    assert "peer c has configuration a1, this node has 0f" in text
    assert "node z is not in this node's list of voters (configuration 0f)" in text
    assert "start it with [join] seeds instead of [peers]" in text  # no other remedy helps one that lists nobody


def test_the_boot_fence_says_how_long():
    assert sentence(view(), WhyNoLeader.BOOT_FENCE).endswith("in 1.5 s")


def test_all_of_it_is_json():
    found = status(view(election(), supported_until=2 * 10**9), lease_ns=5 * 10**8).to_dict()
    assert json.loads(json.dumps(found)) == found
    assert found["has_quorum"] is True
    assert found["is_fenced"] is True
    assert found["elections"][0]["is_leader"] is True
    assert found["elections"][0]["lease_remaining"] == 0.5
    supported = [(each["node"], each["is_supported"], each["supported_for"]) for each in found["peers"]]
    assert supported == [("b", True, 1.0), ("c", False, 0)]
    assert found["peers"][0]["address"] == "host:1"


def test_a_lease_without_end_is_null_in_json():
    found = status(view(election()), lease_ns=FOREVER).to_dict()["elections"][0]
    assert (found["is_leader"], found["lease_remaining"]) == (True, None)


def test_a_thread_that_does_not_answer_leaves_the_rest():
    found = status(None).to_dict()
    assert found["has_quorum"] is False
    assert "elections" not in found
    assert found["threads"] == {"elect-orchestrator": True}
