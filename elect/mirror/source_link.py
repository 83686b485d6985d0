"""SourceLink: one dial of a node of the source, and the link that comes of it, on the thread that calls `run`.

Source: FORMAT.md, sections 7.2 and 13.8.
"""

import socket
import threading
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from elect.mirror.mirror_machine import SourceProblem
from elect.observing.mirror_messages import RefusalCode
from wire.common.deadline import now_s
from wire.common.log import Log
from wire.io.open_link import CloseReason, OpenLink
from wire.io.sockets import block_reads, block_writes, shut, wake
from wire.links.connect import Dialing
from wire.protocol.address import Address
from wire.protocol.handshake import Bye, Heard
from wire.protocol.identity import printable
from wire.protocol.wire_errors import (
    ClosedError,
    IdleTimeoutError,
    OrderError,
    Refusal,
    RejectCode,
    ResetError,
    StoppedError,
    UnknownKindError,
    WireError,
)

logger = Log(__name__)

WAIT_MIN_S = 0.001
"""The shortest wait for bytes; 0 would be without end."""

WRITE_S = 0.5
"""A mirror sends some small messages in a second: a buffer without room for one is that of a dead source."""

_HARD = {RejectCode.CLUSTER: RefusalCode.OTHER_CLUSTER, RejectCode.VERSION: RefusalCode.OTHER_VERSION}
"""The refusals of a handshake that are also those of a source."""


class LinkUser(Protocol):
    """The owner of the link; all its methods are called by `run`. Each may raise to end the link."""

    def begin(self, node_id: str) -> object:
        """Return the first message; the link to this node is open."""

    def receive(self, message: object) -> None:
        """Take a message of the source."""

    def work(self) -> tuple[object | None, float]:
        """Do what is due; return a message to send or None, and the seconds to wait for bytes."""


class SourceLink:
    """One link.

    Args:
        address: of the node.
        dialing: the parameters of the dial.
        user: gets the messages.
    """

    def __init__(self, address: Address, dialing: Dialing, user: LinkUser) -> None:
        self.address = address
        self._dialing = replace(dialing, watch=self._guard)
        self._user = user
        self._lock = threading.RLock()  # a signal handler may end a link that its thread is ending
        self._socket: socket.socket | None = None
        self._reason = CloseReason()

    def run(self) -> None:
        """Dial and serve the link until it ends.

        Raises:
            SourceProblem: the source refuses this end, or broke the order of its messages.
            WireError: there is no link, or it ended.
            StoreError: what came could not be stored.
        """
        try:
            link = self._dialing.dial(self.address, lambda: 1)  # the only link of its id
        except Refusal as refusal:
            if refusal.code in _HARD:
                raise SourceProblem(_HARD[refusal.code], refusal.text) from refusal
            raise
        try:
            self._serve(link)
        except OSError as error:
            raise self._reason.value or ResetError(str(error)) from error
        finally:
            with self._lock:
                self._socket = None
            with suppress(OSError, WireError):
                link.channel.write(link.connection.close("stopping"))
            shut(link.channel.sock)

    def end(self, reason: WireError) -> None:
        """End the dial or the link, from any thread, without waiting. Nothing ends the lookup of a name."""
        self._reason.set_once(reason)
        with self._lock:
            if self._socket is not None:
                wake(self._socket)

    @property
    def is_in_lookup(self) -> bool:
        """Whether it has no socket yet, or no longer."""
        return self._socket is None

    def _guard(self, sock: socket.socket) -> None:
        with self._lock:
            self._socket = sock
        if self._reason.value is not None:
            raise OSError("it was given up")

    def _why_ended(self) -> WireError | None:
        return self._reason.value

    def _serve(self, link: OpenLink) -> None:
        """Read and write until there is a reason to end; raise it."""
        limits, frames = link.limits, 0
        block_writes(link.channel.sock, WRITE_S)
        link.channel.write(link.connection.send(self._user.begin(link.identity.node)))
        heard_s = now_s() + limits.keepalive_interval_s
        read_s = now_s()
        messages = link.early
        while True:
            for message in messages:
                frames += 1
                self._receive(message)
            answer, wait_s = self._user.work()
            reason = self._why_ended()
            if reason is not None:
                raise reason
            if answer is not None:
                link.channel.write(link.connection.send(answer))
            if now_s() >= heard_s:
                heard_s = now_s() + limits.keepalive_interval_s
                link.channel.write(link.connection.send(Heard(frames=frames)))
            block_reads(link.channel.sock, max(WAIT_MIN_S, min(wait_s, heard_s - now_s())))
            messages = iter(())
            try:
                data = link.channel.read()
            except BlockingIOError:  # nothing came in that time
                if now_s() - read_s >= limits.idle_timeout_s:
                    raise IdleTimeoutError(f"nothing came for {limits.idle_timeout_s:g} s") from None
                continue
            if not data:
                link.connection.receive_end()
                raise self._why_ended() or ClosedError("the source closed the link")
            read_s = now_s()
            messages = link.connection.receive(data)

    def _receive(self, message: object) -> None:
        match message:
            case Heard() | UnknownKindError():
                pass
            case Bye(reason=StoppedError.reason):
                raise ClosedError("the source stops")
            case Bye(reason=OrderError.reason):
                raise SourceProblem(RefusalCode.NOT_OBSERVER, "it says that this end sent what a mirror must not")
            case Bye():
                raise ClosedError(f"the source closed the link: {printable(message.reason)}")
            case _:
                self._user.receive(message)
