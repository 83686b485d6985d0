"""PolledLink: an open two-way link that shares its thread with others. No method of it waits for the other end.

Theory of operation. The thread calls `run` when the socket can be read or written, when a message or a reason to end
waits in the outbox, and once in each keepalive interval. Each call does a bounded part of the work: it reads at most
READ_BYTES, and takes new messages out of the outbox only after all earlier ones went to the socket. So a link whose
other end reads nothing holds one chunk of about WRITE_BYTES and what waits in its outbox.

Once there is a reason to end the link, `run`

1. writes the rest of the chunk, and a Bye;
2. ends its direction of the stream;
3. reads on for the other end's Bye, until the end of the stream;

all of that for at most ENDING_S. Then `is_over` is True, and the owner closes the socket.

Source: FORMAT.md, sections 7.2 and 7.5; section 10.
"""

import logging
import selectors
from collections.abc import Callable, Iterator

from wire.common.log import Log
from wire.io.link_events import Event, LinkEnded, MessageReceived
from wire.io.link_runner import BYE
from wire.io.open_link import OpenLink
from wire.io.sockets import failure, stop_writing
from wire.protocol.codec import Codec
from wire.protocol.handshake import Bye, Heard
from wire.protocol.identity import printable
from wire.protocol.liveness_timer import LivenessTimer
from wire.protocol.receive_rate import ReceiveRate
from wire.protocol.wire_errors import (
    ClosedError,
    EncodeError,
    FloodError,
    IdleTimeoutError,
    LocalFault,
    RemoteFault,
    ResetError,
    StoppedError,
    UnknownKindError,
    UnreadError,
    WireError,
    WriteTimeoutError,
)

logger = Log(__name__)

READ_BYTES = 8_192
"""About 2,000 of the shortest frames, which take a millisecond: other links and threads wait no longer."""

WRITE_BYTES = 16_384
"""Each link may hold this much, and one message more, for an end that does not read: 32 MB for 2,000 links."""

RECEIVED_BYTES_MAX = 8_192
"""The longest payload that is accepted: an end that sends a frame byte by byte makes this one hold that much."""

ENDING_S = 0.5
"""Two running ends need one round trip to say Bye; an end that has failed is not waited for."""

DRAINED_BYTES_MAX = 65_536
"""Bytes that are read for the other end's Bye. An end that sends more does not listen, and may get a reset."""

NOTHING = memoryview(b"")


