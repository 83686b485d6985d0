"""Listeners of `/events` that read and forget what they read."""

import selectors
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

READ_BYTES = 1 << 16
OPEN_TIMEOUT_S, RETRY_S, PAUSE_S = 30.0, 0.05, 0.2

REQUEST = b"GET /events HTTP/1.0\r\nHost: localhost\r\n\r\n"


class EventReaders:
    """Some listeners for each address, read by one thread.

    Attributes:
        received: the bytes that came.
    """

    def __init__(self) -> None:
        self.received = 0
        self._selector = selectors.DefaultSelector()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._read, name="event-readers")

    def open(self, address: str, count: int) -> None:
        """Open that many, one after the other; each has its first bytes when this returns."""
        for _ in range(count):
            self._selector.register(_listen(address), selectors.EVENT_READ)

    def start(self) -> None:
        """Read from now on."""
        self._thread.start()

    def close(self) -> None:
        """Close all."""
        self._is_over.set()
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()
        self._selector.close()

    def _read(self) -> None:
        while not self._is_over.wait(PAUSE_S):  # a browser has a machine of its own: this one reads rarely
            for key, _ in self._selector.select(0):
                data = _receive(key.fileobj)
                self.received += len(data)
                if not data:
                    self._selector.unregister(key.fileobj)
                    key.fileobj.close()


def _listen(address: str) -> socket.socket:
    """Return a listener's socket; a node that is busy with requests is asked again."""
    host, _, port = address.rpartition(":")
    ends_at = time.monotonic() + OPEN_TIMEOUT_S
    while True:
        opened = socket.create_connection((host, int(port)), OPEN_TIMEOUT_S)
        opened.sendall(REQUEST)
        if b"200 OK" in _receive(opened):
            return opened
        opened.close()
        if time.monotonic() > ends_at:
            raise ConnectionError(f"{address} lets no listener in")
        time.sleep(RETRY_S)


def _receive(sock: socket.socket) -> bytes:
    try:
        return sock.recv(READ_BYTES)
    except OSError:
        return b""


@contextmanager
def reading(addresses: Iterable[str], count: int) -> Iterator[EventReaders]:
    """Have `count` listeners at each address."""
    readers = EventReaders()
    for address in addresses:
        readers.open(address, count)
    readers.start()
    try:
        yield readers
    finally:
        readers.close()
        time.sleep(0.1)
