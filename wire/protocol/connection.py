"""Connection: one end of a connection as a value; bytes in, messages out, and back. No socket, no thread, no clock.

Theory of operation. A connection is in one phase at a time, and each verb is allowed in one of them:

    dialer     GREETING --greet()--> ANSWER --receive() gives a Welcome--> OPEN --close()--> CLOSED
    acceptor   GREETING --receive() gives a Hello--> DECISION --accept()--> OPEN
                                                              --reject()--> CLOSED

With shared keys there is one more phase at each end before OPEN, in which it waits for the other end's proof. The
acceptor's goes with its Welcome, which `receive` gives to the dialer after the proof was good, and not before; the
dialer's is what `prove` gives.

    dialer     ANSWER --the Welcome--> PROOF --receive() gives it--> OPEN
    acceptor   DECISION --accept()--> PROOF --receive() gives a Proof--> OPEN

`receive` takes what the socket gave and yields what it completes; run it to its end. `receive_end` takes the end of
the stream. The verbs that speak return bytes for the socket. After the handshake frames go from the dialer to the
acceptor only, and a byte the other way is a fault of the acceptor, unless the Hello makes the link a two-way one: there
both ends have the same verbs, and one that has closed still hears.

A verb called in the wrong phase raises StateError (a LocalFault) and changes nothing. Whatever the other end does
wrong raises a RemoteFault after everything before it was yielded; the phase is then BROKEN, and every later `receive`
raises the same, first error again. Who has to hear of it still can on a two-way link: it is the other direction.

What is said and what is heard share nothing after the handshake: one thread may do each.

Source: FORMAT.md, section 2; section 4; section 7.
"""

from collections.abc import Iterator
from enum import Enum

from wire.protocol.codec import Codec
from wire.protocol.frame import KEEPALIVE, Deframer, frame
from wire.protocol.frame_auth import TAG_BYTES, FrameAuthenticator, Session
from wire.protocol.handshake import HELLO_BYTES_MAX, MAGIC, Bye, Hello, Proof, Reject, Welcome
from wire.protocol.keys import Key, KeyRing
from wire.protocol.wire_errors import (
    EncodeError,
    MagicError,
    OrderError,
    ProofError,
    RemoteFault,
    StateError,
    TruncatedError,
    UnknownKindError,
)

_HANDSHAKE = Codec(Hello, Welcome, Reject, Proof)


class Phase(Enum):
    """Where a connection is in its life."""

    GREETING = "greeting"
    ANSWER = "answer"
    DECISION = "decision"
    PROOF = "proof"
    OPEN = "open"
    CLOSED = "closed"
    BROKEN = "broken"


