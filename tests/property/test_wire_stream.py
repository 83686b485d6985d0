"""Any cut of a stream, any message, any garbage: right, or a typed error."""

from dataclasses import dataclass
from enum import StrEnum

import cbor2
from hypothesis import given, settings
from hypothesis import strategies as st

from wire.protocol.codec import Codec
from wire.protocol.connection import Connection
from wire.protocol.frame import KEEPALIVE, Deframer, frame
from wire.protocol.handshake import MAGIC, Bye, hello, welcome
from wire.protocol.identity import Identity, LinkNumber
from wire.protocol.wire_errors import FrameError, PayloadError, RemoteFault

FRAME_BYTES_MAX = 1_000
INTEGERS = st.integers(-(2**63), 2**63 - 1)


class Mood(StrEnum):
    GOOD = "good"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Part:
    number: int
    is_last: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Everything:
    number: int
    text: str
    mood: Mood
    part: Part | None
    parts: tuple[Part, ...]
    either: tuple[Part | Other, ...]
    words: dict[str, str]


PARTS = st.builds(Part, INTEGERS, st.booleans())
OTHERS = st.builds(Other, data=st.binary(max_size=20))
MESSAGES = st.one_of(
    OTHERS,
    st.builds(
        Everything,
        number=INTEGERS,
        text=st.text(max_size=20),
        mood=st.sampled_from(Mood),
        part=st.none() | PARTS,
        parts=st.lists(PARTS, max_size=4).map(tuple),
        either=st.lists(PARTS | OTHERS, max_size=4).map(tuple),
        words=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
    ),
)
CODEC = Codec(Everything, Other)
LINK_CODEC = CODEC.extended(Bye)
ANN = Identity(cluster="c", node="ann", incarnation=1, store=bytes(16))
BOB = Identity(cluster="c", node="bob", incarnation=1, store=bytes(16))
HELLO = hello(ANN, to="bob", number=LinkNumber(1, 1), kind="peer", local="a:1", remote="b:2")


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """The data in pieces that end at the places."""
    ends = sorted({place % (len(data) + 1) for place in places} | {len(data)})
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def open_acceptor() -> tuple[Connection, Connection]:
    dialing = Connection(LINK_CODEC, 65_536, is_dialer=True)
    accepting = Connection(LINK_CODEC, 65_536, is_dialer=False)
    list(accepting.receive(dialing.greet(HELLO)))
    list(dialing.receive(accepting.accept(welcome(BOB, HELLO, local="b:2", remote="a:1"))))
    return dialing, accepting


@given(MESSAGES)
def test_what_is_decoded_is_what_was_encoded(message: object) -> None:
    assert CODEC.decode(CODEC.encode(message)) == message


@given(st.lists(st.binary(max_size=30), max_size=6), st.lists(st.integers(0, 10_000), max_size=20))
def test_frames_survive_every_cut(payloads: list[bytes], places: list[int]) -> None:
    stream = b"".join(frame(payload, FRAME_BYTES_MAX) if payload else KEEPALIVE for payload in payloads)
    deframer = Deframer(FRAME_BYTES_MAX)
    assert [payload for piece in cut(stream, places) for payload in deframer.feed(piece)] == payloads
    assert not deframer.is_inside_frame


@given(st.lists(st.binary(max_size=2_000), max_size=6))
def test_a_deframer_never_holds_more_than_a_frame(pieces: list[bytes]) -> None:
    deframer = Deframer(FRAME_BYTES_MAX)
    try:
        for piece in pieces:
            assert all(len(payload) <= FRAME_BYTES_MAX for payload in deframer.feed(piece))
            assert len(deframer._held) <= FRAME_BYTES_MAX + 4
    except FrameError:
        return


@given(st.lists(MESSAGES, max_size=4), st.lists(st.integers(0, 10_000), max_size=20), st.binary(max_size=40))
def test_messages_survive_every_cut_and_garbage_is_a_typed_error(
    messages: list[object], places: list[int], garbage: bytes
) -> None:
    dialing, accepting = open_acceptor()
    stream = b"".join(dialing.send(message) for message in messages)
    heard = [message for piece in cut(stream, places) for message in accepting.receive(piece)]
    assert heard == messages
    try:
        list(accepting.receive(garbage))
    except RemoteFault as fault:
        assert fault.reason != RemoteFault.reason


@given(st.binary(max_size=300))
def test_any_bytes_are_a_message_or_a_payload_error(payload: bytes) -> None:
    try:
        CODEC.decode(payload)
    except PayloadError:
        return


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers(-(2**70), 2**70)
    | st.text(max_size=5)
    | st.binary(max_size=5)
    | st.sampled_from(["good", "part", "other"]),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(st.sampled_from(["everything", "other", "later"]), st.lists(PLAIN, max_size=8))
@settings(max_examples=300)
def test_any_value_is_a_message_or_a_payload_error(kind: str, fields: list[object]) -> None:
    try:
        message = CODEC.decode(cbor2.dumps([kind, *fields]))
    except PayloadError:
        return
    assert CODEC.decode(CODEC.encode(message)) == message


@given(MESSAGES, st.integers(0, 10_000), st.integers(0, 7))
@settings(max_examples=300)
def test_a_flipped_bit_is_another_message_or_a_payload_error(message: object, place: int, bit: int) -> None:
    payload = bytearray(CODEC.encode(message))
    payload[place % len(payload)] ^= 1 << bit
    try:
        CODEC.decode(bytes(payload))
    except PayloadError:
        return


@given(st.binary(max_size=200), st.booleans(), st.booleans())
def test_any_first_bytes_are_a_handshake_or_a_typed_fault(data: bytes, is_dialer: bool, has_magic: bool) -> None:
    connection = Connection(LINK_CODEC, 65_536, is_dialer=is_dialer)
    if is_dialer:
        connection.greet(HELLO)
    try:
        list(connection.receive((MAGIC if has_magic else b"") + data))
    except RemoteFault as fault:
        assert fault.reason != RemoteFault.reason
