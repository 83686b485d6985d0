"""Connection: one end of a connection as a value; bytes in, messages out, and back. No socket, no thread, no clock.

Theory of operation. A connection is in one phase at a time, and each verb is allowed in one phase:

    dialer     GREETING --greet()--> ANSWER --receive() gives a Welcome--> OPEN --close()--> CLOSED
    acceptor   GREETING --receive() gives a Hello--> DECISION --accept()--> OPEN
                                                              --reject()--> CLOSED

With shared keys each end has one more phase before OPEN, in which it waits for the other end's proof. The acceptor's
proof goes with its Welcome. The dialer's `receive` gives the Welcome after that proof was checked, and its own proof is
returned by `prove`.

    dialer     ANSWER --the Welcome--> PROOF --receive() gives it--> OPEN
    acceptor   DECISION --accept()--> PROOF --receive() gives a Proof--> OPEN

`receive` reads bytes of the socket and yields the messages that they complete; iterate to its end. `receive_end` notes
the end of the stream. The verbs that send return bytes for the socket. After the handshake of a one-way link only the
dialer sends, and a byte from the acceptor is a fault. The Hello can make the link two-way: then both ends have the same
verbs, and an end that has called `close` still receives.

A verb called in the wrong phase raises StateError (a LocalFault) and changes nothing. A mistake of the other end raises
a RemoteFault after everything before it was yielded. The phase is then BROKEN, and every later `receive` raises the
same error again. On a two-way link this end can still send, for instance a Bye that names the mistake.

The sending and the receiving half share nothing after the handshake: one thread may run each.

Source: FORMAT.md, section 2; section 4; section 7.
"""

from collections.abc import Iterator
from enum import Enum

