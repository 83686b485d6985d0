"""A known voter that attacks: its links are accepted."""

import functools
import itertools
import selectors
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from elect.clock import now_ns
from elect.core.configuration import Configuration
from elect.core.messages import (
    ENTRIES_MAX,
    NAME_LENGTH_MAX,
    SUPPORTS_MAX,
    Abandon,
    Abandoned,
    Batch,
    Entry,
    Follow,
    Grant,
    Heartbeat,
    Knowledge,
    Known,
    Lead,
    Number,
    RefusalReason,
    Refuse,
    Resign,
    Resigned,
    Standing,
    Vote,
)
from tests.fault.siege.field import ABSENT, CLUSTER, Field
from tests.fault.siege.strangers import connect, greeting
from wire.io.sockets import views
from wire.protocol.codec import Codec
from wire.protocol.connection import Connection
from wire.protocol.frame import frame
from wire.protocol.handshake import Bye, Hello, welcome
from wire.protocol.identity import Identity, LinkNumber

CODEC = Codec(Heartbeat, Batch, Knowledge)
FRAME_BYTES_MAX = 65_536
Frames = Callable[[int, int], Iterator[bytes]]
HOLE = b"?" * 12
CONFIGURATION = Configuration.initial(frozenset({"a", "b", "c", ABSENT})).id


def at_every_node(ground: Field, work: Callable[[str, Counter[str]], None]) -> Counter[str]:
    """Run the attack at all nodes at once; return the sum of its actions."""
    done = {node: Counter[str]() for node in ground.live}
    threads = [threading.Thread(target=work, args=(node, done[node]), name=f"bad-{node}") for node in ground.live]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done.values(), Counter())


@contextmanager
def _taken(ground: Field) -> Iterator[None]:
    """The absent voter takes every node's link, and reads what comes."""
    with socket.create_server(ground.address(ABSENT), backlog=64) as server, selectors.DefaultSelector() as waiting:
        server.settimeout(0)
        waiting.register(server, selectors.EVENT_READ)
        is_over = threading.Event()
        reading = threading.Thread(target=_read_all, args=(server, waiting, is_over), name="bad-reader")
        reading.start()
        try:
            yield
        finally:
            is_over.set()
            reading.join()


def _read_all(server: socket.socket, waiting: selectors.BaseSelector, is_over: threading.Event) -> None:
    while not is_over.is_set():
        for key, _ in waiting.select(0.2):
            sock = key.fileobj
            assert isinstance(sock, socket.socket)
            if sock is server:
                with suppress(OSError):
                    sock, _ = server.accept()
                    sock.settimeout(2)
                    _welcome(sock)
                    waiting.register(sock, selectors.EVENT_READ)
            elif not _heard(sock):
                waiting.unregister(sock)
                sock.close()
    for key in list(waiting.get_map().values()):
        if isinstance(key.fileobj, socket.socket):
            key.fileobj.close()


def _heard(sock: socket.socket) -> bytes:
    try:
        return sock.recv(1 << 20)
    except OSError:
        return b""


def never_reads(ground: Field, seconds: float) -> Counter[str]:
    """The absent voter accepts every node's link, reads nothing after the Hello, and keeps asking.

    Each node has many answers for it, and a full outbox nearly all the time.
    """
    done: Counter[str] = Counter()
    held: list[socket.socket] = []
    deadline = time.monotonic() + seconds
    dropped = {node: ground.outbox(node, ABSENT)[1] for node in ground.live}
    asking = threading.Thread(
        target=lambda: done.update(at_every_node(ground, _asking(ground, deadline))), name="asking"
    )
    with socket.socket() as server:
        # An accepted socket inherits the size, which must be set before.
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(ground.address(ABSENT))
        server.listen()
        server.settimeout(0.5)
        asking.start()
        while time.monotonic() < deadline:
            with suppress(OSError):
                sock, _ = server.accept()
                held.append(sock)
                sock.settimeout(2)
                done["links taken"] += _welcome(sock)
            done["waited, at most"] = max(
                done["waited, at most"], *(ground.outbox(node, ABSENT)[0] for node in ground.live)
            )
    asking.join()
    done["dropped"] = sum(ground.outbox(node, ABSENT)[1] - dropped[node] for node in ground.live)
    for sock in held:
        sock.close()
    return done


def _asking(ground: Field, deadline: float) -> Callable[[str, Counter[str]], None]:
    """Ask each node for answers, some hundred times a second: long ones for the socket, short ones for the outbox."""
    many, one = (frame(CODEC.encode(_resigning(names)), FRAME_BYTES_MAX) for names in (_names("old"), ["old"]))

    def ask(node: str, done: Counter[str]) -> None:
        for counter in itertools.count(1):
            with suppress(OSError), connect(ground.address(node)) as sock:
                sock.sendall(greeting(ABSENT, node, LinkNumber(2, counter)))
                sock.recv(8_192)
                while time.monotonic() < deadline:
                    sock.sendall(5 * many + 25 * one)
                    done["asked"] += 30
                    time.sleep(0.05)
            if time.monotonic() >= deadline:
                return

    return ask


