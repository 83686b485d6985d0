"""The check of a peer at a handshake."""

import logging
from collections.abc import Callable

import pytest

from elect.bridge.admission import REFUSED_NS, STRANGERS_MAX, Admission, StrangerRefused, objection_of
from elect.core.configuration import Configuration, Member
from elect.core.events import Objection
from elect.core.ready import Meeting
from wire.protocol.identity import PeerIdentity
from wire.protocol.wire_errors import Refusal, RejectCode, StoppedError

FIRST, SECOND = bytes(16), bytes([1]) * 16
INTERVAL_NS = 10**9
CLUSTER, ANOTHER = bytes([5]) * 16, bytes([6]) * 16


def configuration(*members: Member, version: int = 0, cluster_id: bytes | None = None) -> Configuration:
    return Configuration(members=(Member(node_id="a"), *members), version=version, cluster_id=cluster_id)


def identity(node_id: str, store: bytes, **more: str) -> PeerIdentity:
    attributes = {"advertise": f"10.0.0.{store[0]}:1", **more}
    return PeerIdentity(node=node_id, incarnation=1, store=store, attributes=attributes)


class InterruptedConfiguration:
    """A configuration in whose every lookup another thread, that of a handshake, gets its turn."""

    def __init__(self, configuration: Configuration, interrupt: Callable[[], object]) -> None:
        self._configuration, self._interrupt = configuration, interrupt
        self.members = configuration.members
        self.cluster_id = configuration.cluster_id

    def member(self, node_id: str) -> Member | None:
        interrupt, self._interrupt = self._interrupt, lambda: None
        interrupt()
        return self._configuration.member(node_id)


class Desk:
    def __init__(self, **meetings: Meeting) -> None:
        self.now = 0
        self.delivered: list[StrangerRefused] = []
        first = configuration(Member(node_id="b"))
        self.admission = Admission(first, meetings, lambda: self.now, self.delivered.append, INTERVAL_NS)

    def judge(self, node_id: str, store: bytes = FIRST) -> RejectCode | None:
        refusal = self.admission.judge(identity(node_id, store))
        return None if refusal is None else refusal.code

    def meet(self, node_id: str, store: bytes) -> bool:
        return self.admission.meet(identity(node_id, store))


def test_a_peer_is_taken_under_its_first_store_only(caplog):
    desk = Desk()
    assert desk.judge("b") is None
    desk.meet("b", FIRST)
    desk.meet("b", SECOND)
    with caplog.at_level(logging.WARNING):
        assert [desk.judge("b"), desk.judge("b", SECOND), desk.judge("b", SECOND)] == [None, *[RejectCode.STORE] * 2]
    (record,) = caplog.records
    assert "elect members replace" in record.getMessage()
    for shown in (FIRST.hex(), SECOND.hex(), "10.0.0.0:1", "10.0.0.1:1"):
        assert shown in record.getMessage()
    assert list(desk.admission.refused()) == ["b"]
    desk.now += REFUSED_NS
    assert desk.admission.refused() == {}


def test_a_handshake_while_a_configuration_is_installed(caplog):
    """A handshake thread notes a second store of a peer while the orchestrator thread looks for former members."""
    peers = [Member(node_id=peer, store_id=FIRST) for peer in ("b", "c")]
    desk = Desk()
    desk.admission.install(configuration(*peers))
    assert desk.judge("b", SECOND) is RejectCode.STORE
    desk.admission.install(InterruptedConfiguration(configuration(*peers), lambda: desk.judge("c", SECOND)))
    assert list(desk.admission.refused()) == ["b", "c"]


def test_an_unproven_end_is_told_no_details(caplog):
    desk = Desk()
    desk.meet("b", FIRST)
    refusal = desk.admission.judge(identity("b", SECOND), is_proven=False)
    assert refusal.code is RejectCode.STORE
    assert FIRST.hex() not in refusal.text
    assert desk.admission.refused() == {}
    assert "it has not proved its id" in caplog.text


def test_stores_that_change_are_said_once_a_minute(caplog):
    desk = Desk()
    desk.meet("b", FIRST)
    for number in range(1, 100):
        desk.judge("b", bytes([number]) * 16)
    assert len(caplog.records) == 1
    desk.now += REFUSED_NS
    desk.judge("b", SECOND * 1)
    desk.judge("b", bytes([7]) * 16)
    assert len(caplog.records) == 2


def test_stores_met_before_a_restart_are_known():
    assert Desk(b=Meeting(store_id=FIRST)).judge("b", SECOND) is RejectCode.STORE


def test_a_forgotten_peer_is_met_anew():
    desk = Desk(b=Meeting(store_id=FIRST))
    desk.admission.forget("b")
    assert desk.judge("b", SECOND) is None


def test_a_stranger_is_refused_and_reported_now_and_then():
    desk = Desk()
    assert [desk.judge("z") for _ in range(3)] == [RejectCode.UNKNOWN_PEER] * 3
    assert desk.delivered == [StrangerRefused(node_id="z")]
    desk.now += INTERVAL_NS
    desk.judge("z")
    assert len(desk.delivered) == 2


def test_strangers_are_bounded():
    desk = Desk()
    for number in range(2 * STRANGERS_MAX):
        desk.judge(f"z{number}")
    assert len(desk.delivered) == STRANGERS_MAX


