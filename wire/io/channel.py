"""A socket's bytes as a connection sends and receives them, in the clear; `wire.io.tls_channel` has TLS."""

import socket
from collections.abc import Callable

from wire.common.deadline import Deadline
from wire.io.sockets import write_all
from wire.protocol.handshake import HELLO_BYTES_MAX

READ_BYTES = 65_536

LEAST_S = 1e-3
"""A timeout of 0 would mean: don't block."""


class Channel:
    """A connected socket.

    One thread may read while another one writes. How long that may block is the socket's affair (`wire.io.sockets`).

    Attributes:
        sock: the socket.
        is_silent: not a byte came yet.
        is_hopeless: whether to give up a write, after so many seconds in which nothing was taken (see `write_all`).
    """

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.is_silent = True
        self.is_hopeless: Callable[[float], bool] = lambda _: True

    def shake_hands(self, deadline: Deadline) -> None:
        """Agree on what keeps the bytes private; in the clear, nothing. Once, and before anything else.

        Raises:
            TimeoutError: it was not done in time, as a whole.
            OSError: the socket failed.
            RemoteFault: the other end is not one to talk to.
        """

    def review(self, node: str, cluster: str) -> None:
        """Refusal unless the other end has proved to be this node; in the clear nobody proves anything."""

    def read(self) -> bytes:
        """What came; b"" at the end of the stream."""
        return self.sock.recv(READ_BYTES)

    def read_before(self, deadline: Deadline) -> bytes:
        """What came before the deadline; TimeoutError when nothing did."""
        if deadline.is_over:  # each byte of a dribble would be in time
            raise TimeoutError
        self.sock.settimeout(deadline.remaining_s or LEAST_S)
        data = self.sock.recv(HELLO_BYTES_MAX)
        self.is_silent = self.is_silent and not data
        return data

    def write(self, data: bytes) -> None:
        """Write all of it; a time out is one without progress."""
        write_all(self.sock, data, self.is_hopeless)

    def poll(self) -> bytes | None:
        """What is there to be read, b"" at the end of the stream; None when nothing is, at once."""
        try:
            return self.sock.recv(1, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None
