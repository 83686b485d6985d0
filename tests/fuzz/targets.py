"""The inputs, in every phase and at both ends; a result other than the sent messages or a typed error is Wrong.

Each target takes a random generator, makes one input of it, feeds it, and says in a word what came of it.
"""

import copy
import functools
import random
from collections.abc import Callable, Iterable

import cbor2

from tests.corpus.messages import BOB, HANDSHAKE, LINK
from tests.fuzz import mutation
from tests.fuzz.encrypted import encrypted
from tests.fuzz.strict import is_strict
from tests.fuzz.traffic import FRAME_BYTES_MAX, HANDSHAKES, REJECTS, SAID, TALKS, Talk, some
from tests.fuzz.wrong import Wrong, need
from wire.protocol.codec import Codec
from wire.protocol.connection import Connection, Phase
from wire.protocol.frame import HEADER_BYTES, KEEPALIVE, Deframer
from wire.protocol.frame_auth import TAG_BYTES
from wire.protocol.handshake import HELLO_BYTES_MAX, MAGIC, Hello, Proof, Reject, Welcome, judge_hello, judge_welcome
from wire.protocol.wire_errors import PayloadError, Refusal, RemoteFault, StateError, TruncatedError, UnknownKindError

TREES = {said: cbor2.loads(said) for said in (*SAID, *HANDSHAKES)}
HEARD = {*LINK._types, UnknownKindError}

Target = Callable[[random.Random], str]


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


def frames(rng: random.Random) -> str:
    """Feed bytes to a Deframer."""
    bound = rng.choice((16, 64, FRAME_BYTES_MAX))
    said = [part for part in some(rng) if len(part) <= bound]
    stream = b"".join(map(_framed, said))
    data = _stream(rng, stream)
    deframer, heard = Deframer(bound), []
    try:
        for piece in mutation.pieces(rng, data):
            for payload in deframer.feed(piece):
                need(len(payload) <= bound, "a frame above its bound")
                heard.append(payload)
            need(len(deframer._held) < bound + HEADER_BYTES, "more than a frame is held")
    except RemoteFault as fault:
        return fault.reason
    need(sum(len(each) + HEADER_BYTES for each in heard) + len(deframer._held) == len(data), "bytes were lost")
    need(data != stream or heard == said, "what was framed is not what came")
    return "partial" if deframer.is_inside_frame else "ok"


def payloads(rng: random.Random) -> str:
    """A payload into the codec, back out of it, and in again."""
    said = rng.choice(SAID)
    return _decoded(LINK, said, _changed(rng, said))[0]


def handshakes(rng: random.Random) -> str:
    """A payload into the handshake's codec, and what it says before the judges."""
    said = rng.choice(HANDSHAKES)
    outcome, message = _decoded(HANDSHAKE, said, _changed(rng, said))
    try:
        match message:
            case Hello():
                return _judged(message, rng.choice(TALKS))
            case Welcome():
                judge_welcome(message, to=rng.choice(("bob", "")))
            case Reject():
                raise message.refusal
    except Refusal as refusal:
        return refusal.reason
    return outcome


def _decoded(codec: Codec, said: bytes, payload: bytes) -> tuple[str, object]:
    try:
        message = codec.decode(payload)
    except PayloadError as error:
        need(not is_strict(payload) or cbor2.dumps(cbor2.loads(payload)) != said, "a good payload is refused")
        need(type(error) is PayloadError or is_strict(payload), "an unknown kind in what is not strict")
        return error.reason, None
    need(is_strict(payload), "a message in what is not strict")
    again = codec.encode(message)
    need(codec.decode(again) == message, "a message is another one after it was sent on")
    need(cbor2.dumps(cbor2.loads(again)) == again, "not what others write, or not in the shortest form")
    return "ok", message


def _judged(said: Hello, talk: Talk) -> str:
    ring = talk.conversation.ring
    judge_hello(said, BOB, kinds=["peer"], two_way=["peer"], is_known_peer=_is_known, ring=ring)
    talk.answer(said)
    return "ok"


def _is_known(node: str) -> bool:
    return node in ("ann", "cid")


class Listening:
    """One end, fed piece by piece; the rules that hold whatever comes.

    Attributes:
        heard: the messages after the handshake.
        outcome: what came of it.
    """

    def __init__(self, connection: Connection, talk: Talk) -> None:
        self._connection = connection
        self._talk = talk
        self._is_two_way = talk.conversation.said.is_two_way
        self._has_voice = self._may_speak()
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
            need(fault.reason != RemoteFault.reason, "a fault without a reason")
            if type(fault) is not TruncatedError:
                self._check_broken(fault)
        except Refusal as refusal:
            self.outcome = refusal.reason

    def _take(self, piece: bytes) -> None:
        # As the shells do: what answers a Hello is said before the rest is looked at.
        for message in self._connection.receive(piece):
            match message:
                case Hello():
                    need(self._connection.phase is Phase.DECISION, "a Hello when none was due")
                    _judged(message, self._talk)
                    self._is_two_way = message.is_two_way
                    self._connection.accept(self._talk.answer(message))
                case Welcome():
                    judge_welcome(message, to="bob")
                    self._connection.prove()
                case Reject():
                    raise message.refusal
                case Proof():
                    need(not self.heard, "a Proof after a message")
                case _:
                    need(type(message) in HEARD, "a message of no type that may come")
                    need(self._connection.phase is Phase.OPEN, "a message before the handshake was over")
                    need(self._is_two_way or not self._connection._is_dialer, "an acceptor is heard on a one-way link")
                    self.heard.append(message)
            self._has_voice = self._may_speak()
        bound = max(FRAME_BYTES_MAX + TAG_BYTES, min(HELLO_BYTES_MAX, FRAME_BYTES_MAX)) + HEADER_BYTES
        need(len(self._connection._deframer._held) < bound, "more than a frame is held")

    def _may_speak(self) -> bool:
        return self._is_two_way and self._connection.phase is Phase.OPEN

    def _check_broken(self, fault: RemoteFault) -> None:
        need(self._connection.phase is Phase.BROKEN, "a fault that breaks nothing")
        try:
            list(self._connection.receive(MAGIC))
        except RemoteFault as again:
            need(again is fault, "another fault after the first one")
        else:
            raise Wrong("a broken end that hears")
        try:
            need(bool(self._connection.close("payload")) and self._has_voice, "an end that speaks when it may not")
        except StateError:
            need(not self._has_voice, "the other end of a two-way link does not hear what was wrong with it")


