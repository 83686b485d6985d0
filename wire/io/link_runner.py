"""An open link from the end of its handshake to its end: the halves that read and write it, and their threads.

Theory of operation. A one-way link has one thread at each end: the dialer's writes, the acceptor's reads. A two-way
link has two threads at each end, one for each half, and neither waits for the other. `LinkRunner` runs on the thread
that dialed or accepted the link, and starts the second one.

Any thread may end a link: it sets the reason and rings the outbox. The first reason stays. The writing thread sees it
after its wait for a message. Then

1. it writes a Bye, if the other end can still read one (`send_bye`);
2. it ends its direction of the stream (`leave`);
3. it waits for the reading thread, which reads on for the other end's Bye (`drain`), for at most LINGER_S;
4. it shuts the socket down, which ends reading.

A dialer asks its owner between the first and the second step; see `wire.links.dialer`.

Source: FORMAT.md, sections 7.2 and 10.
"""

import logging
import threading
from collections.abc import Callable, Iterator

from wire.common.deadline import now_s
from wire.common.log import Log
from wire.common.reported_thread import ReportedThread
from wire.io.link_events import Event, MessageReceived
from wire.io.open_link import OpenLink
from wire.io.sockets import block_writes, failure, stop_writing, wake
from wire.protocol.handshake import Bye, Heard
from wire.protocol.identity import printable
from wire.protocol.liveness_timer import LivenessTimer
from wire.protocol.wire_errors import (
    ClosedError,
    EncodeError,
    IdleTimeoutError,
    LocalFault,
    OrderError,
    RemoteFault,
    ResetError,
    RestartedError,
    StoppedError,
    UnknownKindError,
    UnreadError,
    WireError,
    WriteTimeoutError,
)

logger = Log(__name__)

BYE = "stopping"
"""The reason in the Bye of an end that stops, unless its owner gives another one."""

CHUNK_BYTES = 65_536
"""Waiting frames are written together up to about this size: more does not fit into a socket's buffer at once."""

BYE_TIMEOUT_S = 0.5
"""For the waiting messages and the Bye when this end stops: a peer that reads gets them at once."""

LINGER_S = 0.5
"""Two running ends need one round trip; an end that has failed is not waited for."""


class LinkRunner:
    """Runs an open link to its end; leaves the socket open.

    Args:
        link: the link.
        deliver: takes the messages that come.
        name: the name of the second thread of a two-way link.
        after_wait: see Sender.
        after_read: see Receiver.

    Attributes:
        receiver: the reading half.
        thread: the second thread of a two-way link.
    """

    def __init__(
        self,
        link: OpenLink,
        deliver: Callable[[Event], None],
        name: str,
        after_wait: Callable[[], object] = lambda: None,
        after_read: Callable[[], object] = lambda: None,
    ) -> None:
        self._link = link
        self._deliver = deliver
        self._lock = threading.Lock()
        self._is_muted = False
        self._is_read_out = threading.Event()
        liveness_timer = LivenessTimer(link.limits, now_s(), is_two_way=link.is_two_way)
        # Only a dialer mutes its link; an acceptor is spared the lock.
        self.receiver = Receiver(link, self._deliver_unmuted if link.is_dialed else deliver, liveness_timer, after_read)
        self._sender = Sender(link, self.receiver, liveness_timer, after_wait)
        work = self._read if link.is_dialed else self._write_to_end
        self.thread = ReportedThread(work, name=name) if link.is_two_way else None

    def write(self) -> WireError:
        """On the dialer's thread, write until there is a reason to end the link; return the reason."""
        if self.thread is not None:
            try:
                self.thread.start()
            except RuntimeError as error:
                return LocalFault(f"no thread to read with: {error}")
        return self._sender.run()

    def read(self) -> None:
        """On the acceptor's thread, read to the end of the link."""
        if self.thread is None:
            self.receiver.run()
            return
        try:
            self.thread.start()
        except RuntimeError as error:
            logger.debug("! no thread can be started to write to %s: %s", self._link.peer, error)
            self.receiver.error = LocalFault("no thread to write with")
        else:
            self._read()
            self.thread.join()

    def send_bye(self, reason: WireError, bye: str) -> None:
        """Write the Bye for this reason, or wait for the Bye of the other end."""
        is_sent = self._sender.send_bye(reason, bye)
        if self._link.is_two_way and not is_sent and isinstance(reason, ResetError):
            self._is_read_out.wait(LINGER_S)

    def mute(self) -> None:
        """Wait for the delivery that is under way, and deliver nothing after it."""
        with self._lock:
            self._is_muted = True

    def leave(self) -> None:
        """End this direction of a two-way link, wait for the other one, and end reading."""
        if self.thread is None:
            return
        sock = self._link.channel.sock
        stop_writing(sock)
        if not isinstance(self._link.close_reason.value, RestartedError):  # the process that could say Bye is gone
            self._is_read_out.wait(LINGER_S)
        wake(sock)
        if self._link.is_dialed and self.thread.ident is not None:
            self.thread.join()

    def _read(self) -> None:
        try:
            self.receiver.run()
            if self.receiver.is_end_of_stream:
                self._link.close_reason.set_once(ClosedError("the other end closed"))
            self._link.outbox.ring()
            self.receiver.drain()
        finally:
            self._is_read_out.set()

    def _write_to_end(self) -> None:
        try:
            self.send_bye(self._sender.run(), BYE)
        finally:
            self.leave()

    def _deliver_unmuted(self, event: Event) -> None:
        with self._lock:
            if not self._is_muted:
                self._deliver(event)


