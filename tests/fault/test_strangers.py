"""Strangers at the port of a running cluster: counted and refused; no change of leader, bounded memory and threads."""

import random
import socket
import struct
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from elect.testing.real_processes import Plan, ProcessCluster
from tests.fault.handshakes import refused, resident_bytes, settle
from wire.protocol.codec import Codec
from wire.protocol.connection import Connection
from wire.protocol.handshake import hello
from wire.protocol.identity import Identity, LinkNumber

SILENT = 1000
GROWTH_BYTES_MAX = 30_000_000


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    plan = Plan(directory=tmp_path_factory.mktemp("strangers"), with_http=True)
    with ProcessCluster(plan) as running:
        settle(running)
        yield running


@pytest.fixture
def target(cluster):
    """The leader's address; afterwards it still leads, and nothing has changed anywhere."""
    leader = next(event for event in reversed(cluster.events) if event.event == "elected")
    before, resident = len(cluster.events), resident_bytes(cluster, leader.node)
    host, port = cluster.addresses[leader.node].split(":")
    yield cluster, leader.node, (host, int(port))
    cluster.wait_until_quiet(0.3)
    changed = [event for event in cluster.events[before:] if event.event in ("elected", "lost", "peer")]
    assert changed == []
    assert resident_bytes(cluster, leader.node) - resident < GROWTH_BYTES_MAX


def thread_count(cluster: ProcessCluster, node: str) -> int:
    return len(list(Path(f"/proc/{cluster.nodes[node].pid}/task").iterdir()))


def say(address: tuple[str, int], data: bytes) -> bytes:
    """Send the data and return the answer up to the end of stream."""
    with socket.create_connection(address, timeout=10) as sock, suppress(OSError):
        sock.sendall(data)
        answer = b""
        while part := sock.recv(4096):
            answer += part
        return answer
    return b""


def greeting(*, cluster: str = "processes", node: str = "b", to: str = "a", incarnation: int = 10**6) -> bytes:
    """Return a whole Hello, as a peer would send it."""
    identity = Identity(cluster=cluster, node=node, incarnation=incarnation, store=b"s" * 16)
    said = hello(identity, to=to, number=LinkNumber(incarnation, 1), kind="peer", local="1.2.3.4:5", remote="5.4.3.2:1")
    return Connection(Codec(), 65536, is_dialer=True).greet(said)


def test_garbage(target):
    cluster, node, address = target
    before = refused(cluster, node).get("magic", 0)
    rng = random.Random(1)
    for _ in range(100):
        say(address, rng.randbytes(rng.randrange(8, 2000)))
    assert refused(cluster, node)["magic"] - before == 100


def test_a_length_of_4_gib_allocates_nothing(target):
    cluster, node, address = target
    magic = greeting()[:8]
    before = refused(cluster, node)
    say(address, magic + struct.pack(">I", 2**32 - 1) + b"x" * 1000)
    after = refused(cluster, node)
    assert sum(after.values()) == sum(before.values()) + 1
    assert after.get("ok") == before.get("ok")


@pytest.mark.parametrize(
    "bomb",
    [b"\x9f" * 2000, b"\x81" * 2000, b"\xbb" + b"\xff" * 8, b"\xc2\x58\x20" + b"\xff" * 32, b"\x5b" + b"\x7f" * 8],
)
def test_cbor_bombs(target, bomb):
    cluster, node, address = target
    before = refused(cluster, node)
    say(address, greeting()[:8] + struct.pack(">I", len(bomb)) + bomb)
    after = refused(cluster, node)
    assert sum(after.values()) == sum(before.values()) + 1
    assert after.get("ok") == before.get("ok")


@pytest.mark.parametrize(
    ("changed", "reason"),
    [({"cluster": "another"}, "cluster"), ({"node": "z"}, "unknown_peer"), ({"to": "z"}, "wrong_node")],
)
def test_a_hello_that_is_not_for_here(target, changed, reason):
    cluster, node, address = target
    before = refused(cluster, node).get(reason, 0)
    other = next(each for each in cluster.nodes if each != node)
    assert say(address, greeting(**{"node": other, "to": node} | changed))
    assert refused(cluster, node)[reason] == before + 1


def test_a_node_that_says_it_is_the_one_it_dials(target):
    cluster, node, address = target
    before = refused(cluster, node).get("self", 0)
    say(address, greeting(node=node, to=node))
    assert refused(cluster, node)["self"] == before + 1


def test_a_thousand_silent_connections(target):
    cluster, node, address = target
    threads = thread_count(cluster, node)
    with ExitStack() as stack:
        for _ in range(SILENT):
            stack.enter_context(socket.create_connection(address, timeout=10))
        assert thread_count(cluster, node) <= threads + 40
        time.sleep(1)
        assert thread_count(cluster, node) <= threads + 40
