"""Strangers at the ports of running clusters with keys and with TLS: none is accepted, no node is disturbed."""

import contextlib
import secrets
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from elect.testing.real_processes import Plan, ProcessCluster
from tests.certificates import DAY, Authority
from tests.fault.handshakes import refused, resident_bytes, settle
from tests.fault.proxy import Network, Proxy
from wire.protocol.codec import Codec
from wire.protocol.connection import Connection
from wire.protocol.handshake import Bye, hello
from wire.protocol.identity import Identity, LinkNumber
from wire.protocol.keys import Key, KeyRing
from wire.security.credentials import TlsFiles

pytestmark = pytest.mark.long

NODES = "abc"
TIMES = 20
GROWTH_BYTES_MAX = 20_000_000


@contextlib.contextmanager
def undisturbed(directory: Path, lines: Callable[[str], list[str]]) -> Iterator[tuple[ProcessCluster, str, str]]:
    """A cluster, its leader and a follower; afterwards no term, no leader and no support has changed."""
    with ProcessCluster(Plan(directory=directory, security=lines, with_http=True)) as cluster:
        leader = settle(cluster)
        before, resident = len(cluster.events), resident_bytes(cluster, leader)
        yield cluster, leader, next(node for node in NODES if node != leader)
        cluster.wait_until_quiet(0.3)
        assert [event for event in cluster.events[before:] if event.event in ("elected", "lost", "peer")] == []
        assert resident_bytes(cluster, leader) - resident < GROWTH_BYTES_MAX


def connect(cluster: ProcessCluster, node: str) -> socket.socket:
    host, port = cluster.addresses[node].split(":")
    return socket.create_connection((host, int(port)), timeout=10)


def store_of(cluster: ProcessCluster, node: str) -> bytes:
    """The id of a node's store, as the lock file of its directory shows it."""
    (line,) = [path.read_text() for path in cluster.plan.directory.glob(f"{node}/elect.lock")]
    return bytes.fromhex(line.split("store=")[1][:32])


class Stranger:
    """A stranger that claims to be a restarted node of the cluster, with the right store id."""

    def __init__(self, cluster: ProcessCluster, node: str, to: str, ring: KeyRing | None = None) -> None:
        self.connection = Connection(Codec(Bye), 65_536, is_dialer=True, ring=ring)
        identity = Identity(cluster="processes", node=node, incarnation=10**6, store=store_of(cluster, node))
        self.said = self.connection.greet(
            hello(
                identity,
                to=to,
                number=LinkNumber(10**6, 1),
                kind="peer",
                local="1.2.3.4:5",
                remote="5.4.3.2:1",
                nonce=secrets.token_bytes(32) if ring else b"",
                ring=ring,
            )
        )

    def greet(self, sock: socket.socket) -> None:
        """Send the Hello and wait for the end."""
        with contextlib.suppress(OSError):
            sock.sendall(self.said)
            while sock.recv(4_096):
                pass

    def speak(self, sock: socket.socket, more: bytes = b"") -> None:
        """Send the Hello, receive the answer, send more and wait for the end."""
        with contextlib.suppress(OSError):
            sock.sendall(self.said)
            assert sock.recv(4_096)
            sock.sendall(more)
            while sock.recv(4_096):
                pass


def test_without_the_key_nobody_gets_in(tmp_path: Path) -> None:
    secret = secrets.token_bytes(32)
    (tmp_path / "cluster.key").write_text(secret.hex())
    (tmp_path / "cluster.key").chmod(0o600)
    right, wrong = Key(secret), Key(secrets.token_bytes(32))
    impostor = Key(secrets.token_bytes(32))
    impostor.id = right.id  # as anybody can read it from a Hello
    no_proof = b"\0\0\0\x29\x82\x65proof\x58\x20" + bytes(32)
    with undisturbed(tmp_path, lambda _: ['key_file = "cluster.key"']) as (cluster, leader, other):
        before = refused(cluster, leader)
        for _ in range(TIMES):
            for ring, more in ((None, b""), (KeyRing([wrong]), b""), (KeyRing([impostor]), no_proof)):
                with connect(cluster, leader) as sock:
                    Stranger(cluster, other, leader, ring).speak(sock, more)
        after = refused(cluster, leader)
    assert after["ok"] == before["ok"]
    assert after["key"] == 2 * TIMES
    assert after["proof"] == TIMES