class Receiver:
    """The reading half of a link; used by one thread.

    Args:
        link: the link.
        deliver: takes the messages.
        liveness_timer: on a two-way link it gets the number of frames that the other end has read.
        after_read: called after each read that brought bytes; reading waits while it blocks.

    Attributes:
        is_end_of_stream: the other end ended the stream.
        frames: the frames with a payload that were read and passed on.
        bye: the reason that the other end gave in its Bye, if it sent one.
        error: why reading ended; None at the end of a whole stream.
    """

    def __init__(
        self,
        link: OpenLink,
        deliver: Callable[[Event], None],
        liveness_timer: LivenessTimer,
        after_read: Callable[[], object],
    ) -> None:
        self.is_end_of_stream = False
        self.frames = 0
        self.bye: str | None = None
        self.error: WireError | None = None
        self._link = link
        self._deliver = deliver
        self._liveness_timer = liveness_timer
        self._after_read = after_read

    def run(self) -> None:
        """Deliver every message until the stream ends, or there is a reason to end it."""
        link = self._link
        try:
            self._pass_on(link.early, 0)
            while data := self._read():
                self._pass_on(link.connection.receive(data), len(data))
                self._after_read()
            self.is_end_of_stream = True
            link.connection.receive_end()
        except WireError as error:
            self.error = link.close_reason.set_once(error)
        except Exception:
            logger.exception("! %s: link %s failed", link.peer, link.number)  # the owner must still get its end
            self.error = link.close_reason.set_once(LocalFault("reading it failed"))

    def drain(self) -> None:
        """Read on for the other end's Bye alone, until the stream ends or the socket is shut down.

        To close a socket with unread bytes is a reset, which could overtake this end's Bye.
        """
        try:
            while not self.is_end_of_stream and (data := self._link.channel.read()):
                self._receive_bye(data)
        except (OSError, WireError) as error:
            logger.debug("- %s: link %s: %s", self._link.peer, self._link.number, error)

    def _read(self) -> bytes:
        """Return the bytes that came; b"" only at an end of stream that the other end made."""
        reason = self._link.close_reason
        try:
            data = self._link.channel.read()
        except BlockingIOError:
            raise reason.value or IdleTimeoutError("no byte came for too long") from None
        except OSError as error:  # an error of a write, too: the first call after it gets it
            raise reason.value or failure(error) from error
        if reason.value is not None:
            self._receive_bye(data)
            raise reason.value
        return data

    def _receive_bye(self, data: bytes) -> None:
        for message in self._link.connection.receive(data):
            if isinstance(message, Bye):
                self.bye = printable(message.reason)

    def _pass_on(self, messages: Iterator[object], size: int) -> None:
        meter, frames = self._link.meter, 0
        try:
            for message in messages:
                frames += 1
                self._receive_message(message)
                self.frames += 1
        except RemoteFault as fault:
            meter.add_rejected_frame(fault.reason)
            raise
        finally:
            meter.add_frames("in", frames, size)
            meter.add_received(self._link.peer)

    def _receive_message(self, message: object) -> None:
        link = self._link
        match message:
            case Bye():
                self.bye = printable(message.reason)
            case Heard():
                self._liveness_timer.note_read(message.frames, now_s())
            case UnknownKindError():
                link.meter.add_rejected_frame(message.reason)
            case _:
                self._deliver(
                    MessageReceived(peer=link.peer, number=link.number, message=message, is_dialed=link.is_dialed)
                )


