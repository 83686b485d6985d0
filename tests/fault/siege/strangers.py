"""Strangers that know only the address."""

import resource
import socket
import struct
import time
from collections import Counter, deque
from contextlib import suppress

from tests.fault.siege.field import CLUSTER, Address, Field
from wire.protocol.codec import Codec
from wire.protocol.connection import Connection
from wire.protocol.handshake import hello
from wire.protocol.identity import Identity, LinkNumber

RATE = 1_000
BEGUN_MAX = 16
SILENT = 2_000
DRIBBLING = 100
PATIENCE_S = 5.0


def greeting(node: str, to: str, number: LinkNumber) -> bytes:
    """A whole Hello without keys."""
    identity = Identity(cluster=CLUSTER, node=node, incarnation=number.incarnation, store=b"s" * 16)
    said = hello(identity, to=to, number=number, kind="peer", local="1.2.3.4:5", remote="5.4.3.2:1")
    return Connection(Codec(), 65_536, is_dialer=True).greet(said)


def connect(address: Address) -> socket.socket:
    return socket.create_connection(address, timeout=PATIENCE_S)


def opened_and_closed(ground: Field, seconds: float) -> Counter[str]:
    """A thousand connections a second to the leader, closed at once: one half by a reset, one by an end of stream."""
    done: Counter[str] = Counter()
    address = ground.address(ground.leader)
    begun: deque[socket.socket] = deque()
    begin = time.monotonic()
    while (passed := time.monotonic() - begin) < seconds:
        while done.total() + len(begun) < passed * RATE:
            begun.append(_begin(address))
            if len(begun) > BEGUN_MAX:
                done[_end(begun.popleft(), is_reset=bool(done.total() % 2))] += 1
        time.sleep(0.002)
    for sock in begun:
        done[_end(sock, is_reset=False)] += 1
    done["opened a second"] = round(done["opened"] / (time.monotonic() - begin))
    return done


def _begin(address: Address) -> socket.socket:
    """Begin a connection without waiting for it, which would take longer than the connection."""
    sock = socket.socket()
    sock.settimeout(0)
    with suppress(BlockingIOError):
        sock.connect(address)
    return sock


def _end(sock: socket.socket, *, is_reset: bool) -> str:
    """Return how the connection ended."""
    with sock:
        try:
            sock.getpeername()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", is_reset, 0))
        except OSError:
            return "not opened"
    return "opened"


def silent(ground: Field, seconds: float) -> Counter[str]:
    """Two thousand silent connections to the leader; a connection that it closes is opened again."""
    done: Counter[str] = Counter()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    held: list[socket.socket] = []
    deadline = time.monotonic() + seconds
    try:
        while time.monotonic() < deadline:
            while len(held) < SILENT and time.monotonic() < deadline:
                with suppress(OSError):
                    held.append(connect(ground.address(ground.leader)))
                    done["opened"] += 1
            done["at once, at most"] = max(done["at once, at most"], len(held))
            time.sleep(min(2.0, max(0.0, deadline - time.monotonic())))
            held = [sock for sock in held if not _is_over(sock)]
    finally:
        for sock in held:
            sock.close()
    return done


def _is_over(sock: socket.socket) -> bool:
    try:
        sock.recv(4_096, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        pass
    sock.close()
    return True


def dribbled(ground: Field, seconds: float) -> Counter[str]:
    """Hellos of a peer, a byte a second on each of a hundred connections."""
    done: Counter[str] = Counter()
    target, said = ground.leader, greeting(ground.followers[0], ground.leader, LinkNumber(10**6, 1))
    held: dict[socket.socket, int] = {}
    deadline = time.monotonic() + seconds
    try:
        while time.monotonic() < deadline:
            while len(held) < DRIBBLING:
                held[connect(ground.address(target))] = 0
                done["begun"] += 1
            for sock, place in list(held.items()):
                if _has_ended(sock, said[place : place + 1]):
                    done["bytes said, at most"] = max(done["bytes said, at most"], place)
                    del held[sock]
                else:
                    held[sock] = place + 1
            time.sleep(1.0)
    finally:
        for sock in held:
            sock.close()
    return done


def _has_ended(sock: socket.socket, byte: bytes) -> bool:
    try:
        sock.sendall(byte)
    except OSError:
        sock.close()
        return True
    return _is_over(sock)


def garbage(ground: Field, seconds: float) -> Counter[str]:
    """Bytes that mean nothing, a hundred times a second."""
    done: Counter[str] = Counter()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(OSError), connect(ground.address(ground.leader)) as sock:
            sock.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 50)
            done["said"] += 1
        time.sleep(0.01)
    return done
