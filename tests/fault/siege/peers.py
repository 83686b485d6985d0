"""A voter that the cluster knows, and that has gone bad: it is let in, and does what it likes."""

import functools
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress

from elect.core.membership import Configuration
from elect.core.messages import ENTRIES_MAX, SUPPORTS_MAX, Batch, Heartbeat, Knowledge, Known, Standing, Vote
from tests.fault.siege.field import ABSENT, CLUSTER, Field
from tests.fault.siege.strangers import connect, greeting
from wire.codec import Codec
from wire.connection import Connection
from wire.frame import frame
from wire.handshake import Bye, Hello, welcome
from wire.identity import Identity, LinkNumber
from wire.sockets import views

CODEC = Codec(Heartbeat, Batch, Knowledge)
FRAME_BYTES_MAX = 65_536
CONFIGURATION = Configuration.initial(frozenset({"a", "b", "c", ABSENT})).id


def at_every_node(ground: Field, work: Callable[[str, Counter[str]], None]) -> Counter[str]:
    """Do it at all nodes at once; what was done in all."""
    done = {node: Counter[str]() for node in ground.live}
    threads = [threading.Thread(target=work, args=(node, done[node]), name=f"bad-{node}") for node in ground.live]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done.values(), Counter())


def never_reads(ground: Field, seconds: float) -> Counter[str]:
    """The absent voter takes every node's link, and reads nothing after the Hello."""
    done: Counter[str] = Counter()
    held: list[socket.socket] = []
    deadline = time.monotonic() + seconds
    with socket.create_server(ground.address(ABSENT), backlog=64) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        server.settimeout(0.2)
        while time.monotonic() < deadline:
            with suppress(OSError):
                sock, _ = server.accept()
                held.append(sock)
                sock.settimeout(2)
                done["links taken"] += _welcome(sock)
    for sock in held:
        sock.close()
    return done


def _welcome(sock: socket.socket) -> bool:
    connection = Connection(CODEC.extended(Bye), FRAME_BYTES_MAX, is_dialer=False)
    local, remote = views(sock)
    identity = Identity(cluster=CLUSTER, node=ABSENT, incarnation=1, store=b"d" * 16)
    for said in connection.receive(sock.recv(8_192)):
        if isinstance(said, Hello):
            sock.sendall(connection.accept(welcome(identity, said, local=local, remote=remote)))
            return True
    return False


def largest_frames(ground: Field, seconds: float) -> Counter[str]:
    """The absent voter dials every node, and says as much as it can in the longest frames there may be."""
    _others()
    deadline = time.monotonic() + seconds

    def flood(node: str, done: Counter[str]) -> None:
        for counter in range(1, 1_000_000):
            if time.monotonic() >= deadline:
                return
            try:
                _flood_once(ground, node, counter, deadline, done)
            except OSError:
                done["links ended by the node"] += 1
                time.sleep(0.05)

    return at_every_node(ground, flood)


def _flood_once(ground: Field, node: str, counter: int, deadline: float, done: Counter[str]) -> None:
    with connect(ground.address(node)) as sock:
        sock.sendall(greeting(ABSENT, node, LinkNumber(1, counter)))
        if not sock.recv(8_192):
            raise OSError("not let in")
        done["links"] += 1
        for said in largest():
            if time.monotonic() >= deadline:
                return
            sock.sendall(said)
            done["frames"] += 1
            done["bytes"] += len(said)


def largest() -> Iterator[bytes]:
    """As much as there may be in a frame, of every kind; one kind is unknown, and as long as a frame may be."""
    yield frame(CODEC.encode(_beating()), FRAME_BYTES_MAX)
    for number in range(1, 2**31):
        yield frame(CODEC.encode(_knowing(number)), FRAME_BYTES_MAX)
        yield from _others()


@functools.cache
def _others() -> tuple[bytes, ...]:
    votes = tuple(Vote(election=f"{place:064}", term=1, offset=0) for place in range(ENTRIES_MAX))
    batch = Batch(configuration=CONFIGURATION, entries=votes)
    said = (CODEC.encode(message) for message in (batch, _beating()))
    unknown = b"\x82\x65other\x59\xff\xf0"
    return tuple(frame(each, FRAME_BYTES_MAX) for each in (*said, unknown.ljust(len(unknown) + 0xFFF0, b"x")))


def _knowing(number: int) -> Knowledge:
    names = (f"{place:064}" for place in range(ENTRIES_MAX))
    entries = tuple(Known(election=name, term=1, leader=ABSENT, incarnation=1) for name in names)
    return Knowledge(number=number, whole=False, entries=entries)


def _beating() -> Heartbeat:
    return Heartbeat(
        sent=1,
        duration=10**9,
        ack=None,
        supports=tuple(f"{place:064}" for place in range(SUPPORTS_MAX)),
        standing=Standing(),
        configuration=CONFIGURATION,
    )
