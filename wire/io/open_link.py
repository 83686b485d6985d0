"""An open link as a value, with the reason for its end, and the bytes of its socket in the clear.

`wire.io.tls_channel` has the bytes under TLS, and `wire.io.link_runner` runs the link.
"""

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from wire.common.deadline import Deadline
from wire.io.link_events import LinkAccepted
from wire.io.meter import Meter
from wire.io.outbox import Outbox
from wire.io.sockets import write_all
from wire.protocol.connection import Connection
from wire.protocol.handshake import HELLO_BYTES_MAX
from wire.protocol.identity import LinkNumber, PeerIdentity
from wire.protocol.limits import Limits
from wire.protocol.wire_errors import WireError

READ_BYTES = 65_536
"""The default longest payload: a read takes a frame of any usual length at once."""

LEAST_S = 1e-3
"""The shortest timeout: 0 would mean not to block."""


class Channel:
    """The bytes of a connected socket, in the clear.

    One thread may read while another one writes. `block_reads` and `block_writes` of `wire.io.sockets` say for how
    long.

    Attributes:
        sock: the socket.
        is_silent: no byte came yet.
        received: the number of bytes that `read` took from the socket, those of TLS among them.
        is_hopeless: see `write_all`.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.is_silent = True
        self.received = 0
        self.is_hopeless: Callable[[float], bool] = lambda _: True

    def shake_hands(self, deadline: Deadline) -> None:
        """Do the handshake of TLS; in the clear there is none. It is called once, before anything else.

        Raises:
            TimeoutError: the whole handshake took too long.
            OSError: the socket failed.
            RemoteFault: the other end broke the rules of TLS, or its certificate is not accepted.
        """

    def review(self, node: str, cluster: str) -> None:
        """Raise Refusal unless the other end's certificate is this node's; in the clear there is none."""

    def read(self, bytes_max: int = READ_BYTES) -> bytes:
        """Return bytes that came, about as many as `bytes_max` at most; b"" at the end of the stream."""
        data = self.sock.recv(bytes_max)
        self.received += len(data)
        return data

    def read_before(self, deadline: Deadline) -> bytes:
        """Return the bytes that came before the deadline; raise TimeoutError if none did."""
        if deadline.is_over:  # otherwise a byte now and then would extend it
            raise TimeoutError
        self.sock.settimeout(deadline.remaining_s or LEAST_S)
        data = self.sock.recv(HELLO_BYTES_MAX)
        self.is_silent = self.is_silent and not data
        return data

    def write(self, data: bytes) -> None:
        """Write all of the data; raise BlockingIOError if that is given up."""
        write_all(self.sock, self.seal(data), self.is_hopeless)

    def seal(self, data: bytes) -> bytes:
        """Return the bytes for the socket that carry this data; all of them must be sent, in this order."""
        return data

    def poll(self) -> bytes | None:
        """Return the bytes that are there, b"" at the end of the stream, or None; never block."""
        try:
            return self.sock.recv(1, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None


class CloseReason:
    """The first of the reasons that any thread gives for the end of a link.

    Attributes:
        value: that reason; None before there is one.
    """

    def __init__(self) -> None:
        self.value: WireError | None = None
        self._lock = threading.RLock()  # a signal handler that closes a client may interrupt its holder

    def set_once(self, reason: WireError) -> WireError:
        """Return the reason for the end: this one, unless another one came first."""
        with self._lock:
            self.value = self.value or reason
            return self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLink:
    """A link after its handshake, at either end.

    Attributes:
        channel: the bytes of its socket.
        connection: this end of its protocol.
        peer: the other end's id.
        number: the dialing end's number for it.
        identity: the identity that the other end shows.
        is_trusted: both ends see the same two addresses.
        local: this end's address, as this end sees it.
        remote: the other end's address, as this end sees it.
        is_dialed: this end dialed it.
        is_two_way: both ends send; otherwise only the dialer does.
        early: the messages that came with the last bytes of the handshake.
        outbox: the messages that wait to be sent.
        limits: the bounds.
        meter: counts what is sent and received.
        close_reason: why it ends.
    """

    channel: Channel
    connection: Connection
    peer: str
    number: LinkNumber
    identity: PeerIdentity
    is_trusted: bool
    local: str
    remote: str
    is_dialed: bool
    is_two_way: bool
    early: Iterator[object]
    outbox: Outbox
    limits: Limits
    meter: Meter
    close_reason: CloseReason = field(default_factory=CloseReason)

    def accepted(self, kind: str) -> LinkAccepted:
        """Return the event that says that this link was accepted, from a peer of this kind."""
        return LinkAccepted(
            peer=self.peer,
            number=self.number,
            kind=kind,
            identity=self.identity,
            is_trusted=self.is_trusted,
            local=self.local,
            remote=self.remote,
        )
