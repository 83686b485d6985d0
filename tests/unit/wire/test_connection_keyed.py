"""The handshake and the frames of a connection with shared keys."""

import hashlib
from dataclasses import dataclass, replace

import cbor2
import pytest

from wire.protocol.codec import Codec
from wire.protocol.connection import Connection, Phase
from wire.protocol.frame import KEEPALIVE, frame
from wire.protocol.handshake import MAGIC, Bye, Hello, Proof, Reject, hello, judge_hello, welcome
from wire.protocol.identity import Identity, LinkNumber
from wire.protocol.keys import Key, KeyRing
from wire.protocol.wire_errors import (
    EncodeError,
    ForgedError,
    OrderError,
    ProofError,
    Refusal,
    RejectCode,
    StateError,
    TruncatedError,
    UnknownKindError,
)

FRAME_BYTES_MAX = 65_536
SECRET = bytes(range(32))
RING = KeyRing([Key(SECRET)])
OTHER = KeyRing([Key(bytes(32))])


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    text: str


CODEC = Codec(Note, Bye)
ANN = Identity(cluster="c", node="ann", incarnation=1, store=bytes(16))
BOB = Identity(cluster="c", node="bob", incarnation=1, store=bytes(16))
PLAIN = hello(ANN, to="bob", number=LinkNumber(1, 1), kind="peer", local="a:1", remote="b:2")


def said(ring: KeyRing = RING, nonce: bytes = b"n" * 32) -> Hello:
    return hello(ANN, to="bob", number=LinkNumber(1, 1), kind="peer", local="a:1", remote="b:2", nonce=nonce, ring=ring)


def end(*, is_dialer: bool, ring: KeyRing | None = RING) -> Connection:
    return Connection(CODEC, FRAME_BYTES_MAX, is_dialer=is_dialer, ring=ring)


def answer(accepting: Connection, greeting: Hello, ring: KeyRing = RING, nonce: bytes = b"m" * 32) -> bytes:
    return accepting.accept(welcome(BOB, greeting, local="b:2", remote="a:1", nonce=nonce, ring=ring))


def opened(dialers: KeyRing = RING, acceptors: KeyRing = RING) -> tuple[Connection, Connection]:
    """Both ends after the handshake."""
    dialing, accepting = end(is_dialer=True, ring=dialers), end(is_dialer=False, ring=acceptors)
    (greeting,) = accepting.receive(dialing.greet(said(dialers)))
    assert isinstance(greeting, Hello)
    list(dialing.receive(answer(accepting, greeting, acceptors)))
    list(accepting.receive(dialing.prove()))
    assert (dialing.phase, accepting.phase) == (Phase.OPEN, Phase.OPEN)
    return dialing, accepting


def test_a_life_from_hello_to_bye_byte_by_byte() -> None:
    dialing, accepting = end(is_dialer=True), end(is_dialer=False)
    greeting = said()
    assert [m for byte in dialing.greet(greeting) for m in accepting.receive(bytes([byte]))] == [greeting]
    replied = answer(accepting, greeting)
    assert accepting.phase is Phase.PROOF
    heard = [m for byte in replied for m in dialing.receive(bytes([byte]))]
    assert [type(m).__name__ for m in heard] == ["Welcome"]
    data = dialing.prove() + dialing.send(Note(text="1")) + dialing.keepalive() + dialing.close("done")
    _, *told = [m for byte in data for m in accepting.receive(bytes([byte]))]
    assert told == [Note(text="1"), Bye(reason="done")]
    accepting.receive_end()


def test_proof_and_first_messages_may_come_in_one_piece() -> None:
    dialing, accepting = end(is_dialer=True), end(is_dialer=False)
    list(accepting.receive(dialing.greet(said())))
    list(dialing.receive(answer(accepting, said())))
    received = accepting.receive(dialing.prove() + dialing.send(Note(text="1")))
    assert isinstance(next(received), Proof)
    assert accepting.phase is Phase.OPEN
    assert list(received) == [Note(text="1")]


