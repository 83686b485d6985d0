"""A man in the middle of two nodes: it records their traffic and flips bits."""

import random
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Self

from wire.protocol.frame import HEADER_BYTES
from wire.protocol.handshake import MAGIC

PIECE_BYTES = 65_536


class Cutter:
    """Cuts a stream into its magic and its frames, whatever they hold."""

    def __init__(self) -> None:
        self._held = b""
        self._is_begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the frames that are complete now, with their lengths."""
        self._held += data
        while (size := self._size()) <= len(self._held):
            part, self._held = self._held[:size], self._held[size:]
            self._is_begun = True
            yield part

    def _size(self) -> int:
        first = 0 if self._is_begun else len(MAGIC)
        header = self._held[first : first + HEADER_BYTES]
        if len(header) < HEADER_BYTES:
            return len(self._held) + 1
        return first + HEADER_BYTES + int.from_bytes(header, "big")


class Middle:
    """Carries connections.

    Attributes:
        target: where to.
        address: where to dial.
        records: of each connection, the latest first frames that its dialer said.
        flipping: flip one bit of one frame in each connection: of the first one in the first, and so on.
        flips: how many, by whose and which frame.
    """

    FRAMES = (8, 2)
    RECORDED = 64

    def __init__(self) -> None:
        self.target = ""
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._server.getsockname()[1]}"
        self.records: list[list[bytes]] = []
        self.flipping = False
        self.flips: Counter[str] = Counter()
        self._count = 0
        self._rng = random.Random(1)
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept, name=f"middle-{self.address}")]

    def drop(self) -> None:
        """Close the connections that are carried now."""
        with self._lock:
            carried = list(self._sockets)
        for each in carried:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._threads[0].join()
        self.drop()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                dialer, _ = self._server.accept()
            except OSError:
                return
            host, port = self.target.rsplit(":", 1)
            try:
                acceptor = socket.create_connection((host, int(port)), timeout=5)
            except OSError:
                dialer.close()
                continue
            acceptor.settimeout(None)
            self._carry(dialer, acceptor)

    def _carry(self, dialer: socket.socket, acceptor: socket.socket) -> None:
        record: list[bytes] = []
        which, self._count = divmod(self._count, 2), self._count + 1  # each frame of the one end, then of the other
        self.records = [*self.records[-3:], record]
        with self._lock:
            self._sockets |= {dialer, acceptor}
        both = ((dialer, acceptor, record, "dialer"), (acceptor, dialer, [], "acceptor"))
        self._threads = [self._threads[0], *(each for each in self._threads[1:] if each.is_alive())]
        for place, (source, sink, kept, name) in enumerate(both):
            source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            flipped = which[0] % self.FRAMES[place] if which[1] == place else -1
            thread = threading.Thread(target=self._pump, args=(source, sink, kept, name, flipped), name="pump")
            self._threads.append(thread)
            thread.start()

    def _pump(self, source: socket.socket, sink: socket.socket, record: list[bytes], name: str, flipped: int) -> None:
        cutter, count = Cutter(), 0
        with suppress(OSError):
            while data := source.recv(PIECE_BYTES):
                for part in cutter.feed(data):
                    is_flipped = self.flipping and count == flipped
                    self.flips[f"{name}'s frame {count}"] += is_flipped
                    if len(record) < self.RECORDED:
                        record.append(part)
                    sink.sendall(self._flip(part) if is_flipped else part)
                    count += 1
        for each in (source, sink):
            with self._lock:
                self._sockets.discard(each)
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _flip(self, part: bytes) -> bytes:
        place = self._rng.randrange(8 * len(part))
        changed = bytearray(part)
        changed[place >> 3] ^= 1 << (place & 7)
        return bytes(changed)
