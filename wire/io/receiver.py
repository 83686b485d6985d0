"""Receiver: reads one link, until the link is over; on the thread that reads."""

from collections.abc import Callable, Iterator

from wire.common.deadline import now_s
from wire.common.log import Log
from wire.io.channel import Channel
from wire.io.close_reason import CloseReason
from wire.io.link_events import Event, MessageReceived
from wire.io.meter import Meter
from wire.io.sockets import failure
from wire.protocol.connection import Connection
from wire.protocol.handshake import Bye, Heard
from wire.protocol.identity import LinkNumber, printable
from wire.protocol.liveness_timer import LivenessTimer
from wire.protocol.wire_errors import IdleTimeoutError, LocalFault, RemoteFault, UnknownKindError, WireError

logger = Log(__name__)


class Receiver:
    """Reads one link.

    Args:
        channel: the link's; left open in the end.
        connection: the link's.
        close_reason: why the link ends.
        deliver: takes the messages.
        peer: the other end's id.
        number: the link's.
        is_dialed: this end dialed it.
        meter: told of what is read.
        early: what came with the last bytes of the handshake.
        liveness_timer: told, on a two-way link, what the other end has read.

    Attributes:
        is_end_of_stream: an end of stream was read, and it was the other end's.
        taken: frames with a payload that were read and passed on.
        bye: the reason that the other end gave for its end, if it gave one.
        error: why reading ended, but for a whole stream's end.
    """

    def __init__(
        self,
        channel: Channel,
        connection: Connection,
        close_reason: CloseReason,
        deliver: Callable[[Event], None],
        *,
        peer: str,
        number: LinkNumber,
        is_dialed: bool,
        meter: Meter,
        early: Iterator[object],
        liveness_timer: LivenessTimer | None = None,
    ) -> None:
        self.is_end_of_stream = False
        self.taken = 0
        self.bye: str | None = None
        self.error: WireError | None = None
        self._channel = channel
        self._connection = connection
        self._close_reason = close_reason
        self._deliver = deliver
        self._peer = peer
        self._number = number
        self._is_dialed = is_dialed
        self._meter = meter
        self._early = early
        self._liveness_timer = liveness_timer

    def run(self) -> None:
        """Deliver every message, until the stream ends, or there is a reason to end it."""
        try:
            self._pass_on(self._early, 0)
            while data := self._read():
                self._pass_on(self._connection.receive(data), len(data))
            self.is_end_of_stream = True
            self._connection.receive_end()
        except WireError as error:
            self.error = self._close_reason.give(error)
        except Exception:
            logger.exception("! %s: link %s", self._peer, self._number)  # The owner must hear of its end all the same.
            self.error = self._close_reason.give(LocalFault("reading it failed"))

    def drain(self) -> None:
        """Read on, for the other end's last word alone, until the stream ends or somebody shuts the socket.

        To close while something comes would be a reset, which could take this end's last words with it.
        """
        try:
            while not self.is_end_of_stream and (data := self._channel.read()):
                self._overhear(data)
        except (OSError, WireError) as error:
            logger.debug("- %s: link %s: %s", self._peer, self._number, error)

    def _read(self) -> bytes:
        """What came; b"" at the end of the stream, which then is the other end's own."""
        try:
            data = self._channel.read()
        except BlockingIOError:
            raise self._close_reason.why or IdleTimeoutError("not a byte came for too long") from None
        except OSError as error:  # also of what was sent: whoever asks first hears it
            raise self._close_reason.why or failure(error) from error
        if self._close_reason.why is not None:
            self._overhear(data)
            raise self._close_reason.why
        return data

    def _overhear(self, data: bytes) -> None:
        """Of what comes when it is over for this end, the other one's last word."""
        for message in self._connection.receive(data):
            if isinstance(message, Bye):
                self.bye = printable(message.reason)

    def _pass_on(self, messages: Iterator[object], size: int) -> None:
        frames = 0
        try:
            for message in messages:
                frames += 1
                self._take(message)
                self.taken += 1
        except RemoteFault as fault:
            self._meter.add_rejected_frame(fault.reason)
            raise
        finally:
            self._meter.add_frames("in", frames, size)
            self._meter.add_received(self._peer)

    def _take(self, message: object) -> None:
        match message:
            case Bye():
                self.bye = printable(message.reason)
            case Heard():
                if self._liveness_timer is not None:
                    self._liveness_timer.note_read(message.frames, now_s())
            case UnknownKindError():
                self._meter.add_rejected_frame(message.reason)
            case _:
                self._deliver(
                    MessageReceived(peer=self._peer, number=self._number, message=message, is_dialed=self._is_dialed)
                )
