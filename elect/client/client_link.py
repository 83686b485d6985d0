"""ClientLink: one dial of a node, and the link that comes of it. One thread dials, and then reads.

Nothing ends the lookup of a name. So `end` never waits for the thread, which may be left behind in a lookup; it closes
its socket when it goes on.

Source: FORMAT.md, section 13.7.
"""

import socket
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from elect.client.endpoints import ProbeTarget
from elect.clock import NS_PER_S, now_ns
from elect.observing.observer_messages import LeaderReport, MembersReport, ObserverReport, Watch
from wire.common.deadline import now_s
from wire.common.log import Log
from wire.common.reported_thread import ReportedThread
from wire.io.open_link import CloseReason, OpenLink
from wire.io.sockets import block_reads, block_writes, has_input, shut, stop_reading, wake
from wire.links.connect import Dialing
from wire.protocol.handshake import Bye, Heard
from wire.protocol.identity import printable
from wire.protocol.wire_errors import (
    CertificateError,
    ClosedError,
    CredentialsError,
    IdleTimeoutError,
    LocalFault,
    MagicError,
    ProofError,
    Refusal,
    ResetError,
    StoppedError,
    TlsError,
    WireError,
    WriteTimeoutError,
)

logger = Log(__name__)

WRITE_S = 0.001
"""For a Watch, at most 4 kB, or a Heard: a buffer that has no room for these is that of a node that reads nothing. A
call waits for it, so the time is short."""


HELD_UP = 1.5
"""Keepalive intervals without a look at a link after which this process was stopped: a read takes one at most."""

_FINAL = (CertificateError, CredentialsError, MagicError, ProofError, TlsError)


def is_final(error: WireError) -> bool:
    """Return whether a retry fails, too, until somebody changes a setting, a key or a certificate."""
    return isinstance(error, _FINAL) or (isinstance(error, Refusal) and not error.is_retryable)


class LinkOwner(Protocol):
    """The methods that the thread of a link calls."""

    def note_opened(self, link: "ClientLink") -> None:
        """The handshake is over; the node of the link is known."""

    def receive(self, link: "ClientLink", report: ObserverReport, waited_ns: int) -> None:
        """A report came; it may have waited for this time, as this process was stopped."""

    def note_tick(self, link: "ClientLink") -> None:
        """The link is open; about once a second."""

    def note_ended(self, link: "ClientLink", error: WireError) -> None:
        """The thread ends: there is no link, or no longer."""