def _resigning(names: list[str]) -> Batch:
    return Batch(configuration=CONFIGURATION, entries=tuple(Resign(election=name, term=1) for name in names))


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
    """The absent voter dials every node, and sends the longest frames that are allowed."""
    _hollow()
    return _flood(ground, seconds, largest)


def smallest_frames(ground: Field, seconds: float) -> Counter[str]:
    """The absent voter dials every node, and sends frames that bring no news, as fast as it can."""
    return _flood(ground, seconds, smallest)


def _flood(ground: Field, seconds: float, frames: Frames) -> Counter[str]:
    deadline = time.monotonic() + seconds

    def flood(node: str, done: Counter[str]) -> None:
        rounds = itertools.count(1)
        for counter in itertools.count(1):
            if time.monotonic() >= deadline:
                return
            try:
                _flood_once(ground, node, LinkNumber(1, counter), (frames, rounds), deadline, done)
            except OSError:
                done["links ended by the node"] += 1
                time.sleep(0.05)

    with _taken(ground):
        return at_every_node(ground, flood)


def _flood_once(
    ground: Field,
    node: str,
    number: LinkNumber,
    said_in: tuple[Frames, Iterator[int]],
    deadline: float,
    done: Counter[str],
) -> None:
    frames, rounds = said_in
    with connect(ground.address(node)) as sock:
        sock.sendall(greeting(ABSENT, node, number))
        if not sock.recv(8_192):
            raise OSError("not let in")
        done["links"] += 1
        for knowledge, round_ in enumerate(rounds, 1):
            for said in frames(knowledge, round_):
                if time.monotonic() >= deadline:
                    return
                sock.sendall(said)
                done["frames"] += 1
                done["bytes"] += len(said)


def largest(knowledge: int, round_: int) -> Iterator[bytes]:
    """As much as there may be in a frame, of every kind and entry, and of a kind that is unknown.

    Votes and Knowledge are of elections that are new to every node, and the terms of Leads rise.
    """
    for said in (_beating(), _knowing(knowledge, round_)):
        yield frame(CODEC.encode(said), FRAME_BYTES_MAX)
    for template in _hollow():
        yield template.replace(HOLE, b"%012d" % round_)
    leads = tuple(Lead(election=name, term=round_) for name in _names("led"))
    yield frame(CODEC.encode(Batch(configuration=CONFIGURATION, entries=leads)), FRAME_BYTES_MAX)


def smallest(_knowledge: int, _round: int) -> Iterator[bytes]:
    """Keepalives, messages of an unknown kind, and one heartbeat again and again; many in each chunk."""
    yield bytes(4) * 10_000
    yield frame(_unknown(b""), FRAME_BYTES_MAX) * 1_000
    yield frame(CODEC.encode(_beating()), FRAME_BYTES_MAX) * 10


@functools.cache
def _hollow() -> tuple[bytes, ...]:
    """Return frames whose only gap is filled with the round."""
    new, old, session = _names(HOLE.decode()), _names("old"), Number(1, 1)
    batches: list[tuple[Entry, ...]] = [
        tuple(Vote(election=name, term=1, offset=0) for name in new),
        tuple(Vote(election=name, term=1, offset=0) for name in old),
        tuple(Grant(election=name, term=1, session=session, link=session) for name in old),
        tuple(Refuse(election=name, term=1, own_term=9, reason=RefusalReason.TERM, leader=ABSENT) for name in old),
        tuple(Follow(election=name, term=1, session=session) for name in old),
        tuple(Resign(election=name, term=1, successor=ABSENT) for name in old),
        tuple(Resigned(election=name, term=1) for name in old),
        tuple(Abandon(election=name, term=1) for name in old),
        tuple(Abandoned(election=name, term=1) for name in old),
    ]
    said = [CODEC.encode(Batch(configuration=CONFIGURATION, entries=entries)) for entries in batches]
    said += [_unknown(b"x" * 0xFFF0), _unknown(b""), _unknown(b"\x80" * 0xF000)]
    return tuple(frame(each, FRAME_BYTES_MAX) for each in said)


def _unknown(data: bytes) -> bytes:
    """A message of a kind that this version does not have: an array of empty arrays, or bytes."""
    length = len(data).to_bytes(2, "big")
    return b"\x82\x65other" + (b"\x99" if data[:1] == b"\x80" else b"\x59") + length + data


def _names(word: str) -> list[str]:
    return [f"{place:03}{word}".ljust(NAME_LENGTH_MAX, "x") for place in range(ENTRIES_MAX)]


def _knowing(number: int, round_: int) -> Knowledge:
    entries = tuple(Known(election=name, term=1, leader=ABSENT, incarnation=1) for name in _names(f"known{round_}"))
    return Knowledge(number=number, whole=False, entries=entries)


def _beating() -> Heartbeat:
    return Heartbeat(
        sent=now_ns(),
        duration=10**9,
        ack=None,
        supports=tuple(f"{place:064}" for place in range(SUPPORTS_MAX)),
        standing=Standing(),
        configuration=CONFIGURATION,
    )