def test_without_the_right_certificate_nobody_gets_in(tmp_path: Path) -> None:
    authority, foreign = Authority(tmp_path / "ca"), Authority(tmp_path / "foreign")
    files = {node: authority.files(node, uris=[f"wire://processes/{node}"]) for node in NODES}

    def lines(node: str) -> list[str]:
        each = files[node]
        return [f'tls = {{ certificate = "{each.certificate}", key = "{each.key}", ca = "{each.ca}" }}']

    with undisturbed(tmp_path, lines) as (cluster, leader, other):
        before = refused(cluster, leader)
        odd: list[TlsFiles | None] = [
            None,
            foreign.files(other),
            authority.files(other, ends_s=-1),
            authority.files(other, begins_s=DAY),
            authority.files(other, uris=[f"wire://another/{other}"]),
            files[next(node for node in NODES if node not in (leader, other))],
        ]
        for _ in range(TIMES):
            for each in odd:
                with connect(cluster, leader) as sock, contextlib.suppress(OSError), dressed(sock, each) as shown:
                    Stranger(cluster, other, leader).greet(shown)
            with connect(cluster, leader) as sock:
                Stranger(cluster, other, leader).greet(sock)
        after = refused(cluster, leader)
    assert after["ok"] == before["ok"]
    assert after["certificate"] == len(odd) * TIMES
    assert after["tls"] == TIMES


def dressed(sock: socket.socket, files: TlsFiles | None) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if files is not None:
        context.load_cert_chain(files.certificate, files.key)
    return context.wrap_socket(sock)


@pytest.mark.parametrize("part", ["all of it", "with another hello"])
def test_what_was_recorded_is_not_taken_again(part: str, tmp_path: Path) -> None:
    """A recorded connection, from its Hello on, is replayed to the same node."""
    secret = secrets.token_bytes(32)
    (tmp_path / "cluster.key").write_text(secret.hex())
    (tmp_path / "cluster.key").chmod(0o600)
    impostor = Key(secrets.token_bytes(32))
    impostor.id = Key(secret).id
    recorder = Recorder()
    plan = Plan(
        directory=tmp_path, security=lambda _: ['key_file = "cluster.key"'], with_http=True, route=recorder.route
    )
    with recorder, ProcessCluster(plan) as cluster:
        settle(cluster)
        since, before = len(cluster.events), refused(cluster, "b")
        length = 12 + int.from_bytes(recorder.said[8:12], "big")
        recorded, rest = bytes(recorder.said[:length]), bytes(recorder.said[length:])
        for _ in range(TIMES):
            stranger = Stranger(cluster, "a", "b", KeyRing([impostor]))
            if part == "all of it":
                stranger.said = recorded
            with connect(cluster, "b") as sock:
                stranger.speak(sock, rest)
        after = refused(cluster, "b")
        assert after["ok"] == before["ok"]
        assert after["proof" if part == "with another hello" else "stale_link"] == TIMES
        cluster.wait_until_quiet(0.3)
        assert [event for event in cluster.events[since:] if event.event in ("elected", "lost", "peer")] == []


class Recorder(Network):
    """Proxies on every link; remembers what `a` says to `b`."""

    def __init__(self) -> None:
        super().__init__()
        self.said = bytearray()

    def route(self, dialer: str, acceptor: str, address: str) -> str:
        if (dialer, acceptor) != ("a", "b"):
            return address
        self.proxies[dialer, acceptor] = Proxy(address, self._watch)
        return self.proxies[dialer, acceptor].address

    def _watch(self, direction: str, data: bytes) -> None:
        if direction == "onward":
            self.said += data
