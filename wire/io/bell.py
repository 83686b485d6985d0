"""Bell: wakes a thread that waits in a selector."""

import contextlib
import socket
import threading

from wire.io.sockets import own_socket


class Bell:
    """A pair of sockets that holds at most one byte, however often other threads ring.

    Raises:
        OSError: there is no descriptor.

    Attributes:
        sock: readable after a ring; for the selector of the thread.
    """

    def __init__(self) -> None:
        hearing, ringing = socket.socketpair()
        self.sock, self._ringing = own_socket(hearing), own_socket(ringing)
        for each in (self.sock, self._ringing):
            each.settimeout(0)
        self._lock = threading.Lock()
        self._is_rung = self._is_closed = False

    def ring(self) -> None:
        """Wake the thread, from any thread; never blocks."""
        with self._lock:  # a closed socket's number may be another one's by now
            if not (self._is_rung or self._is_closed):
                self._is_rung = True
                with contextlib.suppress(BlockingIOError):
                    self._ringing.send(b"\0")

    def hear(self) -> None:
        """Note that the thread is awake; what it looks at after this call, it does not miss."""
        with contextlib.suppress(BlockingIOError):
            self.sock.recv(64)
        self._is_rung = False

    def close(self) -> None:
        """Close both sockets; a later ring does nothing."""
        with self._lock:
            self._is_closed = True
            self.sock.close()
            self._ringing.close()
