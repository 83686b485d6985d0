"""Connection: one end of a connection as a value; bytes in, messages out, and back. No socket, no thread, no clock.

Theory of operation. A connection is in one phase at a time, and each verb is allowed in one of them:

    dialer     GREETING --greet()--> ANSWER --receive() gives a Welcome--> OPEN --close()--> CLOSED
    acceptor   GREETING --receive() gives a Hello--> DECISION --accept()--> OPEN
                                                              --reject()--> CLOSED

`receive` takes what the socket gave and yields what it completes; run it to its end. `receive_end` takes the end of
the stream. The verbs that speak return bytes for the socket. After the handshake frames go from the dialer to the
acceptor only: a byte the other way is a fault of the acceptor.

A verb called in the wrong phase raises StateError (a LocalFault) and changes nothing. Whatever the other end does
wrong raises a RemoteFault after everything before it was yielded; the phase is then BROKEN, and every later `receive`
raises the same, first error again.
"""

from collections.abc import Iterator
from enum import Enum

from wire.codec import Codec
from wire.errors import MagicError, OrderError, RemoteFault, StateError, TruncatedError, UnknownKindError
from wire.frame import KEEPALIVE, Deframer, frame
from wire.handshake import HELLO_BYTES_MAX, MAGIC, Bye, Hello, Reject, Welcome

_HANDSHAKE = Codec(Hello, Welcome, Reject)


class Phase(Enum):
    """Where a connection is in its life."""

    GREETING = "greeting"
    ANSWER = "answer"
    DECISION = "decision"
    OPEN = "open"
    CLOSED = "closed"
    BROKEN = "broken"


class Connection:
    """One end of a connection.

    Args:
        codec: the messages, with Bye among them (`codec.extended(Bye)`).
        frame_bytes_max: the longest payload after the handshake.
        is_dialer: which end this is.

    Attributes:
        phase: where it is in its life.
    """

    def __init__(self, codec: Codec, frame_bytes_max: int, *, is_dialer: bool) -> None:
        self.phase = Phase.GREETING
        self._codec = codec
        self._frame_bytes_max = frame_bytes_max
        self._is_dialer = is_dialer
        self._magic = b""
        self._deframer = Deframer(min(HELLO_BYTES_MAX, frame_bytes_max))
        self._fault: RemoteFault | None = None

    def greet(self, hello: Hello) -> bytes:
        """The dialer's first bytes."""
        self._need(Phase.GREETING, is_dialer=True)
        self.phase = Phase.ANSWER
        return MAGIC + self._handshake_frame(hello)

    def accept(self, welcome: Welcome) -> bytes:
        """The acceptor's yes: from now on it only reads."""
        self._need(Phase.DECISION, is_dialer=False)
        self._open()
        return MAGIC + self._handshake_frame(welcome)

    def reject(self, reject: Reject) -> bytes:
        """The acceptor's no; also before or instead of a Hello (a timeout, a malformed one)."""
        if self._is_dialer or self.phase in (Phase.OPEN, Phase.CLOSED):
            raise StateError(f"reject: the connection is {self.phase.value}")
        self.phase = Phase.CLOSED
        return MAGIC + self._handshake_frame(reject)

    def send(self, message: object) -> bytes:
        """A message as a frame; EncodeError when it can't be one."""
        self._need(Phase.OPEN, is_dialer=True)
        return frame(self._codec.encode(message), self._frame_bytes_max)

    def keepalive(self) -> bytes:
        """A sign of life."""
        self._need(Phase.OPEN, is_dialer=True)
        return KEEPALIVE

    def close(self, reason: str) -> bytes:
        """The dialer's last frame."""
        last = self.send(Bye(reason=reason))
        self.phase = Phase.CLOSED
        return last

    def receive(self, data: bytes) -> Iterator[object]:
        """Take bytes; yield each message that they complete, a Hello, Welcome, Reject or Bye among them.

        A message of an unknown kind is yielded as an UnknownKindError: later versions may say more.

        Raises:
            RemoteFault: the other end broke the format.
        """
        if self._fault is not None:
            raise self._fault
        try:
            for payload in self._deframer.feed(self._after_magic(data)):
                if payload or self._is_dialer or self.phase is not Phase.OPEN:
                    yield self._take(payload)
            if self._is_dialer and self.phase is Phase.OPEN and self._deframer.is_inside_frame:
                raise OrderError("the acceptor spoke after its Welcome")
        except RemoteFault as fault:
            self.phase, self._fault = Phase.BROKEN, fault
            raise

    def receive_end(self) -> None:
        """Take the end of the stream; TruncatedError when it came inside a frame or the handshake."""
        if self.phase in (Phase.GREETING, Phase.ANSWER, Phase.DECISION):
            raise TruncatedError("the stream ended inside the handshake")
        if self._deframer.is_inside_frame:
            raise TruncatedError("the stream ended inside a frame")

    def _need(self, phase: Phase, *, is_dialer: bool) -> None:
        if self.phase is not phase or self._is_dialer is not is_dialer:
            raise StateError(f"the connection is {self.phase.value}, its end is_dialer={self._is_dialer}")

    def _handshake_frame(self, message: Hello | Welcome | Reject) -> bytes:
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

    def _take(self, payload: bytes) -> object:
        """The message in one payload, and the step that it takes the connection."""
        if self.phase is not Phase.OPEN:
            return self._take_handshake(payload)
        if self._is_dialer:
            raise OrderError("the acceptor spoke after its Welcome")
        try:
            return self._codec.decode(payload)
        except UnknownKindError as error:
            return error

    def _take_handshake(self, payload: bytes) -> object:
        message = _HANDSHAKE.decode(payload)
        match self.phase, message:
            case Phase.GREETING, Hello() if not self._is_dialer:
                self.phase = Phase.DECISION
            case Phase.ANSWER, Welcome():
                self._open()
            case Phase.ANSWER, Reject():
                self.phase = Phase.CLOSED
            case _:
                raise OrderError(f"a {type(message).__name__} while the connection is {self.phase.value}")
        return message

    def _open(self) -> None:
        self.phase = Phase.OPEN
        self._deframer.frame_bytes_max = self._frame_bytes_max