class Sender:
    """The writing half of a link; used by one thread.

    Args:
        link: the link; its outbox is rung when there is a reason to end it.
        receiver: the reading half; what it has read goes with the keepalives of a two-way link.
        liveness_timer: shows when a keepalive is due.
        after_wait: called after each wait for a message, at least once in a keepalive interval; must be quick.
    """

    def __init__(
        self,
        link: OpenLink,
        receiver: Receiver,
        liveness_timer: LivenessTimer,
        after_wait: Callable[[], object],
    ) -> None:
        self._link = link
        self._receiver = receiver
        self._liveness_timer = liveness_timer
        self._after_wait = after_wait
        self._unsendable: set[type] = set()
        self._is_cut_short = False
        link.channel.is_hopeless = self._is_hopeless

    def run(self) -> WireError:
        """Write until there is a reason to end the link; return the reason."""
        reason, outbox = self._link.close_reason, self._link.outbox
        try:
            while reason.value is None:
                message = outbox.take_message(self._liveness_timer.until_keepalive_s(now_s()))
                self._check_worth_writing()
                self._after_wait()
                if message is not None:
                    self._write_waiting(message)
                if not self._liveness_timer.until_keepalive_s(now_s()):
                    self._write(*self._keepalive(), is_control=True)
        except WireError as error:
            return reason.set_once(error)
        except Exception:
            logger.exception("! %s: link %s failed", self._link.peer, self._link.number)  # reading must still end
            return reason.set_once(LocalFault("writing it failed"))
        return reason.value

    def send_bye(self, reason: WireError, bye: str) -> bool:
        """Write a Bye if the other end can still read one; return whether it was written in time.

        Args:
            reason: why the link ends. When this end stops, the waiting messages go first.
            bye: the text of the Bye when this end stops; otherwise the reason is the text.
        """
        is_stopping = isinstance(reason, StoppedError)
        if isinstance(reason, (ClosedError, ResetError, RestartedError)) or not (is_stopping or self._link.is_two_way):
            return False
        if self._is_cut_short:  # a Bye would be read as the rest of a frame
            return False
        try:
            block_writes(self._link.channel.sock, BYE_TIMEOUT_S)
            while is_stopping and (message := self._link.outbox.take_message()) is not None:
                self._write_waiting(message)
            self._write(self._link.connection.close(bye if is_stopping else reason.reason), 1, is_control=True)
        except (OSError, WireError) as error:
            logger.debug("- %s: could not send Bye: %s", self._link.peer, error)
            return False
        return True

    def _is_hopeless(self, stalled_s: float) -> bool:
        """Return whether to give up a write: once the link is to end, only a peer that reads is waited for."""
        return self._link.close_reason.value is not None or self._liveness_timer.is_write_stalled(stalled_s)

    def _write_waiting(self, message: object | None) -> None:
        """Write this message and others that wait, as one chunk; those that cannot be encoded are dropped."""
        link, frames, size = self._link, list[bytes](), 0
        while message is not None:
            try:
                frames.append(link.connection.send(message))
                size += len(frames[-1])
            except EncodeError as error:
                self._note_unsendable(type(message), error)
                link.outbox.drop(message)
            message = link.outbox.take_message() if size < CHUNK_BYTES and len(link.outbox) else None
        if frames:
            self._write(b"".join(frames), len(frames))

    def _note_unsendable(self, kind: type, error: EncodeError) -> None:
        """Log an ERROR once for each kind of message: there may be ten of them a second."""
        level = logging.DEBUG if kind in self._unsendable else logging.ERROR
        self._unsendable.add(kind)
        logger.log(level, "- %s: a message cannot be sent", self._link.peer, error=error)

    def _keepalive(self) -> tuple[bytes, int]:
        """Return a keepalive, and the number of frames in it that the other end counts."""
        if not self._link.is_two_way:
            return self._link.connection.keepalive(), 0
        return self._link.connection.send(Heard(frames=self._receiver.frames)), 1

    def _write(self, data: bytes, frames: int, *, is_control: bool = False) -> None:
        """Write all of it; a link that took only a part of it is useless."""
        self._liveness_timer.note_sent(frames, now_s(), is_keepalive=is_control)
        self._is_cut_short = True
        try:
            self._link.channel.write(data)
        except BlockingIOError:
            raise WriteTimeoutError(f"{len(data)} bytes could not be written in time") from None
        except OSError as error:
            raise failure(error) from error
        self._is_cut_short = False
        self._link.meter.add_frames("out", frames, len(data))
        if not is_control:
            self._link.meter.add_sent(self._link.peer, frames)

    def _check_worth_writing(self) -> None:
        if not self._link.is_two_way:
            self._check_silent()
        elif self._liveness_timer.is_unread(now_s()):
            raise UnreadError("the other end sends but does not read")

    def _check_silent(self) -> None:
        """Raise unless nothing comes: after its Welcome the acceptor of a one-way link sends only its end."""
        try:
            data = self._link.channel.poll()
        except OSError as error:
            raise failure(error) from error
        if data is not None:
            raise OrderError("the acceptor sent data after its Welcome") if data else ClosedError("the acceptor closed")