class ClientLink:
    """A link of kind `client`.

    Args:
        target: the place to dial.
        dialing: the parameters of the dial.
        owner: gets the reports.
        elections: the names of those to watch.

    Attributes:
        target: the place.
        node_id: the id of the node that answered; empty: none yet.
    """

    def __init__(self, target: ProbeTarget, dialing: Dialing, owner: LinkOwner, elections: Iterable[str]) -> None:
        self.target = target
        self.node_id = ""
        self._dialing = replace(dialing, to=target.to, watch=self._guard)
        self._owner = owner
        self._elections = tuple(elections)
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._open: OpenLink | None = None
        self._reason = CloseReason()
        self._drained_ns = 0
        self._was_held_up = False
        self._thread = ReportedThread(self._run, name="elect-client")

    @property
    def is_in_lookup(self) -> bool:
        """Return whether the thread has no socket yet: the name is being looked up."""
        return self._socket is None

    @property
    def is_running(self) -> bool:
        """Return whether the thread lives; a signal in `start` may have kept it from its first step for good."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin to dial.

        Raises:
            RuntimeError: there is no thread.
        """
        self._thread.start()

    def watch(self, elections: Iterable[str]) -> None:
        """Ask for these elections; the node reports all of them anew. Waits for WRITE_S at most."""
        with self._lock:
            self._elections = tuple(elections)
            if self._open is not None and self._reason.value is None:
                self._write(self._open, Watch(elections=self._elections))

    def end(self, reason: WireError) -> None:
        """End the dial or the link, without waiting."""
        reason = self._reason.set_once(reason)
        if self._socket is None:
            return
        if self._open is not None and isinstance(reason, StoppedError):
            stop_reading(self._socket)  # the thread writes a Bye first
        else:
            wake(self._socket)

    def join(self, timeout_s: float) -> bool:
        """Wait for the end of the thread; return whether it has ended."""
        if self._thread is not threading.current_thread():
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _guard(self, sock: socket.socket) -> None:
        self._socket = sock
        if self._reason.value is not None:
            raise OSError("it was given up")

    def _run(self) -> None:
        error: WireError = LocalFault("the dial failed")
        try:
            error = self._serve()
        except WireError as raised:
            error = raised
        except OSError as raised:
            error = ResetError(str(raised))
        except Exception:
            logger.exception("! the link to %s failed", self.target.address)  # the owner must still get its end
        finally:
            self._owner.note_ended(self, self._reason.value or error)

    def _serve(self) -> WireError:
        link = self._dialing.dial(self.target.address, lambda: 1)  # the only link of its id
        try:
            self._enter(link)
            return self._read(link)
        finally:
            with self._lock:
                self._open = None
                if self._reason.value is None or isinstance(self._reason.value, StoppedError):
                    with suppress(OSError, WireError):
                        link.channel.write(link.connection.close("stopping"))
                shut(link.channel.sock)

    def _enter(self, link: OpenLink) -> None:
        """Send the first Watch, and begin to take others."""
        block_reads(link.channel.sock, link.limits.keepalive_interval_s)
        block_writes(link.channel.sock, WRITE_S)
        self.node_id = link.identity.node
        self._owner.note_opened(self)
        with self._lock:
            self._open = link
            self._write(link, Watch(elections=self._elections))

    def _read(self, link: OpenLink) -> WireError:
        """Read until there is a reason to end."""
        limits, frames, quiet = link.limits, 0, 0
        quiet_max = round(limits.idle_timeout_s / limits.keepalive_interval_s)
        due_s = now_s() + limits.keepalive_interval_s
        messages = link.early
        self._drained_ns = now_ns()
        while not self._is_given_up():
            for message in messages:
                self._receive(message, int(HELD_UP * limits.keepalive_interval_s * NS_PER_S))
                frames += 1
            self._note_drained(link)
            if now_s() >= due_s:
                due_s = now_s() + limits.keepalive_interval_s
                with self._lock:
                    self._write(link, Heard(frames=frames))
                self._owner.note_tick(self)
            try:
                data = link.channel.read()
            except BlockingIOError:  # nothing came for a keepalive interval
                quiet += 1
                if quiet >= quiet_max:
                    return IdleTimeoutError(f"nothing came for {limits.idle_timeout_s:g} s")
                messages = iter(())
                continue
            if self._is_given_up():
                break
            if not data:
                link.connection.receive_end()
                return ClosedError("the other end closed")
            quiet = 0
            messages = link.connection.receive(data)
        return ClosedError("this end closed")

    def _is_given_up(self) -> bool:
        return self._reason.value is not None

    def _note_drained(self, link: OpenLink) -> None:
        """Note that nothing waits on the link, if so. If something had waited, have it reported anew."""
        now = now_ns()  # before the look
        if has_input(link.channel.sock):
            return
        self._drained_ns = now
        if self._was_held_up:
            self._was_held_up = False
            with self._lock:
                self._write(link, Watch(elections=self._elections))

    def _receive(self, message: object, held_up_ns: int) -> None:
        match message:
            case LeaderReport() | MembersReport():
                waited_ns = now_ns() - self._drained_ns
                is_held_up = waited_ns > held_up_ns
                self._was_held_up = self._was_held_up or is_held_up
                self._owner.receive(self, message, waited_ns if is_held_up else 0)
            case Bye():
                raise ClosedError(f"the other end closed: {printable(message.reason)}")
            case _:  # Heard, or a kind of a later version
                pass

    def _write(self, link: OpenLink, message: Watch | Heard) -> None:
        """Write a message, under the lock, as frames are counted. A link that takes no more is ended."""
        try:
            link.channel.write(link.connection.send(message))
        except BlockingIOError:
            self.end(WriteTimeoutError("the node reads nothing"))
        except (OSError, WireError) as error:
            self.end(error if isinstance(error, WireError) else ResetError(str(error)))
