"""What is fed, in every phase and at both ends; whatever comes of it but what was said, or a typed error, is Wrong.

Each target takes a random generator, makes one input of it, feeds it, and says in a word what came of it.
"""

import copy
import functools
import random
from collections.abc import Callable, Iterable

import cbor2

from tests.fuzz import mutation
from tests.fuzz.traffic import (
    BOB,
    CODEC,
    FRAME_BYTES_MAX,
    HANDSHAKE,
    HANDSHAKES,
    MESSAGES,
    MODES,
    SAID,
    TAPES,
    Mode,
    answer,
    end,
)
from wire.codec import Codec
from wire.connection import Connection, Phase
from wire.errors import PayloadError, Refusal, RemoteFault, TruncatedError, UnknownKindError
from wire.frame import HEADER_BYTES, KEEPALIVE, Deframer
from wire.handshake import HELLO_BYTES_MAX, MAGIC, Hello, Proof, Reject, Welcome, review, review_welcome
from wire.seal import TAG_BYTES

TREES = {said: cbor2.loads(said) for said in (*SAID, *HANDSHAKES)}
HEARD = {type(message) for message in MESSAGES} | {UnknownKindError}

Target = Callable[[random.Random], str]


class Wrong(Exception):  # noqa: N818 - what was found, not an error of this program
    """Something came of an input that must not."""


def _need(is_right: bool, why: str) -> None:
    if not is_right:
        raise Wrong(why)


def _framed(payload: bytes) -> bytes:
    return len(payload).to_bytes(HEADER_BYTES, "big") + payload


def _changed(rng: random.Random, payload: bytes) -> bytes:
    """Another payload in its place, most of the time."""
    what = rng.random()
    if what < 0.4:
        return payload
    if what < 0.75 and payload in TREES:
        return mutation.payload(rng, TREES[payload], SAID)
    return mutation.blind(rng, payload, HANDSHAKES) if what < 0.97 else rng.randbytes(rng.randrange(200))


def _stream(rng: random.Random, stream: bytes) -> bytes:
    """Another stream in its place, now and then."""
    return mutation.blind(rng, stream, SAID) if rng.random() < 0.35 else stream


def _some(rng: random.Random) -> list[bytes]:
    """Payloads of messages as both ends say them after the handshake; an empty one is a keepalive."""
    return [rng.choice((*SAID, b"")) for _ in range(rng.randrange(4))]


def frames(rng: random.Random) -> str:
    """Bytes into a Deframer."""
    bound = rng.choice((16, 64, FRAME_BYTES_MAX))
    said = [part for part in _some(rng) if len(part) <= bound]
    stream = b"".join(map(_framed, said))
    data = _stream(rng, stream)
    deframer, heard = Deframer(bound), []
    try:
        for piece in mutation.pieces(rng, data):
            for payload in deframer.feed(piece):
                _need(len(payload) <= bound, "a frame above its bound")
                heard.append(payload)
            _need(len(deframer._held) < bound + HEADER_BYTES, "more than a frame is held")
    except RemoteFault as fault:
        return fault.reason
    _need(sum(len(each) + HEADER_BYTES for each in heard) + len(deframer._held) == len(data), "bytes were lost")
    _need(data != stream or heard == said, "what was framed is not what came")
    return "partial" if deframer.is_inside_frame else "ok"


def payloads(rng: random.Random) -> str:
    """A payload into the codec, back out of it, and in again."""
    said = rng.choice(SAID)
    return _decoded(CODEC, said, _changed(rng, said))[0]


def handshakes(rng: random.Random) -> str:
    """A payload into the handshake's codec, and what it says before the judges."""
    said = rng.choice(HANDSHAKES)
    outcome, message = _decoded(HANDSHAKE, said, _changed(rng, said))
    try:
        match message:
            case Hello():
                return _judged(message, rng.choice(MODES))
            case Welcome():
                review_welcome(message, to=rng.choice(("bob", "")))
            case Reject():
                raise message.refusal
    except Refusal as refusal:
        return refusal.reason
    return outcome


