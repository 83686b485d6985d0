"""The check of a peer at a handshake."""

import logging

import pytest

from elect import Config
from elect.bridge.admission import REFUSED_NS, STRANGERS_MAX, Admission, StrangerRefused, objection_of
from elect.core.events import Objection
from elect.core.ready import Meeting
from wire.protocol.identity import PeerIdentity
from wire.protocol.wire_errors import Refusal, RejectCode, StoppedError

FIRST, SECOND = bytes(16), bytes([1]) * 16
CONFIG = Config(node="a", cluster="t", listen="127.0.0.1:1", data_dir="x", peers={"b": "127.0.0.1:2"})


def identity(node_id: str, store: bytes) -> PeerIdentity:
    attributes = {"advertise": f"10.0.0.{store[0]}:1"}
    return PeerIdentity(node=node_id, incarnation=1, store=store, attributes=attributes)


class Desk:
    def __init__(self, **meetings: Meeting) -> None:
        self.now = 0
        self.delivered: list[StrangerRefused] = []
        self.admission = Admission(CONFIG, meetings, lambda: self.now, self.delivered.append)

    def judge(self, node_id: str, store: bytes = FIRST) -> RejectCode | None:
        refusal = self.admission.judge(identity(node_id, store))
        return None if refusal is None else refusal.code

    def meet(self, node_id: str, store: bytes) -> None:
        self.admission.meet(identity(node_id, store))


def test_a_peer_is_taken_under_its_first_store_only(caplog):
    desk = Desk()
    assert desk.judge("b") is None
    desk.meet("b", FIRST)
    desk.meet("b", SECOND)
    with caplog.at_level(logging.WARNING):
        assert [desk.judge("b"), desk.judge("b", SECOND), desk.judge("b", SECOND)] == [None, *[RejectCode.STORE] * 2]
    (record,) = caplog.records
    assert "elect forget b" in record.getMessage()
    for shown in (FIRST.hex(), SECOND.hex(), "10.0.0.0:1", "10.0.0.1:1"):
        assert shown in record.getMessage()
    assert list(desk.admission.refused()) == ["b"]
    desk.now += REFUSED_NS
    assert desk.admission.refused() == {}


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
    desk.now += CONFIG.support_duration_ns
    desk.judge("z")
    assert len(desk.delivered) == 2


def test_strangers_are_bounded():
    desk = Desk()
    for number in range(2 * STRANGERS_MAX):
        desk.judge(f"z{number}")
    assert len(desk.delivered) == STRANGERS_MAX


@pytest.mark.parametrize(
    ("code", "objection"),
    [
        (RejectCode.UNKNOWN_PEER, Objection.UNKNOWN_NODE),
        (RejectCode.STORE, Objection.OTHER_STORE),
        (RejectCode.FULL, None),
    ],
)
def test_some_refusals_are_objections(code, objection):
    assert objection_of(Refusal(code, "no", is_retryable=True)) is objection
    assert objection_of(StoppedError("no")) is None
