"""Links of clients without the rest of a Client: many of them cost the machine of the nodes little.

One thread reads all links, fifty times a second: the kernel notes when the bytes came (SO_TIMESTAMPNS), so nothing has
to wake up for them. It decodes them when nothing more comes, or after half a second. A link that ends is dialed again
like that of an idle Client: after up to half a second, at random, at one of the addresses.
"""

import random
import selectors
import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue

from elect.clock import now_ns
from elect.observing.observer_messages import LeaderReport, Watch
from elect.observing.observer_settings import ObserverSettings
from wire.io.open_link import OpenLink
from wire.protocol.handshake import Heard
from wire.protocol.wire_errors import WireError
from wire.security.security import PLAIN

REST_S = 0.5
"""As `elect.client.probing`: the longest wait of an idle client before it dials again."""

DIALS_MAX = 16
TURN_S = 0.02
PUT_OFF_S = 0.5
READ_BYTES = 65_536
TIMESTAMPS = 35
"""SO_TIMESTAMPNS of Linux, which the socket module does not name: each read has the time of its last byte with it."""

TIMESTAMP = struct.Struct("qq")
"""Seconds and nanoseconds of the real-time clock."""

ANCILLARY_BYTES = socket.CMSG_SPACE(TIMESTAMP.size)


class BareLink:
    """One client, and the moments at which it first knew of each term."""

    def __init__(self) -> None:
        self.known: dict[int, float] = {}
        self.open: OpenLink | None = None
        self.frames = 0
        self.heard_at = 0.0

    def send(self, message: object) -> None:
        """Write a message, at once."""
        self.open.channel.sock.sendall(self.open.connection.send(message))

    def decode(self, data: bytes, moment: float) -> None:
        """Read the messages in bytes that came at a moment, s of the boot clock."""
        for message in self.open.connection.receive(data):
            self.note(message, moment)

    def note(self, message: object, moment: float) -> None:
        """Note the leader of a term."""
        self.frames += 1
        if isinstance(message, LeaderReport) and message.leader_id:
            self.known.setdefault(message.term, moment)


class BareClients:
    """Clients of a cluster without authentication, on one thread.

    Args:
        count: of the clients.
        cluster: its name.
        addresses: of the nodes.
    """

    def __init__(self, count: int, cluster: str, addresses: list[str]) -> None:
        self.links = [BareLink() for _ in range(count)]
        self._settings = ObserverSettings(endpoints=addresses, cluster=cluster, name="bench")
        self._selector = selectors.DefaultSelector()
        self._opened: SimpleQueue[BareLink] = SimpleQueue()
        self._backlog: list[tuple[BareLink, float, bytes]] = []
        self._pool = ThreadPoolExecutor(DIALS_MAX)
        for link in self.links:
            self._pool.submit(self._dial, link)
        threading.Thread(target=self._run, daemon=True).start()

    def _dial(self, link: BareLink, place: int = 0) -> None:
        addresses = self._settings.addresses
        try:
            link.open = self._settings.dialing("", PLAIN).dial(addresses[place % len(addresses)], lambda: 1)
            link.frames = 0
            link.send(Watch(elections=("default",)))
        except (WireError, OSError):
            self._dial_later(link, place + 1)
        else:
            self._opened.put(link)

    def _dial_later(self, link: BareLink, place: int) -> None:
        """Dial after a rest; meanwhile others use the threads of the pool."""
        timer = threading.Timer(random.uniform(0, REST_S), self._pool.submit, (self._dial, link, place))
        timer.daemon = True
        timer.start()

    def _run(self) -> None:
        worked_at = time.monotonic()
        while True:
            self._admit()
            time.sleep(TURN_S)
            events = self._selector.select(0)
            for key, _ in events:
                self._read(key.data)
            if not events or time.monotonic() - worked_at > PUT_OFF_S:
                self._work()
                worked_at = time.monotonic()

    def _admit(self) -> None:
        try:
            while True:
                link = self._opened.get_nowait()
                for message in link.open.early:
                    link.note(message, now_ns() / 1e9)
                link.open.channel.sock.settimeout(0)
                link.open.channel.sock.setsockopt(socket.SOL_SOCKET, TIMESTAMPS, 1)
                self._selector.register(link.open.channel.sock, selectors.EVENT_READ, link)
        except Empty:
            return

    def _read(self, link: BareLink) -> None:
        try:
            data, ancillary, _, _ = link.open.channel.sock.recvmsg(READ_BYTES, ANCILLARY_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data, ancillary = b"", []
        if data:
            self._backlog.append((link, _arrival_s(ancillary), data))
        else:
            self._end(link)

    def _end(self, link: BareLink) -> None:
        self._selector.unregister(link.open.channel.sock)
        self._backlog = [each for each in self._backlog if each[0] is not link]
        link.open.channel.sock.close()
        self._dial_later(link, random.randrange(len(self._settings.addresses)))

    def _work(self) -> None:
        """Decode what has come, and send signs of life."""
        for link, moment, data in self._backlog:
            try:
                link.decode(data, moment)
            except WireError:  # a Bye: the end follows
                continue
        self._backlog.clear()
        now = time.monotonic()
        for key in list(self._selector.get_map().values()):
            link = key.data
            if now - link.heard_at >= 1.0:
                link.heard_at = now
                try:
                    link.send(Heard(frames=link.frames))
                except (OSError, WireError):
                    continue


def _arrival_s(ancillary: list[tuple[int, int, bytes]]) -> float:
    """Return when the last byte of a read came, s of the boot clock; now if the kernel does not tell."""
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, TIMESTAMPS):
            seconds, nanoseconds = TIMESTAMP.unpack(data)
            return (now_ns() - (time.time_ns() - seconds * 10**9 - nanoseconds)) / 1e9
    return now_ns() / 1e9