def _decoded(codec: Codec, said: bytes, payload: bytes) -> tuple[str, object]:
    try:
        message = codec.decode(payload)
    except PayloadError as error:
        _need(payload != said, "a good payload is refused")
        return error.reason, None
    again = codec.encode(message)
    _need(codec.decode(again) == message, "a message is another one after it was sent on")
    return "ok", message


def _judged(said: Hello, mode: Mode) -> str:
    review(said, BOB, kinds=["peer"], two_way=["client"], is_known_peer=_is_known, ring=mode.ring)
    answer(mode, said)
    return "ok"


def _is_known(node: str) -> bool:
    return node in ("ann", "cid")


class Listening:
    """One end, fed piece by piece; the rules that hold whatever comes.

    Attributes:
        heard: the messages after the handshake.
        outcome: what came of it.
    """

    def __init__(self, connection: Connection, mode: Mode) -> None:
        self._connection = connection
        self._mode = mode
        self.heard: list[object] = []
        self.outcome = "ok"

    def feed(self, pieces: Iterable[bytes]) -> None:
        """Take all of it, or until it ends."""
        try:
            for piece in pieces:
                self._take(piece)
            self._connection.receive_end()
        except RemoteFault as fault:
            self.outcome = fault.reason
            _need(fault.reason != RemoteFault.reason, "a fault without a reason")
            if type(fault) is not TruncatedError:
                self._check_broken(fault)
        except Refusal as refusal:
            self.outcome = refusal.reason

    def _take(self, piece: bytes) -> None:
        # As the shells do: what answers a Hello is said before the rest is looked at.
        for message in self._connection.receive(piece):
            match message:
                case Hello():
                    _need(self._connection.phase is Phase.DECISION, "a Hello when none was due")
                    _judged(message, self._mode)
                    self._connection.accept(answer(self._mode, message))
                case Welcome():
                    review_welcome(message, to="bob")
                    self._connection.prove()
                case Reject():
                    raise message.refusal
                case Proof():
                    _need(not self.heard, "a Proof after a message")
                case _:
                    _need(type(message) in HEARD, "a message of no type that may come")
                    _need(self._connection.phase is Phase.OPEN, "a message before the handshake was over")
                    self.heard.append(message)
        bound = max(FRAME_BYTES_MAX + TAG_BYTES, min(HELLO_BYTES_MAX, FRAME_BYTES_MAX)) + HEADER_BYTES
        _need(len(self._connection._deframer._held) < bound, "more than a frame is held")

    def _check_broken(self, fault: RemoteFault) -> None:
        _need(self._connection.phase is Phase.BROKEN, "a fault that breaks nothing")
        try:
            list(self._connection.receive(MAGIC))
        except RemoteFault as again:
            _need(again is fault, "another fault after the first one")
        else:
            raise Wrong("a broken end that hears")


def dialers(rng: random.Random) -> str:
    """All that a dialer says, from its first byte, into an acceptor."""
    mode = rng.choice(MODES)
    tape, said = TAPES[mode], _some(rng)
    sealed = _sealed(mode, said, tape.dialer)
    stream = [*map(_framed, (tape.hello, *tape.proofs[0])), *sealed]
    return _talk(rng, mode, end(mode, is_dialer=False), (tape.hello, *tape.proofs[0]), stream, said)


def acceptors(rng: random.Random) -> str:
    """All that an acceptor says, from its first byte, into a dialer."""
    mode = rng.choice(MODES)
    tape, said = TAPES[mode], _some(rng) if mode.is_two_way else []
    said = [] if rng.random() < 0.3 else said
    first = (rng.choice((tape.welcome, HANDSHAKES[2 * len(MODES)])), *tape.proofs[1])
    stream = [*map(_framed, first), *_sealed(mode, said, tape.acceptor)]
    return _talk(rng, mode, end(mode, is_dialer=True), first, stream, said)


