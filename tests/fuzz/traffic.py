"""What two ends say to each other, recorded: every message of the wire and of the election, in both modes of each."""

from collections.abc import Iterator
from dataclasses import dataclass

from elect.core.messages import (
    Ack,
    Batch,
    ConfigurationId,
    Follow,
    Grant,
    Heartbeat,
    Knowledge,
    Known,
    Lead,
    Number,
    RefusalReason,
    Refuse,
    Resign,
    Resigned,
    Standing,
    Vote,
)
from wire.codec import Codec
from wire.connection import Connection
from wire.errors import Refusal, RejectCode
from wire.frame import HEADER_BYTES
from wire.handshake import MAGIC, Bye, Heard, Hello, Proof, Reject, Welcome, hello, welcome
from wire.identity import Identity, LinkNumber
from wire.keys import Key, KeyRing

FRAME_BYTES_MAX = 4_096
"""Small, so that short inputs reach the bound."""

CODEC = Codec(Heartbeat, Batch, Knowledge).extended(Bye, Heard)
HANDSHAKE = Codec(Hello, Welcome, Reject, Proof)
RING = KeyRing([Key(bytes(32)), Key(b"second" * 6)])
ANN = Identity(cluster="c", node="ann", incarnation=1, store=bytes(16), attributes={"advertise": "a:1", "m.rack": "r"})
BOB = Identity(cluster="c", node="bob", incarnation=7, store=bytes(16), attributes={"advertise": "b:2"})
CONFIGURATION = ConfigurationId(3, 2, b"digested")
NONCES = (b"d" * 32, b"a" * 32)

MESSAGES: tuple[object, ...] = (
    Heartbeat(
        sent=10**15,
        duration=10**9,
        ack=Ack(link=Number(3, 4), session=Number(5, 6), sent=2**40, duration=10**9),
        supports=("ann", "bob", "cid"),
        standing=Standing(priority=2, offset=2**50),
        configuration=CONFIGURATION,
        said=4,
        heard=5,
    ),
    Heartbeat(
        sent=1, duration=10**6, ack=None, supports=(), standing=Standing(willing=False), configuration=CONFIGURATION
    ),
    Batch(
        configuration=CONFIGURATION,
        entries=(
            Vote(election="jobs", term=4, offset=17),
            Grant(election="jobs", term=4),
            Refuse(election="default", term=4, own_term=9, reason=RefusalReason.BOUND, leader="cid"),
            Refuse(election="e", term=4, own_term=0, reason=RefusalReason.TERM, is_to_lead=True),
            Lead(election="jobs", term=2**53 - 1),
            Follow(election="jobs", term=4, session=Number(1, 2)),
            Resign(election="jobs", term=4, successor="cid"),
            Resigned(election="jobs", term=4),
        ),
    ),
    Batch(configuration=CONFIGURATION, entries=()),
    Knowledge(
        number=1,
        whole=True,
        entries=(Known(election="jobs", term=4, leader="ann", incarnation=3), Known(election="e", term=0, leader=None)),
    ),
    Heard(frames=2**40),
    Bye(reason="stopping"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """How two ends talk."""

    is_keyed: bool
    is_two_way: bool

    @property
    def ring(self) -> KeyRing | None:
        """Both ends' keys."""
        return RING if self.is_keyed else None

    def nonce(self, *, is_dialer: bool) -> bytes:
        """The same in each talk, so that what is recorded of one fits the next."""
        return NONCES[not is_dialer] if self.is_keyed else b""


MODES = tuple(Mode(is_keyed=keyed, is_two_way=two_way) for keyed in (False, True) for two_way in (False, True))


def end(mode: Mode, *, is_dialer: bool) -> Connection:
    """A new end; a dialer has said its Hello."""
    made = Connection(CODEC, FRAME_BYTES_MAX, is_dialer=is_dialer, ring=mode.ring)
    if is_dialer:
        made.greet(greeting(mode))
    return made


def greeting(mode: Mode) -> Hello:
    """The dialer's Hello."""
    return hello(
        ANN,
        to="bob",
        number=LinkNumber(1, 1),
        kind="client" if mode.is_two_way else "peer",
        local="a:1",
        remote="b:2",
        nonce=mode.nonce(is_dialer=True),
        ring=mode.ring,
        is_two_way=mode.is_two_way,
    )


def answer(mode: Mode, said: Hello) -> Welcome:
    """The acceptor's Welcome to a Hello that was let pass."""
    nonce = mode.nonce(is_dialer=False)
    return welcome(BOB, said, local="b:2", remote="a:1", nonce=nonce, ring=mode.ring)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tape:
    """A whole talk.

    Attributes:
        hello: the payload of the dialer's first frame.
        welcome: the payload of the acceptor's.
        proofs: those of the dialer's and of the acceptor's next frame, where there are keys.
        dialer: the dialer's end when the handshake is over; never used, but copied.
        acceptor: the acceptor's.
    """

    hello: bytes
    welcome: bytes
    proofs: tuple[tuple[bytes, ...], tuple[bytes, ...]]
    dialer: Connection
    acceptor: Connection


def record(mode: Mode) -> Tape:
    """Two ends that shake hands."""
    dialer = Connection(CODEC, FRAME_BYTES_MAX, is_dialer=True, ring=mode.ring)
    acceptor = end(mode, is_dialer=False)
    said = dialer.greet(greeting(mode))
    list(acceptor.receive(said))
    answered = acceptor.accept(answer(mode, greeting(mode)))
    list(dialer.receive(answered))
    proof = dialer.prove()
    list(acceptor.receive(proof))
    welcomed = list(payloads(answered[len(MAGIC) :]))
    return Tape(
        hello=said[len(MAGIC) + HEADER_BYTES :],
        welcome=welcomed[0],
        proofs=(tuple(payloads(proof)), tuple(welcomed[1:])),
        dialer=dialer,
        acceptor=acceptor,
    )


def payloads(stream: bytes) -> Iterator[bytes]:
    """Those of whole frames."""
    while stream:
        size = HEADER_BYTES + int.from_bytes(stream[:HEADER_BYTES], "big")
        yield stream[HEADER_BYTES:size]
        stream = stream[size:]


TAPES = {mode: record(mode) for mode in MODES}
REJECT = Reject.of(Refusal(RejectCode.UNKNOWN_PEER, "nobody knows you", is_retryable=True))
SAID = tuple(CODEC.encode(message) for message in MESSAGES)
HANDSHAKES = (
    *(tape.hello for tape in TAPES.values()),
    *(tape.welcome for tape in TAPES.values()),
    HANDSHAKE.encode(REJECT),
    *(proof for tape in TAPES.values() for proofs in tape.proofs for proof in proofs),
)
