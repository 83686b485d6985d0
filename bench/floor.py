"""Measure the parts of a failover alone: the least time that this machine needs for one.

- Kill to end of stream: from SIGKILL of a process that imported elect until a peer's `recv` returns.
- Round trip: 100 bytes and back between two processes over loopback TCP.
- Durable write: one ballot in one transaction of the store.

The floor of a failover is kill to end of stream + 1 round trip + 1 durable write: a survivor sees that the leader has
ended, asks another node for its vote, and has the answer. The vote is on disk before it is answered.

Usage: python bench/floor.py
"""

import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from elect.core.ready import Ballot
from elect.storage.sqlite import SqliteStore

PEER = """
import socket, sys
import elect
link = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
while data := link.recv(4096):
    link.sendall(data)
"""


@dataclass(frozen=True)
class Floor:
    """The medians of the three parts, in seconds."""

    kill_to_end: float
    round_trip: float
    durable_write: float

    @property
    def failover(self) -> float:
        """Return the floor of a failover after a crash."""
        return self.kill_to_end + self.round_trip + self.durable_write

    def __str__(self) -> str:
        return (
            f"floor {1e3 * self.failover:.2f} ms = kill to end of stream {1e3 * self.kill_to_end:.2f}"
            f" + round trip {1e3 * self.round_trip:.3f} + durable write {1e3 * self.durable_write:.2f}"
        )


@contextmanager
def peer_process() -> Iterator[tuple[subprocess.Popen[bytes], socket.socket]]:
    """Start a process that echoes on one connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        process = subprocess.Popen([sys.executable, "-c", PEER, str(port)])
        try:
            link, _ = server.accept()
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with link:
                yield process, link
        finally:
            process.kill()
            process.wait()


def kill_to_end() -> float:
    """Return the seconds from one kill to the end of stream."""
    with peer_process() as (process, link):
        link.sendall(b"ready?")
        link.recv(4096)
        start = time.perf_counter()
        process.send_signal(signal.SIGKILL)
        while link.recv(4096):
            pass
        return time.perf_counter() - start


def round_trip(count: int) -> float:
    """Return the median of `count` round trips, s."""
    taken = []
    with peer_process() as (_, link):
        for _ in range(count):
            start = time.perf_counter()
            link.sendall(b"x" * 100)
            received = 0
            while received < 100:
                received += len(link.recv(4096))
            taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def durable_write(count: int, directory: str) -> float:
    """Return the median of `count` ballots, each in its own transaction, s."""
    taken = []
    store = SqliteStore(f"{directory}/floor")
    store.open(cluster="floor", node_id="a", promise_ns=1)
    for term in range(1, count + 1):
        start = time.perf_counter()
        store.write({"default": Ballot(term=term, voted_for="a")}, None)
        taken.append(time.perf_counter() - start)
    store.close()
    return statistics.median(taken)


def measure(kills: int = 11, count: int = 500) -> Floor:
    """Measure the three parts of a failover."""
    with tempfile.TemporaryDirectory() as directory:
        write = durable_write(count, directory)
    end = statistics.median(kill_to_end() for _ in range(kills))
    return Floor(kill_to_end=end, round_trip=round_trip(count), durable_write=write)


if __name__ == "__main__":
    print(measure())
