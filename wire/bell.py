"""Wakes the one thread that waits for a socket, for a while, or for word from another thread."""

import math
import os
import select
import socket
import threading

from wire.deadline import Deadline

_MS_PER_S = 1_000


class Bell:
    """A pipe that a thread polls together with its socket.

    A condition variable can't be waited for together with a socket. Any thread rings or stops; one waits, and closes.

    Attributes:
        is_stopped: the waiting thread is asked to end.
    """

    def __init__(self) -> None:
        self.is_stopped = False
        self._lock = threading.Lock()
        self._is_rung = False
        self._is_closed = False
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._poll = select.poll()
        self._poll.register(self._read, select.POLLIN)

    def ring(self) -> None:
        """End the current wait, or the next one at once."""
        with self._lock:
            if not (self._is_rung or self._is_closed):
                self._is_rung = True
                os.write(self._write, b"\0")

    def stop(self) -> None:
        """Ring for the last time."""
        self.is_stopped = True
        self.ring()

    def wait(self, timeout_s: float, sock: socket.socket | None = None, events: int = 0) -> int:
        """Wait for the bell, the time or the socket; what the socket is ready for, 0 when it isn't."""
        if sock is not None:
            self._poll.register(sock, events)
        try:
            ready = dict(self._poll.poll(math.ceil(timeout_s * _MS_PER_S)))
        finally:
            if sock is not None:
                self._poll.unregister(sock)
        if ready.pop(self._read, 0):
            self._silence()
        return next(iter(ready.values()), 0)

    def await_socket(self, deadline: Deadline, sock: socket.socket, events: int) -> bool:
        """Wait for the socket, whatever rings; False when the time is over, or on stop."""
        while not self.is_stopped and not deadline.is_over:
            if self.wait(deadline.remaining_s, sock, events):
                return True
        return False

    def close(self) -> None:
        """Give the pipe back; ringing is silent from now on."""
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                os.close(self._read)
                os.close(self._write)

    def abandon(self) -> None:
        """In a forked child: give back the copy of the pipe. Without the old lock: its holder may not exist here."""
        self._lock = threading.Lock()
        self.close()

    def _silence(self) -> None:
        # Before the waiting thread looks at what it was called for: what comes after that look rings again.
        with self._lock:
            os.read(self._read, 64)
            self._is_rung = False
