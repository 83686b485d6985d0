"""Attackers that claim to be a node without its proof, and men in the middle."""

import contextlib
import secrets
import socket
import ssl
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from tests.certificates import DAY, Authority
from tests.fault.siege.field import CLUSTER, Field
from tests.fault.siege.strangers import connect
from wire.io.sockets import views
from wire.protocol.codec import Codec
from wire.protocol.connection import Connection
from wire.protocol.handshake import NONCE_BYTES, Reject, Welcome, hello
from wire.protocol.identity import Identity, LinkNumber
from wire.protocol.keys import Key, KeyRing
from wire.protocol.wire_errors import WireError
from wire.security.credentials import TlsFiles

PAUSE_S = 0.02

REDIALED_S = 10.0
"""A broken link is back by then."""


@dataclass
class Attempt:
    """One handshake with the leader, in a follower's name."""

    ground: Field
    ring: KeyRing | None = None
    node: str = ""

    def greet(self, sock: socket.socket, counter: int) -> str:
        """Return the outcome in a word; any but `let in` is right."""
        ring = self.ring
        connection = Connection(Codec(), 65_536, is_dialer=True, ring=ring)
        local, remote = views(sock)
        identity = Identity(cluster=CLUSTER, node=self.node, incarnation=10**6, store=b"s" * 16)
        said = hello(
            identity,
            to=self.ground.leader,
            number=LinkNumber(10**6, counter),
            kind="peer",
            local=local,
            remote=remote,
            nonce=b"" if ring is None else secrets.token_bytes(NONCE_BYTES),
            ring=ring,
        )
        sock.sendall(connection.greet(said))
        try:
            return self._hear(sock, connection)
        except WireError as error:
            return f"not answered: {error.reason}"

    def _hear(self, sock: socket.socket, connection: Connection) -> str:
        while data := sock.recv(4_096):
            for message in connection.receive(data):
                if isinstance(message, Reject):
                    return f"refused: {message.code}"
                if isinstance(message, Welcome):
                    return "let in"
        return "closed without an answer"


def _again(ground: Field, seconds: float, once: Callable[[int], str]) -> Counter[str]:
    done: Counter[str] = Counter()
    deadline = time.monotonic() + seconds
    counter = 0
    while time.monotonic() < deadline:
        counter += 1
        try:
            done[once(counter)] += 1
        except (ssl.SSLError, OSError) as error:
            done[f"ended: {getattr(error, 'reason', None) or type(error).__name__}"] += 1
        time.sleep(PAUSE_S)
    assert not done["let in"], done
    return done


class _Renamed(KeyRing):
    """Another key under the id of one that is held."""

    __slots__ = ()

    def find(self, ids: object) -> Key:
        return next(iter(self._keys.values()))


def _named(id_: bytes) -> KeyRing:
    ring = _Renamed([Key(secrets.token_bytes(32))])
    ring.ids = (id_,)
    return ring


def wrong_key(ground: Field, seconds: float) -> Counter[str]:
    """A key of another cluster; the same under the right one's name, which is no secret; and none."""
    held = KeyRing.parse((ground.directory / "cluster.key").read_text())
    rings = [KeyRing([Key(secrets.token_bytes(32))]), _named(held.ids[0]), None]

    def once(counter: int) -> str:
        with connect(ground.address(ground.leader)) as sock:
            return Attempt(ground, rings[counter % 3], ground.followers[0]).greet(sock, counter)

    return _again(ground, seconds, once)


def wrong_certificate(ground: Field, seconds: float) -> Counter[str]:
    """None, one of another cluster's authority, one for another cluster, one that has ended, another node's own."""
    authority, node, other = ground.authority, ground.followers[0], ground.followers[1]
    assert authority is not None
    stranger = Authority(ground.directory / "other")
    uri = f"wire://{CLUSTER}/{node}"
    shown: dict[str, TlsFiles | None] = {
        "none": None,
        "another authority's": stranger.files(node, uris=[uri]),
        "another cluster's": authority.files(node, uris=[f"wire://another/{node}"]),
        "ended": authority.files(node, uris=[uri], begins_s=-2 * DAY, ends_s=-DAY),
        "another node's": authority.files(other, uris=[f"wire://{CLUSTER}/{other}"]),
    }
    names = list(shown)
    contexts = {name: _context(files) for name, files in shown.items()}

    def once(counter: int) -> str:
        name = names[counter % len(names)]
        with connect(ground.address(ground.leader)) as bare, contexts[name].wrap_socket(bare) as sock:
            return f"{name}: {_reason(lambda: Attempt(ground, None, node).greet(sock, counter))}"

    return _again(ground, seconds, once)


def _reason(step: Callable[[], str]) -> str:
    try:
        return step()
    except ssl.SSLError as error:
        return f"alert {error.reason}"
    except OSError as error:
        return type(error).__name__


def _context(files: TlsFiles | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if files is not None:
        context.load_cert_chain(files.certificate, files.key)
    return context


def replayed(ground: Field, seconds: float) -> Counter[str]:
    """Replay the recorded traffic of every link to the same node and to the others."""
    for middle in ground.middles.values():  # each of them is recorded from its first byte on
        middle.records = middle.records[-1:]
    time.sleep(min(1.0, seconds / 4))  # so that there is something after the handshake
    records = [(acceptor, record) for (_, acceptor), middle in ground.middles.items() for record in middle.records]
    turns = [(node, list(record)) for acceptor, record in records for node in (acceptor, acceptor, *ground.live)]

    def once(counter: int) -> str:
        node, record = turns[counter % len(turns)]
        with connect(ground.address(node)) as sock:
            with suppress(OSError):  # it is not heard out
                for part in record:
                    sock.sendall(part)
                    time.sleep(0.0005)
            return _answered(sock)

    return _again(ground, seconds, once)


def _answered(sock: socket.socket) -> str:
    """Return the answer that ends the link, if it ends; an open link sends nothing more."""
    sock.settimeout(4.0)
    said = b""
    with contextlib.suppress(ConnectionResetError):
        while data := sock.recv(4_096):
            said += data
    codes = ("stale_link", "wrong_node", "self", "malformed", "kind")
    word = next((code for code in codes if code.encode() in said), "")
    return f"refused: {word}" if word else ("ended after a Welcome" if said else "ended without an answer")


def flipped_follower(ground: Field, seconds: float) -> Counter[str]:
    """One bit of one frame in each connection between the two followers."""
    return _flipped(ground, seconds, [(ground.followers[0], ground.followers[1])])


def flipped_leader(ground: Field, seconds: float) -> Counter[str]:
    """One bit of one frame in each connection that the leader has to one follower."""
    return _flipped(ground, seconds, [(ground.leader, ground.followers[0])])


def _flipped(ground: Field, seconds: float, links: list[tuple[str, str]]) -> Counter[str]:
    """Flip bits for some seconds, and until one was flipped: the eighth frame of a link comes late."""
    done: Counter[str] = Counter()
    for middle in _flipping(ground, links):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline or (middle.flips.total() == 0 and time.monotonic() < deadline + REDIALED_S):
            time.sleep(0.1)
        middle.flipping = False
        done += middle.flips
        middle.flips.clear()
        middle.drop()  # the last one may hold half a frame
    time.sleep(1.0)  # until it is dialed again
    return done


def _flipping(ground: Field, links: list[tuple[str, str]]) -> Iterator:
    for link in links:
        middle = ground.middles[link]
        middle.flipping = True
        middle.drop()
        yield middle