def dialers(rng: random.Random) -> str:
    """All that a dialer says, from its first byte, into an acceptor."""
    talk, said = rng.choice(TALKS), some(rng)
    return _heard(rng, talk, talk.end(is_dialer=False), talk.onward, _signed(talk, said, talk.dialer), said)


def acceptors(rng: random.Random) -> str:
    """All that an acceptor says, from its first byte, into a dialer."""
    talk = rng.choice(TALKS)
    said = some(rng) if talk.conversation.said.is_two_way and rng.random() < 0.7 else []
    first = (rng.choice((talk.back[0], talk.back[0], rng.choice(REJECTS))), *talk.back[1:])
    return _heard(rng, talk, talk.end(is_dialer=True), first, _signed(talk, said, talk.acceptor), said)


def opened(rng: random.Random) -> str:
    """Frames into an end whose handshake is over; where there are keys, some of them rightly signed."""
    talk, is_dialer = rng.choice(TALKS), rng.random() < 0.3
    hears, says = (talk.dialer, talk.acceptor) if is_dialer else (talk.acceptor, talk.dialer)
    said = [_changed(rng, each) for each in some(rng)]
    signed = b"".join(_signed(talk, said, says))
    data = _stream(rng, signed)
    listening = Listening(_copy(hears), talk)
    listening.feed(mutation.pieces(rng, data))
    if talk.is_keyed and data != signed:
        need(_is_beginning(listening.heard, said), "a message that was not said")
    return listening.outcome


def strangers(rng: random.Random) -> str:
    """Anything at all, into any end."""
    talk = rng.choice(TALKS)
    data = (MAGIC if rng.random() < 0.7 else b"") + mutation.blind(rng, rng.choice((*SAID, *HANDSHAKES)), HANDSHAKES)
    if rng.random() < 0.3:
        data = rng.randbytes(rng.randrange(200))
    listening = Listening(talk.end(is_dialer=rng.random() < 0.5), talk)
    listening.feed(mutation.pieces(rng, data))
    need(not listening.heard, "a stranger was heard")
    return listening.outcome


def _heard(
    rng: random.Random, talk: Talk, hears: Connection, first: tuple[bytes, ...], signed: list[bytes], said: list[bytes]
) -> str:
    """One end's whole side of a talk, changed in one frame or in its bytes, or not at all."""
    right = MAGIC + b"".join([*map(_framed, first), *signed])
    changed = list(first)
    if rng.random() < 0.5:
        place = rng.randrange(len(first))
        changed[place] = _changed(rng, first[place])
    data = _stream(rng, MAGIC + b"".join([*map(_framed, changed), *signed]))
    listening = Listening(hears, talk)
    listening.feed(mutation.pieces(rng, data))
    if data == right and first[0] not in REJECTS:
        need(listening.outcome == "ok", f"a good talk ends: {listening.outcome}")
    if talk.is_keyed and not data.startswith(MAGIC + _framed(first[0])):
        need(hears.phase is not Phase.OPEN, "open after another greeting than was said")
    if data == right or talk.is_keyed:
        need(_is_beginning(listening.heard, said), "a message that was not said")
    return listening.outcome


def _is_beginning(heard: list[object], said: list[bytes]) -> bool:
    """Return whether the received messages are the first that were sent."""
    wanted = [_outcome(each) for each in said if each]
    return [_known(each) for each in heard] == wanted[: len(heard)]


@functools.lru_cache(maxsize=64)
def _outcome(said: bytes) -> object:
    try:
        return LINK.decode(said)
    except PayloadError as error:
        return _known(error)


def _known(message: object) -> object:
    return UnknownKindError if type(message) is UnknownKindError else message


def _signed(talk: Talk, said: list[bytes], end: Connection) -> list[bytes]:
    """The frames of these payloads, as this end would send them first."""
    if not talk.is_keyed:
        return [_framed(each) if each else KEEPALIVE for each in said]
    authenticator = copy.copy(end._outgoing)
    assert authenticator is not None
    return [_framed(authenticator.sign(each)) for each in said]


def _copy(connection: Connection) -> Connection:
    """An end in the same state."""
    made = copy.copy(connection)
    made._deframer = Deframer(connection._deframer.frame_bytes_max)
    made._incoming, made._outgoing = copy.copy(connection._incoming), copy.copy(connection._outgoing)
    return made


TARGETS: tuple[Target, ...] = (
    *(frames, payloads, handshakes, dialers, acceptors, opened, opened, strangers) * 32,
    encrypted,
)
"""An open end takes the most kinds of messages: it is fed twice as often. A handshake of TLS costs as much as fifty."""