class PayloadCache:
    """The payloads of the messages that were encoded last, so that one message for many links is encoded once.

    Args:
        codec: the messages, with Bye and Heard among them.
    """

    ENTRIES_MAX = 128
    """All that one link is told at once should fit in, as one link is served after the other."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._payloads: dict[int, tuple[object, bytes]] = {}

    def encode(self, message: object) -> bytes:
        """Return the payload of a message; EncodeError when a field is not as declared."""
        # By identity: an equal message may have parts that cannot be hashed. The entry keeps the object, and so its id.
        found = self._payloads.get(id(message))
        if found is not None:
            return found[1]
        payload = self._codec.encode(message)
        if len(self._payloads) >= self.ENTRIES_MAX:
            del self._payloads[next(iter(self._payloads))]
        self._payloads[id(message)] = message, payload
        return payload


class PolledLink:
    """One link, from the end of its handshake to its end; belongs to one thread. Time is given in seconds.

    Args:
        link: the link; from now on its socket does not block.
        deliver: takes the messages that come; must not block.
        encode: returns the payload of a message.
        series: the name under which the meter counts messages.
        now_s: now.

    Attributes:
        ends_s: the time at which the link is over at the latest; None while there is no reason to end it.
        is_over: nothing is left to do but to close the socket.
    """

    def __init__(
        self,
        link: OpenLink,
        deliver: Callable[[Event], object],
        encode: Callable[[object], bytes],
        series: str,
        now_s: float,
    ) -> None:
        self.ends_s: float | None = None
        self.is_over = False
        self._link = link
        self._deliver = deliver
        self._encode = encode
        self._series = series
        self._liveness_timer = LivenessTimer(link.limits, now_s, is_two_way=True)
        self._rate = ReceiveRate(link.connection.frames, now_s)
        self._early: Iterator[object] | None = link.early
        self._unsent = NOTHING
        self._received = 0
        self._read_s = self._written_s = now_s
        self._is_read_out = self._is_end_of_stream = False
        self._is_bye_written = self._is_write_ended = False
        self._drained = 0
        self._bye: str | None = None
        link.connection.shorten_frames(RECEIVED_BYTES_MAX)
        link.channel.sock.settimeout(0)

    @property
    def events(self) -> int:
        """Return what to wait for, as `selectors` names it; never 0 before the link is over."""
        return (0 if self._is_read_out else selectors.EVENT_READ) | (selectors.EVENT_WRITE if self._unsent else 0)

    @property
    def ended(self) -> LinkEnded:
        """Return the event of its end, once it is over."""
        reason = self._link.close_reason.value
        is_whole = self._is_end_of_stream and isinstance(reason, ClosedError)
        return LinkEnded(
            peer=self._link.peer,
            number=self._link.number,
            is_end_of_stream=self._is_end_of_stream,
            error=None if is_whole else reason,
            bye=self._bye,
        )

    def run(self, now_s: float, *, is_readable: bool = False, is_due: bool = False) -> None:
        """Do the part of the work that can be done now.

        Args:
            now_s: now.
            is_readable: the socket has bytes, or its end.
            is_due: a keepalive interval has passed.
        """
        reason = self._link.close_reason
        if reason.value is None:
            try:
                self._work(now_s, is_readable=is_readable, is_due=is_due)
            except WireError as error:
                reason.set_once(error)
            except Exception:
                logger.exception("! %s: link %s failed", self._link.peer, self._link.number)
                reason.set_once(LocalFault("serving it failed"))
            is_readable = False  # if there is more, the next call reads it
        if reason.value is not None:
            self._end(reason.value, now_s, is_readable=is_readable)

    def send(self, message: object, now_s: float) -> bool:
        """Write a message now; return False if it has to wait in the outbox, behind others or for an error."""
        link = self._link
        if self._unsent or len(link.outbox) or link.close_reason.value is not None:
            return False
        try:
            frame = link.connection.send_payload(self._encode(message))
            self._queue(frame, 1, now_s)
            self._flush(now_s)
        except EncodeError:
            return False
        except WireError as error:
            link.close_reason.set_once(error)
        except Exception:  # it ends this link alone: the thread serves all others
            logger.exception("! %s: link %s failed", link.peer, link.number)
            link.close_reason.set_once(LocalFault("sending failed"))
        if self._unsent or link.close_reason.value is not None:
            link.outbox.ring()  # `run` does the rest
        return True

    def _work(self, now_s: float, *, is_readable: bool, is_due: bool) -> None:
        if self._early is not None:
            early, self._early = self._early, None
            self._pass_on(early, 0, now_s)
        if is_readable:
            self._receive(now_s)
        if is_due:
            self._check_alive(now_s)
        self._write_waiting(now_s)

    def _receive(self, now_s: float) -> None:
        channel, connection = self._link.channel, self._link.connection
        before = channel.received
        try:
            data = channel.read(READ_BYTES)
        except BlockingIOError:  # TLS needs the rest of a record
            self._check_rate(channel.received - before, now_s)
            return
        except OSError as error:
            raise failure(error) from error
        if not data:
            self._is_read_out = self._is_end_of_stream = True
            connection.receive_end()
            raise ClosedError("the other end closed")
        self._read_s = now_s
        self._pass_on(connection.receive(data), len(data), now_s)
        self._check_rate(channel.received - before, now_s)

    def _check_rate(self, size: int, now_s: float) -> None:
        try:
            self._rate.note_received(self._link.connection.frames, size, now_s)
        except FloodError as fault:
            self._link.meter.add_rejected_frame(fault.reason)
            raise

    def _pass_on(self, messages: Iterator[object], size: int, now_s: float) -> None:
        meter, frames = self._link.meter, 0
        try:
            for message in messages:
                frames += 1
                self._receive_message(message, now_s)
                self._received += 1
        except RemoteFault as fault:
            meter.add_rejected_frame(fault.reason)
            raise
        finally:
            meter.add_frames("in", frames, size)
            meter.add_received(self._series)

    def _receive_message(self, message: object, now_s: float) -> None:
        link = self._link
        match message:
            case Bye():
                self._bye = printable(message.reason)
            case Heard():
                self._liveness_timer.note_read(message.frames, now_s)
            case UnknownKindError():
                link.meter.add_rejected_frame(message.reason)
            case _ if link.close_reason.value is None:  # the owner may have cut it because of the message before
                self._deliver(MessageReceived(peer=link.peer, number=link.number, message=message))

    def _check_alive(self, now_s: float) -> None:
        limits = self._link.limits
        if self._unsent and now_s - self._written_s >= limits.write_timeout_s:
            raise WriteTimeoutError(f"{len(self._unsent)} bytes could not be written in time")
        if self._liveness_timer.is_unread(now_s):
            raise UnreadError("the other end sends but does not read")
        if now_s - self._read_s >= limits.idle_timeout_s:
            self._receive(now_s)  # bytes may have come while this thread was held up
            if now_s - self._read_s >= limits.idle_timeout_s:
                raise IdleTimeoutError("no byte came for too long")
        if not self._unsent:
            self._queue(self._link.connection.send(Heard(frames=self._received)), 1, now_s, is_control=True)

    def _write_waiting(self, now_s: float) -> None:
        self._flush(now_s)
        if not self._unsent:
            self._fill(now_s)
            self._flush(now_s)
            if not self._unsent and len(self._link.outbox):
                self._link.outbox.ring()  # after the other links

    def _fill(self, now_s: float) -> None:
        """Take waiting messages as one chunk; those that cannot be encoded are dropped."""
        link, frames, size = self._link, list[bytes](), 0
        while size < WRITE_BYTES and (message := link.outbox.take_message()) is not None:
            try:
                frames.append(link.connection.send_payload(self._encode(message)))
                size += len(frames[-1])
            except EncodeError as error:
                logger.log(logging.ERROR, "- %s: a message cannot be sent", link.peer, error=error)
                link.outbox.drop(message)
        if frames:
            self._queue(b"".join(frames), len(frames), now_s)

    def _queue(self, data: bytes, frames: int, now_s: float, *, is_control: bool = False) -> None:
        """Make this the chunk that is written; the one before must have been written."""
        self._liveness_timer.note_sent(frames, now_s, is_keepalive=is_control)
        self._unsent = memoryview(self._link.channel.seal(data))
        self._written_s = now_s
        self._link.meter.add_frames("out", frames, len(data))
        if not is_control:
            self._link.meter.add_sent(self._series, frames)

    def _flush(self, now_s: float) -> None:
        """Write as much of the chunk as the socket takes."""
        while self._unsent:
            try:
                self._unsent = self._unsent[self._link.channel.sock.send(self._unsent) :] or NOTHING
            except BlockingIOError:
                return
            except OSError as error:
                raise failure(error) from error
            self._written_s = now_s

    def _end(self, reason: WireError, now_s: float, *, is_readable: bool) -> None:
        """Do a part of the end; see the theory of operation."""
        if self.ends_s is None:
            self.ends_s = now_s + ENDING_S
        try:
            if is_readable or isinstance(reason, ResetError):  # a Bye may have come before the reset
                self._drain()
            if not isinstance(reason, (ClosedError, ResetError)):
                self._say_bye(reason, now_s)
            elif self._is_read_out or isinstance(reason, ResetError):
                self.is_over = True
        except (OSError, WireError) as error:
            logger.debug("- %s: link %s: %s", self._link.peer, self._link.number, error)
            self.is_over = True
        if now_s >= self.ends_s or (self._is_read_out and not self._unsent):
            self.is_over = True

    def _say_bye(self, reason: WireError, now_s: float) -> None:
        """Write what waits if this end stops, then a Bye, then the end of this direction."""
        is_stopping = isinstance(reason, StoppedError)
        self._flush(now_s)
        while not self._unsent and not self._is_bye_written:
            if is_stopping:
                self._fill(now_s)
            if not self._unsent:
                self._is_bye_written = True
                bye = self._link.connection.close(BYE if is_stopping else reason.reason)
                self._queue(bye, 1, now_s, is_control=True)
            self._flush(now_s)
        if not self._unsent and not self._is_write_ended:
            self._is_write_ended = True
            stop_writing(self._link.channel.sock)

    def _drain(self) -> None:
        """Read for the other end's Bye alone."""
        try:
            data = self._link.channel.read(READ_BYTES)
        except BlockingIOError:
            return
        self._drained += len(data)
        if not data or self._drained > DRAINED_BYTES_MAX:
            self._is_read_out = True
            return
        try:
            for message in self._link.connection.receive(data):
                if isinstance(message, Bye):
                    self._bye = printable(message.reason)
        except RemoteFault as fault:  # the rest is read all the same: a close with unread bytes would be a reset
            logger.debug("- %s: link %s: %s", self._link.peer, self._link.number, fault)
