from dataclasses import dataclass

import cbor2
import pytest

from wire.protocol.codec import DEPTH_MAX, Codec
from wire.protocol.wire_errors import EncodeError, PayloadError, UnknownKindError


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    number: int
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    pass


CODEC = Codec(Note, Ping)


def test_a_message_is_an_array_of_its_kind_and_fields() -> None:
    payload = CODEC.encode(Note(number=1, text="ä"))
    assert payload == cbor2.dumps(["note", 1, "ä"])
    assert CODEC.decode(payload) == Note(number=1, text="ä")
    assert CODEC.decode(CODEC.encode(Ping())) == Ping()


def test_an_extended_codec_carries_both() -> None:
    small = Codec(Note)
    with pytest.raises(EncodeError):
        small.encode(Ping())
    assert small.extended(Ping).decode(CODEC.encode(Ping())) == Ping()


def test_what_is_no_message_is_this_ends_fault() -> None:
    for wrong in (Note(number=True), Note(number=2**63), Note, "note", None):
        with pytest.raises(EncodeError):
            CODEC.encode(wrong)


def test_a_kind_of_a_later_version_is_told_from_garbage() -> None:
    with pytest.raises(UnknownKindError, match="kind 'later'"):
        CODEC.decode(cbor2.dumps(["later", {"any": 1.5}]))


def test_a_long_kind_is_not_repeated_in_full() -> None:
    with pytest.raises(UnknownKindError) as raised:
        CODEC.decode(cbor2.dumps(["x" * 60_000]))
    assert len(str(raised.value)) < 200


NOTE = b"\x64note"
NOT_STRICT = {
    "nothing": b"",
    "bignum": b"\x82" + NOTE + b"\xc2\x41\x05",
    "negative bignum": b"\x82" + NOTE + b"\xc3\x41\x05",
    "self-described": b"\xd9\xd9\xf7\x82" + NOTE + b"\x01",
    "date": b"\x82" + NOTE + b"\xc1\x01",
    "shared value": b"\x82" + NOTE + b"\xd8\x1c\x01",
    "string reference": b"\xd9\x01\x00\x82" + NOTE + b"\x01",
    "set": b"\x82" + NOTE + b"\xd9\x01\x02\x81\x61a",
    "unregistered tag": b"\x82" + NOTE + b"\xdb\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    "tag in an ignored field": b"\x84" + NOTE + b"\x01\x60\xc2\x41\x05",
    "indefinite array": b"\x9f" + NOTE + b"\x01\xff",
    "indefinite text": b"\x82\x7f\x64note\xff\x01",
    "indefinite bytes": b"\x83" + NOTE + b"\x01\x5f\xff",
    "indefinite map": b"\x83" + NOTE + b"\x01\xbf\xff",
    "duplicate key": b"\x84" + NOTE + b"\x01\x60\xa2\x61a\x01\x61a\x02",
    "number as key": b"\x84" + NOTE + b"\x01\x60\xa1\x01\x02",
    "array as key": b"\x84" + NOTE + b"\x01\x60\xa1\x80\x02",
    "deeper than allowed": b"\x84" + NOTE + b"\x01\x60" + b"\x81" * DEPTH_MAX + b"\x01",
    "much deeper": b"\x81" * 60_000,
    "a huge array": b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff",
    "huge arrays in arrays": b"\x9a\x7f\xff\xff\xff" * 15,
    "huge bytes": b"\x82" + NOTE + b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff",
    "a huge map": b"\x84" + NOTE + b"\x01\x60\xbb\x7f\xff\xff\xff\xff\xff\xff\xff",
    "truncated": b"\x82" + NOTE,
    "bytes after it": b"\x82" + NOTE + b"\x01\x00",
    "two messages": (b"\x82" + NOTE + b"\x01") * 2,
    "not UTF-8": b"\x83" + NOTE + b"\x01\x61\xff",
    "reserved length": b"\x82" + NOTE + b"\x1c",
    "lone break": b"\xff",
}


@pytest.mark.parametrize("payload", NOT_STRICT.values(), ids=NOT_STRICT)
def test_what_is_not_strict_is_refused(payload: bytes) -> None:
    with pytest.raises(PayloadError) as raised:
        CODEC.decode(payload)
    assert raised.value.reason == "payload"


@pytest.mark.parametrize(
    "value",
    [
        1,
        "note",
        {},
        [],
        [1, "note"],
        [None],
        [["note"], 1],
        ["note"],
        ["note", 1.0],
        ["note", float("nan")],
        ["note", float("inf")],
        ["note", True],
        ["note", None],
        ["note", cbor2.undefined],
        ["note", cbor2.CBORSimpleValue(16)],
        ["note", 2**63],
        ["note", -(2**64)],
        ["note", 1, 2],
        ["note", 1, b"x"],
    ],
)
def test_what_is_strict_but_no_message_is_refused(value: object) -> None:
    with pytest.raises(PayloadError):
        CODEC.decode(cbor2.dumps(value))


def test_the_deepest_allowed_passes() -> None:
    payload = b"\x84" + NOTE + b"\x01\x60" + b"\x81" * (DEPTH_MAX - 1) + b"\x01"
    assert CODEC.decode(payload) == Note(number=1)


def test_nothing_is_left_over_from_one_payload_to_the_next() -> None:
    whole = CODEC.encode(Note(number=1, text="a"))
    for _ in range(3):
        for wrong in (whole[:-1], whole + b"\0", b"", b"\x81" * 100, b"\xc1\x01", whole + whole, b"\x9f\x01\xff"):
            with pytest.raises(PayloadError):
                CODEC.decode(wrong)
            assert CODEC.decode(whole) == Note(number=1, text="a")