def opened(rng: random.Random) -> str:
    """Frames into an end whose handshake is over; where there are keys, some of them rightly sealed."""
    mode, is_dialer = rng.choice(MODES), rng.random() < 0.3
    tape = TAPES[mode]
    hears, says = (tape.dialer, tape.acceptor) if is_dialer else (tape.acceptor, tape.dialer)
    said = [_changed(rng, each) for each in _some(rng)]
    sealed = b"".join(_sealed(mode, said, says))
    data = _stream(rng, sealed)
    listening = Listening(_copy(hears), mode)
    listening.feed(mutation.pieces(rng, data))
    if mode.is_keyed and data != sealed:
        _need(_is_beginning(listening.heard, said), "a message that was not said")
    return listening.outcome


def strangers(rng: random.Random) -> str:
    """Anything at all, into any end."""
    mode, is_dialer = rng.choice(MODES), rng.random() < 0.5
    data = (MAGIC if rng.random() < 0.7 else b"") + mutation.blind(rng, rng.choice((*SAID, *HANDSHAKES)), HANDSHAKES)
    if rng.random() < 0.3:
        data = rng.randbytes(rng.randrange(200))
    listening = Listening(end(mode, is_dialer=is_dialer), mode)
    listening.feed(mutation.pieces(rng, data))
    _need(not listening.heard, "a stranger was heard")
    return listening.outcome


def _talk(
    rng: random.Random, mode: Mode, hears: Connection, first: tuple[bytes, ...], stream: list[bytes], said: list[bytes]
) -> str:
    """One end's whole side of a talk, changed in one frame or in its bytes, or not at all."""
    right = MAGIC + b"".join(stream)
    if rng.random() < 0.5 and first:
        place = rng.randrange(len(first))
        stream[place] = _framed(_changed(rng, first[place]))
    data = _stream(rng, MAGIC + b"".join(stream))
    listening = Listening(hears, mode)
    listening.feed(mutation.pieces(rng, data))
    if data == right:
        _need(listening.outcome in ("ok", "unknown_peer"), f"a good talk ends: {listening.outcome}")
    if mode.is_keyed and not data.startswith(MAGIC + _framed(first[0])):
        _need(hears.phase is not Phase.OPEN, "open after another greeting than was said")
    if data == right or mode.is_keyed:
        _need(_is_beginning(listening.heard, said), "a message that was not said")
    return listening.outcome


def _is_beginning(heard: list[object], said: list[bytes]) -> bool:
    """Whether what was heard is what was said first."""
    wanted = [_outcome(each) for each in said if each]
    return [_known(each) for each in heard] == wanted[: len(heard)]


@functools.lru_cache(maxsize=64)
def _outcome(said: bytes) -> object:
    try:
        return CODEC.decode(said)
    except PayloadError as error:
        return _known(error)


def _known(message: object) -> object:
    return UnknownKindError if type(message) is UnknownKindError else message


def _sealed(mode: Mode, said: list[bytes], end_: Connection) -> list[bytes]:
    """The frames of these payloads, as this end would send them first."""
    if not mode.is_keyed:
        return [_framed(each) if each else KEEPALIVE for each in said]
    seal = copy.copy(end_._outgoing)
    assert seal is not None
    return [_framed(seal.close(each)) for each in said]


def _copy(connection: Connection) -> Connection:
    """An end in the same state."""
    made = copy.copy(connection)
    made._deframer = Deframer(connection._deframer.frame_bytes_max)
    made._incoming, made._outgoing = copy.copy(connection._incoming), copy.copy(connection._outgoing)
    return made


TARGETS: tuple[Target, ...] = (frames, payloads, handshakes, dialers, acceptors, opened, opened, strangers)
"""An open end takes the most kinds of messages: it is fed twice as often."""