def test_the_dialer_hears_of_the_welcome_only_with_a_proof() -> None:
    dialing, accepting = end(is_dialer=True), end(is_dialer=False)
    list(accepting.receive(dialing.greet(said())))
    replied = answer(accepting, said())
    assert list(dialing.receive(replied[:-1])) == []
    assert dialing.phase is Phase.PROOF
    with pytest.raises(TruncatedError):
        dialing.receive_end()
    with pytest.raises(StateError):
        dialing.send(Note(text="1"))
    assert len(list(dialing.receive(replied[-1:]))) == 1


@pytest.mark.parametrize("is_dialer", [True, False])
def test_a_wrong_proof_of_either_end_breaks_it(is_dialer: bool) -> None:
    dialing, accepting = end(is_dialer=True), end(is_dialer=False)
    list(accepting.receive(dialing.greet(said())))
    replied = answer(accepting, said())
    if is_dialer:
        list(dialing.receive(replied))
        victim, proof = accepting, dialing.prove()
    else:
        victim, proof = dialing, replied
    with pytest.raises(ProofError):
        list(victim.receive(proof[:-1] + bytes([proof[-1] ^ 1])))
    assert victim.phase is Phase.BROKEN


def test_a_proof_turned_round_is_none() -> None:
    """The other end's own proof, said back to it."""
    dialing, accepting = end(is_dialer=True), end(is_dialer=False)
    list(accepting.receive(dialing.greet(said())))
    replied = answer(accepting, said())
    own_proof = replied[len(MAGIC) :][4 + int.from_bytes(replied[len(MAGIC) : len(MAGIC) + 4], "big") :]
    with pytest.raises(ProofError):
        list(accepting.receive(own_proof))


def test_a_message_instead_of_a_proof_is_never_taken() -> None:
    dialing, accepting = end(is_dialer=True), end(is_dialer=False)
    list(accepting.receive(dialing.greet(said())))
    answer(accepting, said())
    with pytest.raises(UnknownKindError):
        list(accepting.receive(frame(CODEC.encode(Note(text="1")), FRAME_BYTES_MAX)))


def test_end_of_stream_before_the_proof_is_a_handshake_failure() -> None:
    dialing, accepting = end(is_dialer=True), end(is_dialer=False)
    list(accepting.receive(dialing.greet(said())))
    answer(accepting, said())
    with pytest.raises(TruncatedError):
        accepting.receive_end()


def test_who_accepted_does_not_reject_any_more() -> None:
    dialing, accepting = end(is_dialer=True), end(is_dialer=False)
    list(accepting.receive(dialing.greet(said())))
    answer(accepting, said())
    with pytest.raises(StateError):
        accepting.reject(Reject.of(Refusal(RejectCode.FULL, "", is_retryable=True)))


def test_a_dialer_with_a_key_takes_no_welcome_without_one() -> None:
    """No downgrade: a man in the middle may take the keys out of the Hello."""
    dialing, plain = end(is_dialer=True), end(is_dialer=False, ring=None)
    dialing.greet(said())
    list(plain.receive(end(is_dialer=True, ring=None).greet(PLAIN)))
    with pytest.raises(ProofError, match="names no key"):
        list(dialing.receive(plain.accept(welcome(BOB, PLAIN, local="b:2", remote="a:1"))))


def test_dialer_refuses_a_welcome_with_an_unknown_key() -> None:
    dialing, accepting = end(is_dialer=True), end(is_dialer=False, ring=OTHER)
    dialing.greet(said())
    list(accepting.receive(end(is_dialer=True, ring=OTHER).greet(said(OTHER))))
    with pytest.raises(ProofError, match="names no key"):
        list(dialing.receive(answer(accepting, said(OTHER), OTHER)))


def test_a_welcome_made_without_a_key_is_this_ends_own_fault() -> None:
    dialing, accepting = end(is_dialer=True), end(is_dialer=False)
    list(accepting.receive(dialing.greet(said())))
    with pytest.raises(StateError):
        accepting.accept(welcome(BOB, said(), local="b:2", remote="a:1"))


def test_a_plain_frame_on_a_keyed_connection_is_forged() -> None:
    for data in (KEEPALIVE, frame(CODEC.encode(Note(text="1")), FRAME_BYTES_MAX)):
        _, accepting = opened()
        with pytest.raises(ForgedError):
            list(accepting.receive(data))