def test_members_are_those_of_the_latest_configuration():
    desk = Desk()
    desk.admission.install(configuration(Member(node_id="c"), version=1))
    assert [desk.judge("b"), desk.judge("c")] == [RejectCode.UNKNOWN_PEER, None]
    desk.admission.install(configuration(Member(node_id="b"), version=2))
    assert [desk.judge("b"), desk.judge("c")] == [None, RejectCode.UNKNOWN_PEER]


def test_a_member_is_taken_under_the_store_of_the_configuration():
    desk = Desk(b=Meeting(store_id=FIRST))
    desk.admission.install(configuration(Member(node_id="b", store_id=SECOND), version=1))
    assert [desk.judge("b"), desk.judge("b", SECOND)] == [RejectCode.STORE, None]


def test_a_learner_without_a_named_store_is_met_under_its_latest():
    desk = Desk()
    learner = Member(node_id="b", is_voter=False)
    desk.admission.install(configuration(learner, version=1))
    for store in (FIRST, SECOND):
        assert desk.judge("b", store) is None
        desk.meet("b", store)
        assert desk.admission.store_of("b") == store
    desk.admission.install(configuration(Member(node_id="b"), version=2))
    assert [desk.judge("b"), desk.judge("b", SECOND)] == [RejectCode.STORE, None]


def test_a_member_without_a_vote_may_come_with_another_store():
    desk = Desk()
    desk.admission.install(configuration(Member(node_id="b", is_voter=False), version=1))
    assert [desk.meet("b", FIRST), desk.meet("b", FIRST), desk.meet("b", SECOND)] == [False, False, True]
    assert desk.admission.store_of("b") == SECOND
    desk.admission.install(configuration(Member(node_id="b"), version=2))
    assert not desk.meet("b", FIRST)
    assert desk.admission.store_of("b") == SECOND


def test_a_former_member_is_told_that_it_was_removed():
    desk = Desk(b=Meeting(store_id=FIRST))
    desk.admission.install(configuration(version=1))
    assert [desk.judge("b"), desk.judge("b", SECOND)] == [RejectCode.REMOVED, RejectCode.UNKNOWN_PEER]


def test_former_members_are_bounded():
    desk = Desk(**{f"z{number:03}": Meeting(store_id=FIRST) for number in range(2 * STRANGERS_MAX)})
    desk.admission.install(configuration(version=1))
    codes = [desk.judge(f"z{number:03}") for number in range(2 * STRANGERS_MAX)]
    assert codes == [RejectCode.UNKNOWN_PEER] * STRANGERS_MAX + [RejectCode.REMOVED] * STRANGERS_MAX


def test_a_node_of_another_cluster_is_refused_with_both_ids():
    desk = Desk()
    desk.admission.install(configuration(Member(node_id="b"), cluster_id=CLUSTER))
    refusal = desk.admission.judge(identity("b", FIRST, cluster_id=ANOTHER.hex()))
    assert refusal.code is RejectCode.CLUSTER
    assert CLUSTER.hex() in refusal.text
    assert ANOTHER.hex() in refusal.text
    for shown in ({}, {"cluster_id": CLUSTER.hex()}):
        assert desk.admission.judge(identity("b", FIRST, **shown)) is None
    assert Desk().admission.judge(identity("b", FIRST, cluster_id=ANOTHER.hex())) is None


def test_strangers_are_reported_under_a_first_list_only():
    desk = Desk()
    desk.admission.install(configuration(version=1))
    assert desk.judge("z") is RejectCode.UNKNOWN_PEER
    assert desk.delivered == []


def test_a_node_of_no_cluster_objects_to_nobody():
    desk = Desk()
    desk.admission.install(Configuration())
    refusal = desk.admission.judge(identity("b", FIRST))
    assert (refusal.code, objection_of(refusal)) == (RejectCode.UNFORMED, None)
    assert desk.delivered == []


@pytest.mark.parametrize(
    ("code", "objection"),
    [
        (RejectCode.UNKNOWN_PEER, Objection.UNKNOWN_NODE),
        (RejectCode.REMOVED, Objection.UNKNOWN_NODE),
        (RejectCode.STORE, Objection.OTHER_STORE),
        (RejectCode.FULL, None),
    ],
)
def test_some_refusals_are_objections(code, objection):
    assert objection_of(Refusal(code, "no", is_retryable=True)) is objection
    assert objection_of(StoppedError("no")) is None


def test_members_that_dial_a_node_of_no_cluster_are_remembered():
    """Until some support durations are over; not more than are needed, as they may prove nothing."""
    desk = Desk()
    desk.admission.install(Configuration())
    for place, peer in enumerate("bcdef"):
        desk.admission.judge(identity(peer, FIRST, advertise=f"h:{place}"))
    assert desk.admission.callers() == {"b": "h:0", "c": "h:1", "d": "h:2"}
    desk.now = 5 * INTERVAL_NS
    desk.admission.judge(identity("b", FIRST, advertise="h:9"))
    assert desk.admission.callers() == {"b": "h:9", "c": "h:1", "d": "h:2"}
    desk.now += 1
    assert desk.admission.callers() == {"b": "h:9"}
    desk.admission.judge(identity("e", FIRST, advertise="h:3"))
    assert desk.admission.callers() == {"b": "h:9", "e": "h:3"}
    desk.admission.install(configuration(Member(node_id="b")))
    desk.judge("f")
    assert "f" not in desk.admission.callers()