from wire.protocol.codec import Codec
from wire.protocol.frame import KEEPALIVE, Deframer, frame
from wire.protocol.frame_auth import TAG_BYTES, FrameAuthenticator, SessionKey
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
    """The phases of a connection."""

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
        is_dialer: whether this is the end that dialed.
        ring: this end's shared keys, if it has any; its Hello or Welcome must have been made with the same ring.

    Attributes:
        phase: the current phase.
        is_answered: whether the acceptor has sent a Welcome or a Reject.
        frames: the number of frames that came, keepalives and those of the handshake among them.
    """

    def __init__(self, codec: Codec, frame_bytes_max: int, *, is_dialer: bool, ring: KeyRing | None = None) -> None:
        self.phase = Phase.GREETING
        self.is_answered = False
        self.frames = 0
        self._codec = codec
        self._frame_bytes_max = frame_bytes_max
        self._is_dialer = is_dialer
        self._magic = b""
        # Until the handshake is over the other end is a stranger: it can make this end hold no more than a Hello.
        self._deframer = Deframer(min(HELLO_BYTES_MAX, frame_bytes_max))
        self._fault: RemoteFault | None = None
        self._ring = ring
        self._hello = b""
        self._welcome: Welcome | None = None
        self._session_key: SessionKey | None = None
        self._outgoing: FrameAuthenticator | None = None
        self._incoming: FrameAuthenticator | None = None
        self._is_two_way = self._can_send = self._is_open = self._is_send_only = False

    def greet(self, hello: Hello) -> bytes:
        """Return the dialer's first bytes."""
        self._check_phase(Phase.GREETING, is_dialer=True)
        self.phase = Phase.ANSWER
        self._is_two_way = hello.is_two_way
        self._hello = self._handshake_frame(hello)
        return MAGIC + self._hello

    def accept(self, welcome: Welcome) -> bytes:
        """Return the acceptor's Welcome, and its proof where there is a key; on a one-way link its last bytes."""
        self._check_phase(Phase.DECISION, is_dialer=False)
        answer = self._handshake_frame(welcome)
        if self._ring is None:
            self._open()
            proof = b""
        else:
            self._expect_proof(self._ring.find([welcome.key]), answer)
            proof = self._proof_frame()
        self.is_answered = True
        return MAGIC + answer + proof

    def prove(self) -> bytes:
        """Return the dialer's proof, to be sent before anything else; no bytes where there are no keys."""
        self._check_phase(Phase.OPEN, is_dialer=True)
        return b"" if self._session_key is None else self._proof_frame()

    def reject(self, reject: Reject) -> bytes:
        """Return the acceptor's Reject; also allowed without a Hello, after a timeout or a malformed one."""
        if self._is_dialer or self.is_answered:
            raise StateError(f"reject: the connection is {self.phase.value}")
        self.phase, self.is_answered = Phase.CLOSED, True
        return MAGIC + self._handshake_frame(reject)

    def send(self, message: object) -> bytes:
        """Return a message as a frame; EncodeError when the codec does not carry it or it is too long."""
        self._check_can_send()
        return self.send_payload(self._codec.encode(message))

    def send_payload(self, payload: bytes) -> bytes:
        """Return what the codec made of a message as a frame; EncodeError when it is too long."""
        self._check_can_send()
        if self._outgoing is None:
            return frame(payload, self._frame_bytes_max)
        # Checked before it is signed: the other end counts tags, so each one that is made must be sent.
        if len(payload) > self._frame_bytes_max:
            raise EncodeError(f"a payload of {len(payload)} bytes; {self._frame_bytes_max} are allowed")
        return frame(self._outgoing.sign(payload), self._frame_bytes_max + TAG_BYTES)

    def keepalive(self) -> bytes:
        """Return an empty frame, which tells the other end that this one is alive."""
        self._check_can_send()
        return KEEPALIVE if self._outgoing is None else frame(self._outgoing.sign(b""), TAG_BYTES)

    def close(self, reason: str) -> bytes:
        """Return this end's last frame, a Bye."""
        last = self.send(Bye(reason=reason))
        self.phase, self._can_send = Phase.CLOSED, False
        return last

    def shorten_frames(self, frame_bytes_max: int) -> None:
        """From now on accept only payloads of at most this length: an unfinished frame is held in memory."""
        tag = 0 if self._incoming is None else TAG_BYTES
        self._deframer.frame_bytes_max = min(self._deframer.frame_bytes_max, frame_bytes_max + tag)

    def receive(self, data: bytes) -> Iterator[object]:
        """Yield each message that these bytes complete, a Hello, Welcome, Reject, Proof or Bye among them.

        A message of an unknown kind is yielded as an UnknownKindError: later versions may have more kinds.

        Raises:
            RemoteFault: the other end broke the format (FORMAT.md, section 12).
        """
        # After the first fault the place in the stream is lost: nothing behind it can be trusted.
        if self._fault is not None:
            raise self._fault
        try:
            for payload in self._deframer.feed(data if self._is_open else self._after_magic(data)):
                self.frames += 1
                if (message := self._receive_payload(payload)) is not None:
                    yield message
            if (self._is_send_only or not self._is_open) and self._deframer.is_inside_frame:
                self._check_turn()
        except RemoteFault as fault:
            self.phase, self._fault = Phase.BROKEN, fault
            # The two directions of a two-way link are independent: the other end can still be told.
            if not self._is_two_way:
                self._can_send = False
            raise

    def receive_end(self) -> None:
        """Note the end of the stream; TruncatedError when it came inside a frame or the handshake."""
        if self.phase is Phase.ANSWER and not self._magic:
            raise TruncatedError("the stream ended without an answer; does the other end use TLS?")
        if self.phase in (Phase.GREETING, Phase.ANSWER, Phase.DECISION, Phase.PROOF):
            raise TruncatedError("the stream ended inside the handshake")
        if self._deframer.is_inside_frame:
            raise TruncatedError("the stream ended inside a frame")

    def _check_phase(self, phase: Phase, *, is_dialer: bool) -> None:
        if self.phase is not phase or self._is_dialer is not is_dialer:
            raise self._wrong_state()

    def _check_can_send(self) -> None:
        if not self._can_send:
            raise self._wrong_state()

    def _wrong_state(self) -> StateError:
        return StateError(f"the connection is {self.phase.value}, its end is_dialer={self._is_dialer}")

    def _check_turn(self) -> None:
        """Raise OrderError when the other end has begun a frame that it may not send now."""
        if self._is_send_only:
            raise OrderError("the acceptor sent something after its Welcome on a one-way link")
        # An acceptor that waits with its answer would otherwise hold what a stranger sends in the meantime.
        if self.phase is Phase.DECISION:
            raise OrderError("the dialer sent something after its Hello, before it was answered")

    def _handshake_frame(self, message: Hello | Welcome | Reject | Proof) -> bytes:
        return frame(_HANDSHAKE.encode(message), self._frame_bytes_max)

    def _after_magic(self, data: bytes) -> bytes:
        """Return the bytes after the magic."""
        missing = len(MAGIC) - len(self._magic)
        if not missing:
            return data
        self._magic += data[:missing]
        # The first wrong byte is enough: a stranger of another protocol may wait for an answer before it sends more.
        if not MAGIC.startswith(self._magic):
            raise MagicError("the first bytes are not those of this protocol")
        return data[missing:]

    def _receive_payload(self, payload: bytes) -> object | None:
        """Return the message in one payload, or None for a keepalive and for a Welcome that is not proven yet."""
        if not self._is_open:
            return self._receive_handshake(payload)
        if self._is_send_only:
            self._check_turn()
        # Verified before anything is decoded: the codec sees only bytes of an end that holds the key.
        if self._incoming is not None:
            payload = self._incoming.verify(payload)
        if not payload:
            return None
        try:
            return self._codec.decode(payload)
        except UnknownKindError as error:
            return error

    def _receive_handshake(self, payload: bytes) -> object | None:
        message = _HANDSHAKE.decode(payload)
        match self.phase, message:
            case Phase.GREETING, Hello() if not self._is_dialer:
                self.phase = Phase.DECISION
                self._is_two_way = message.is_two_way
                self._hello = frame(payload, HELLO_BYTES_MAX)
            case Phase.ANSWER, Welcome() if self._ring is not None:
                # An end with keys never goes on without one, or an impostor could do without it.
                key = self._ring.find([message.key])
                if key is None:
                    raise ProofError("the Welcome names no key that this end holds")
                self._expect_proof(key, frame(payload, HELLO_BYTES_MAX))
                self._welcome = message
                return None  # yielded once it is proven
            case Phase.ANSWER, Welcome():
                self._open()
            case Phase.ANSWER, Reject():
                # Accepted without a proof: an acceptor that shares no key with this end could not give one.
                self.phase = Phase.CLOSED
            case Phase.PROOF, Proof() if self._session_key is not None:
                # The other end's own proof: one that is sent back to its maker is of the wrong end.
                self._session_key.check_proof(message.tag, of_dialer=not self._is_dialer)
                self._open()
                return self._welcome or message
            case _:
                raise OrderError(f"a {type(message).__name__} while the connection is {self.phase.value}")
        return message

    def _expect_proof(self, key: Key | None, welcome: bytes) -> None:
        if key is None:
            raise StateError("the Welcome was made without a key that this end holds")
        self._session_key = SessionKey(key, self._hello, welcome)
        self.phase = Phase.PROOF

    def _proof_frame(self) -> bytes:
        assert self._session_key is not None
        return self._handshake_frame(Proof(tag=self._session_key.proof(of_dialer=self._is_dialer)))

    def _open(self) -> None:
        self.phase = Phase.OPEN
        self._is_open = True
        self._can_send = self._is_dialer or self._is_two_way
        self._is_send_only = self._is_dialer and not self._is_two_way
        self._deframer.frame_bytes_max = self._frame_bytes_max
        if self._session_key is not None:
            self._deframer.frame_bytes_max += TAG_BYTES
            self._outgoing = self._session_key.authenticator(of_dialer=self._is_dialer)
            self._incoming = self._session_key.authenticator(of_dialer=not self._is_dialer)