def test_an_acceptor_that_speaks_after_its_proof_is_at_fault() -> None:
    dialing, _ = opened()
    with pytest.raises(OrderError):
        list(dialing.receive(KEEPALIVE))


def test_the_longest_payload_is_as_long_as_without_a_key() -> None:
    dialing, accepting = opened()
    overhead = len(CODEC.encode(Note(text="x" * 60_000))) - 60_000
    longest = Note(text="x" * (FRAME_BYTES_MAX - overhead))
    assert list(accepting.receive(dialing.send(longest))) == [longest]
    with pytest.raises(EncodeError):
        dialing.send(Note(text=longest.text + "x"))
    assert list(accepting.receive(dialing.send(Note(text="1")))) == [Note(text="1")], "the counter did not move"


@pytest.mark.parametrize(
    ("dialers", "acceptors"),
    [
        (["old"], ["old", "new"]),
        (["old", "new"], ["old"]),
        (["old", "new"], ["new", "old"]),
        (["new", "old"], ["old", "new"]),
        (["new"], ["new", "old"]),
    ],
)
def test_each_step_of_a_rotation_finds_a_key_in_common(dialers: list[str], acceptors: list[str]) -> None:
    keys = {"old": Key(b"o" * 32), "new": Key(b"n" * 32)}
    rings = [KeyRing(keys[name] for name in names) for names in (dialers, acceptors)]
    dialing, accepting = opened(*rings)
    assert list(accepting.receive(dialing.send(Note(text="1")))) == [Note(text="1")]


@pytest.mark.parametrize(
    ("said_by", "held", "text"),
    [
        (PLAIN, RING, "must have one of them"),
        (said(), None, "has no keys"),
        (said(OTHER), RING, "none of the keys"),
    ],
)
def test_an_acceptor_refuses_who_has_no_key_in_common(said_by: Hello, held: KeyRing | None, text: str) -> None:
    with pytest.raises(Refusal, match=text) as caught:
        judge_hello(said_by, BOB, kinds=["peer"], is_known_peer=lambda _: True, ring=held)
    assert caught.value.code is RejectCode.KEY


@pytest.mark.parametrize(
    "changed", [{"nonce": b""}, {"nonce": bytes(31)}, {"keys": ()}, {"keys": (b"short",)}, {"keys": (bytes(8),) * 9}]
)
def test_the_bounds_of_nonce_and_keys(changed: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"nonce has|keys"):
        replace(said(), **changed)  # type: ignore[arg-type]


def test_a_client_written_from_the_docstring_is_accepted() -> None:
    def digest(key: bytes, person: bytes, data: bytes, size: int) -> bytes:
        return hashlib.blake2b(data, key=key, person=person, digest_size=size).digest()

    def framed(payload: bytes) -> bytes:
        return len(payload).to_bytes(4, "big") + payload

    key_id = digest(SECRET, b"wire1 id", b"", 8)
    hello_frame = framed(
        cbor2.dumps(["hello", 1, 1, "c", "ann", "bob", 1, 1, bytes(16), "peer", "a:1", "b:2", {}, bytes(32), [key_id]])
    )
    accepting = end(is_dialer=False)
    (greeting,) = accepting.receive(b"\x89wire\r\n\x1a" + hello_frame)
    assert isinstance(greeting, Hello)
    replied = answer(accepting, greeting)[8:]
    length = 4 + int.from_bytes(replied[:4], "big")
    welcome_frame, proof_frame = replied[:length], replied[length:]
    assert cbor2.loads(welcome_frame[4:])[-1] == key_id
    session = digest(SECRET, b"wire1 session", hello_frame + welcome_frame, 64)
    assert cbor2.loads(proof_frame[4:]) == ["proof", digest(session, b"wire1 proof a", b"", 32)]
    frames = digest(session, b"wire1 frames d", b"", 64)
    said_by_client = framed(cbor2.dumps(["proof", digest(session, b"wire1 proof d", b"", 32)]))
    for counter, payload in enumerate([cbor2.dumps(["note", "1"]), b"", cbor2.dumps(["bye", "done"])]):
        said_by_client += framed(payload + digest(frames, b"", counter.to_bytes(8, "big") + payload, 16))
    assert list(accepting.receive(said_by_client))[1:] == [Note(text="1"), Bye(reason="done")]