class Connection:
    """One end of a connection.

    Args:
        codec: the messages, with Bye among them (`codec.extended(Bye)`).
        frame_bytes_max: the longest payload after the handshake.
        is_dialer: which end this is.
        ring: the shared keys of this end, if it has any; the Hello or Welcome that it says must have been made with it.

    Attributes:
        phase: where it is in its life.
        is_answered: the acceptor has said yes or no.
    """

    def __init__(self, codec: Codec, frame_bytes_max: int, *, is_dialer: bool, ring: KeyRing | None = None) -> None:
        self.phase = Phase.GREETING
        self.is_answered = False
        self._codec = codec
        self._frame_bytes_max = frame_bytes_max
        self._is_dialer = is_dialer
        self._magic = b""
        self._deframer = Deframer(min(HELLO_BYTES_MAX, frame_bytes_max))
        self._fault: RemoteFault | None = None
        self._ring = ring
        self._hello = b""
        self._welcome: Welcome | None = None
        self._session: Session | None = None
        self._outgoing: FrameAuthenticator | None = None
        self._incoming: FrameAuthenticator | None = None
        self._is_two_way = self._has_voice = self._is_open = self._is_deaf = False

    def greet(self, hello: Hello) -> bytes:
        """The dialer's first bytes."""
        self._need(Phase.GREETING, is_dialer=True)
        self.phase = Phase.ANSWER
        self._is_two_way = hello.is_two_way
        self._hello = self._handshake_frame(hello)
        return MAGIC + self._hello

    def accept(self, welcome: Welcome) -> bytes:
        """The acceptor's yes, and its proof where there is a key; on a one-way link its last word."""
        self._need(Phase.DECISION, is_dialer=False)
        said = self._handshake_frame(welcome)
        if self._ring is None:
            self._open()
            proof = b""
        else:
            self._begin_session(self._ring.find([welcome.key]), said)
            proof = self._proof()
        self.is_answered = True
        return MAGIC + said + proof

    def prove(self) -> bytes:
        """The dialer's proof, which goes before all else that it sends; nothing where there are no keys."""
        self._need(Phase.OPEN, is_dialer=True)
        return b"" if self._session is None else self._proof()

    def reject(self, reject: Reject) -> bytes:
        """The acceptor's no; also before or instead of a Hello (a timeout, a malformed one)."""
        if self._is_dialer or self.is_answered:
            raise StateError(f"reject: the connection is {self.phase.value}")
        self.phase, self.is_answered = Phase.CLOSED, True
        return MAGIC + self._handshake_frame(reject)

    def send(self, message: object) -> bytes:
        """A message as a frame; EncodeError when it can't be one."""
        self._need_voice()
        payload = self._codec.encode(message)
        if self._outgoing is None:
            return frame(payload, self._frame_bytes_max)
        if len(payload) > self._frame_bytes_max:  # before it is sealed: a tag that is not sent would be missed
            raise EncodeError(f"a payload of {len(payload)} bytes; {self._frame_bytes_max} are allowed")
        return frame(self._outgoing.close(payload), self._frame_bytes_max + TAG_BYTES)

    def keepalive(self) -> bytes:
        """A sign of life."""
        self._need_voice()
        return KEEPALIVE if self._outgoing is None else frame(self._outgoing.close(b""), TAG_BYTES)

    def close(self, reason: str) -> bytes:
        """This end's last frame."""
        last = self.send(Bye(reason=reason))
        self.phase, self._has_voice = Phase.CLOSED, False
        return last

    def receive(self, data: bytes) -> Iterator[object]:
        """Take bytes; yield each message that they complete, a Hello, Welcome, Reject, Proof or Bye among them.

        A message of an unknown kind is yielded as an UnknownKindError: later versions may say more.

        Raises:
            RemoteFault: the other end broke the format (FORMAT.md, section 12).
        """
        if self._fault is not None:
            raise self._fault
        try:
            for payload in self._deframer.feed(data if self._is_open else self._after_magic(data)):
                if (message := self._take(payload)) is not None:
                    yield message
            if (self._is_deaf or not self._is_open) and self._deframer.is_inside_frame:
                self._check_turn()
        except RemoteFault as fault:
            self.phase, self._fault = Phase.BROKEN, fault
            if not self._is_two_way:
                self._has_voice = False
            raise

    def receive_end(self) -> None:
        """Take the end of the stream; TruncatedError when it came inside a frame or the handshake."""
        if self.phase is Phase.ANSWER and not self._magic:
            raise TruncatedError("the stream ended without an answer; does the other end have TLS?")
        if self.phase in (Phase.GREETING, Phase.ANSWER, Phase.DECISION, Phase.PROOF):
            raise TruncatedError("the stream ended inside the handshake")
        if self._deframer.is_inside_frame:
            raise TruncatedError("the stream ended inside a frame")

    def _need(self, phase: Phase, *, is_dialer: bool) -> None:
        if self.phase is not phase or self._is_dialer is not is_dialer:
            raise StateError(f"the connection is {self.phase.value}, its end is_dialer={self._is_dialer}")

    def _need_voice(self) -> None:
        """A two-way link that the other end broke still takes what this end says."""
        if not self._has_voice:
            raise StateError(f"the connection is {self.phase.value}, its end is_dialer={self._is_dialer}")

    def _check_turn(self) -> None:
        """Whether the other end may have begun another frame."""
        if self._is_deaf:
            raise OrderError("the acceptor spoke after its Welcome")
        if self.phase is Phase.DECISION:
            raise OrderError("the dialer spoke after its Hello, before it was answered")

    def _handshake_frame(self, message: Hello | Welcome | Reject | Proof) -> bytes:
        return frame(_HANDSHAKE.encode(message), self._frame_bytes_max)

    def _after_magic(self, data: bytes) -> bytes:
        """What of the bytes follows the magic; the first wrong byte of the magic is enough to end it."""
        missing = len(MAGIC) - len(self._magic)
        if not missing:
            return data
        self._magic += data[:missing]
        if not MAGIC.startswith(self._magic):
            raise MagicError("the first bytes are not this protocol's")
        return data[missing:]

    def _take(self, payload: bytes) -> object | None:
        """The message in one payload, and the step that it takes the connection; None when nobody is to hear of it."""
        if not self._is_open:
            return self._take_handshake(payload)
        if self._is_deaf:
            raise OrderError("the acceptor spoke after its Welcome")
        if self._incoming is not None:
            payload = self._incoming.open(payload)
        if not payload:
            return None
        try:
            return self._codec.decode(payload)
        except UnknownKindError as error:
            return error

    def _take_handshake(self, payload: bytes) -> object | None:
        message = _HANDSHAKE.decode(payload)
        match self.phase, message:
            case Phase.GREETING, Hello() if not self._is_dialer:
                self.phase = Phase.DECISION
                self._is_two_way = message.is_two_way
                self._hello = frame(payload, HELLO_BYTES_MAX)
            case Phase.ANSWER, Welcome() if self._ring is not None:
                key = self._ring.find([message.key])
                if key is None:
                    raise ProofError("the Welcome names no key that this end holds")
                self._begin_session(key, frame(payload, HELLO_BYTES_MAX))
                self._welcome = message
                return None
            case Phase.ANSWER, Welcome():
                self._open()
            case Phase.ANSWER, Reject():
                self.phase = Phase.CLOSED
            case Phase.PROOF, Proof() if self._session is not None:
                self._session.check(message.tag, of_dialer=not self._is_dialer)
                self._open()
                return self._welcome or message
            case _:
                raise OrderError(f"a {type(message).__name__} while the connection is {self.phase.value}")
        return message

    def _begin_session(self, key: Key | None, welcome: bytes) -> None:
        """The handshake's words are said; what is missing is the other end's proof."""
        if key is None:
            raise StateError("the Welcome was made without a key of this end's")
        self._session = Session(key, self._hello, welcome)
        self.phase = Phase.PROOF

    def _proof(self) -> bytes:
        assert self._session is not None
        return self._handshake_frame(Proof(tag=self._session.proof(of_dialer=self._is_dialer)))

    def _open(self) -> None:
        self.phase = Phase.OPEN
        self._is_open = True
        self._has_voice = self._is_dialer or self._is_two_way
        self._is_deaf = self._is_dialer and not self._is_two_way
        self._deframer.frame_bytes_max = self._frame_bytes_max
        if self._session is not None:
            self._deframer.frame_bytes_max += TAG_BYTES
            self._outgoing = self._session.authenticator(of_dialer=self._is_dialer)
            self._incoming = self._session.authenticator(of_dialer=not self._is_dialer)
