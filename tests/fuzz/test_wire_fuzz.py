"""A few seconds' worth of `python -m tests.fuzz.wire`, and that it would notice."""

import pytest

from tests.fuzz.targets import TARGETS
from tests.fuzz.traffic import MESSAGES
from tests.fuzz.wire import Outcome, run_block
from wire import codec, connection, frame, seal

SIZE = 2_500


def test_nothing_comes_of_any_input_but_a_typed_error() -> None:
    outcome = Outcome()
    for block in range(4):
        outcome.add(run_block(0, block, SIZE))
    assert outcome.findings == []
    met = {reason for _, reason in outcome.counts}
    assert met >= {"ok", "magic", "frame_too_long", "payload", "unknown_kind", "truncated", "order", "proof", "tag"}
    assert met >= {"unknown_peer", "key"}


def test_the_same_seed_makes_the_same_inputs() -> None:
    assert run_block(3, 7, 500).counts == run_block(3, 7, 500).counts


def test_all_that_can_be_said_is_fed() -> None:
    assert {type(message).__name__ for message in MESSAGES} == {"Heartbeat", "Batch", "Knowledge", "Heard", "Bye"}
    assert {target.__name__ for target in TARGETS} >= {"frames", "payloads", "handshakes", "opened"}


def without_a_check(self: seal.Seal, sealed: bytes) -> bytes:
    return sealed[: -seal.TAG_BYTES]


def believing(self: frame.Deframer, data: bytes, start: int) -> int:
    body = start + frame.HEADER_BYTES
    return body if body > len(data) else body + int.from_bytes(data[start:body], "big")


@pytest.mark.parametrize(
    ("owner", "name", "broken"),
    [
        (codec, "PayloadError", type("Other", (Exception,), {})),
        (seal.Seal, "open", without_a_check),
        (seal.Session, "check", lambda *_, **__: None),
        (frame.Deframer, "_end", believing),
        (connection.Connection, "receive_end", lambda _: {}["untyped"]),
        (connection, "OrderError", type("Other", (Exception,), {})),
    ],
)
def test_a_broken_check_is_found(monkeypatch: pytest.MonkeyPatch, owner: object, name: str, broken: object) -> None:
    monkeypatch.setattr(owner, name, broken)
    assert run_block(0, 0, SIZE).findings
