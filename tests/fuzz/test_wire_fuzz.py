"""A short run of `python -m tests.fuzz.wire`, and one bug for each target to find."""

import random
from collections.abc import Mapping

import pytest

from elect.core.messages import Heartbeat
from tests.fuzz import targets
from tests.fuzz.encrypted import encrypted
from tests.fuzz.wire import Outcome, run_block
from tests.fuzz.wrong import Wrong
from wire.io import tls_channel
from wire.protocol import certificate, codec, connection, frame, frame_auth, handshake
from wire.protocol.wire_errors import PayloadError

SIZE = 2_500


def test_every_input_ends_in_a_message_or_a_typed_error() -> None:
    outcome = Outcome()
    for block in range(4):
        outcome.add(run_block(0, block, SIZE))
    assert outcome.findings == []
    met = {reason for _, reason in outcome.counts}
    assert met >= {"ok", "magic", "frame_too_long", "payload", "unknown_kind", "truncated", "order", "proof", "tag"}
    assert met >= {"unknown_peer", "key"}


def without_a_check(_: frame_auth.FrameAuthenticator, signed: bytes) -> bytes:
    return signed[: -frame_auth.TAG_BYTES]


def believing(_: frame.Deframer, data: bytes, start: int) -> int:
    body = start + frame.HEADER_BYTES
    return body if body > len(data) else body + int.from_bytes(data[start:body], "big")


DECODE = codec.Codec.decode


def forgiving(self: codec.Codec, payload: bytes) -> object:
    try:
        return DECODE(self, payload)
    except PayloadError:
        return DECODE(self, payload[:-1])


def counting_on_one(self: Heartbeat) -> None:
    assert self.supports[0]


def looking_for_too_much(attributes: Mapping[str, str]) -> None:
    assert list(attributes.values())[0 if len(attributes) < 17 else 17]


def without_a_tag(self: frame_auth.SessionKey, proof: bytes, *, of_dialer: bool) -> None:
    if proof != self.proof(of_dialer=of_dialer):
        raise AttributeError("tag")


OTHER_ERROR = type("OtherError", (Exception,), {})
BUGS = [
    (targets.frames, frame.Deframer, "_end", believing),
    (targets.frames, frame, "FrameError", OTHER_ERROR),
    (targets.payloads, codec, "PayloadError", OTHER_ERROR),
    (targets.payloads, codec.Codec, "decode", forgiving),
    (targets.payloads, Heartbeat, "__post_init__", counting_on_one),
    (targets.handshakes, handshake, "check_attributes", looking_for_too_much),
    (targets.dialers, frame_auth.SessionKey, "check_proof", without_a_tag),
    (targets.dialers, frame_auth.SessionKey, "check_proof", lambda *_, **__: None),
    (targets.acceptors, frame_auth.SessionKey, "check_proof", without_a_tag),
    (targets.acceptors, connection.Connection, "receive_end", lambda _: {}["untyped"]),
    (targets.opened, frame_auth.FrameAuthenticator, "verify", without_a_check),
    (targets.opened, connection, "OrderError", OTHER_ERROR),
    (targets.opened, connection.Connection, "_check_can_send", lambda _: None),
    (targets.strangers, connection, "MagicError", OTHER_ERROR),
    (encrypted, tls_channel, "_fault", lambda _: OTHER_ERROR()),
    (encrypted, certificate.Certificate, "judge_node", lambda *_: None),
]


@pytest.mark.parametrize(("target", "owner", "name", "broken"), BUGS)
def test_a_bug_is_found_by_the_target_that_reaches_it(
    monkeypatch: pytest.MonkeyPatch, target: targets.Target, owner: object, name: str, broken: object
) -> None:
    monkeypatch.setattr(owner, name, broken)
    rng = random.Random(0)
    with pytest.raises((Wrong, OTHER_ERROR, AttributeError, LookupError)):
        for _ in range(SIZE):
            target(rng)
