"""Both ends of the wire format, written from `wire/FORMAT.md` alone: sockets, BLAKE2b and CBOR.

It imports nothing of wire and nothing for CBOR, so that it says each constant of the format a second time. It is a
first program: lenient and slow.
"""

import hashlib
import secrets
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

MAGIC = bytes.fromhex("89 77 69 72 65 0D 0A 1A")
KEEPALIVE = b""
TAG_BYTES = 16

Value: TypeAlias = "int | str | bytes | bool | list[Value] | dict[str, Value] | None"


class Rejected(Exception):  # noqa: N818 - an answer
    """The acceptor answered with a Reject; its arguments are code, reason and whether to try again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """The identity that one end sends."""

    node: str
    cluster: str = "demo"
    incarnation: int = 1
    store: bytes = bytes(16)
    keys: Sequence[bytes] = ()
    tls: ssl.SSLContext | None = None

    @property
    def key_ids(self) -> dict[bytes, bytes]:
        """Return the keys by id."""
        return {_hash(key, "wire1 id", b"", 8): key for key in self.keys}

    def nonce(self) -> bytes:
        """Return 32 new random bytes if there are keys."""
        return secrets.token_bytes(32) if self.keys else b""

    def end(self, connection: socket.socket, *, is_dialer: bool) -> "End":
        """Return its end of a connection, after the handshake of TLS if it uses TLS."""
        connection.settimeout(5)
        return End(connection if self.tls is None else self.tls.wrap_socket(connection, server_side=not is_dialer))


class End:
    """One end of a connection: frames out and in, tagged as soon as there is a session key.

    Source: FORMAT.md, sections 2 and 8.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._keys: tuple[bytes, bytes] | None = None
        self._frames_out = self._frames_in = 0

    def send(self, payload: bytes) -> None:
        if self._keys:
            payload += _tag(self._keys[0], self._frames_out, payload)
            self._frames_out += 1
        self.socket.sendall(framed(payload))

    def say(self, kind: str, *fields: Value) -> None:
        self.send(encoded([kind, *fields]))

    def receive(self) -> bytes:
        """The next frame's payload; EOFError at the end of the stream."""
        payload = self.read(int.from_bytes(self.read(4), "big"))
        if self._keys is None:
            return payload
        payload, tag = payload[:-TAG_BYTES], payload[-TAG_BYTES:]
        assert tag == _tag(self._keys[1], self._frames_in, payload)
        self._frames_in += 1
        return payload

    def hear(self) -> list[Value]:
        """The next message; keepalives are skipped."""
        while not (payload := self.receive()):
            pass
        return message_of(payload)

    def read(self, count: int) -> bytes:
        """Return the next `count` bytes of the stream."""
        taken = b""
        while len(taken) < count:
            chunk = self.socket.recv(count - len(taken))
            if not chunk:
                raise EOFError
            taken += chunk
        return taken

    def finish(self) -> None:
        """End the stream, and go on reading."""
        socket.socket.shutdown(self.socket, socket.SHUT_WR)  # TLS's own would not read on

    def tag_frames(self, outgoing: bytes, incoming: bytes) -> None:
        """From here on every frame is tagged: with this key going out, and with that one coming in."""
        self._keys = (outgoing, incoming)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A connection after its handshake.

    Attributes:
        end: this end of it.
        said: the other end's Hello or Welcome.
    """

    end: End
    said: list[Value]


def dial(
    address: tuple[str, int],
    me: Party,
    *,
    to: str,
    counter: int,
    kind: str = "peer",
    attributes: dict[str, str] | None = None,
    is_two_way: bool = False,
    versions: tuple[int, int] = (1, 1),
) -> Opened:
    """Connect and finish the handshake as the dialer (FORMAT.md, section 4); Rejected with the acceptor's words."""
    end = me.end(socket.create_connection(address), is_dialer=True)
    local, remote = (_text_of(end.socket.getsockname()), _text_of(end.socket.getpeername()))
    about_me: list[Value] = [me.cluster, me.node, to, me.incarnation, counter, me.store, kind, local, remote]
    rest: list[Value] = [{**(attributes or {})}, me.nonce(), list(me.key_ids), is_two_way]
    hello = framed(encoded(["hello", *versions, *about_me, *rest]))
    end.socket.sendall(MAGIC + hello)
    assert end.read(8) == MAGIC
    payload = end.receive()
    answer = message_of(payload)
    if answer[0] == "reject":
        end.socket.close()
        raise Rejected(*answer[1:])
    assert answer[0] == "welcome"
    if me.keys:
        chosen = answer[9]
        assert isinstance(chosen, bytes)
        _prove_as_dialer(end, _session_key(me.key_ids[chosen], hello, framed(payload)))
    return Opened(end=end, said=answer)


def accept(listening: socket.socket, me: Party) -> Opened:
    """Accept the next connection and finish the handshake as the acceptor, for any dialer (FORMAT.md, section 4)."""
    end = me.end(listening.accept()[0], is_dialer=False)
    assert end.read(8) == MAGIC
    hello = end.receive()
    said = message_of(hello)
    assert said[0] == "hello"
    offered = said[14]
    assert isinstance(offered, list)
    chosen = next((key_id for key_id in offered if key_id in me.key_ids), b"")
    local, remote = (_text_of(end.socket.getsockname()), _text_of(end.socket.getpeername()))
    about_me: list[Value] = [me.node, me.incarnation, me.store, local, remote, {}, me.nonce(), chosen]
    welcome = framed(encoded(["welcome", 1, *about_me]))
    end.socket.sendall(MAGIC + welcome)
    if me.keys:
        assert isinstance(chosen, bytes)
        _prove_as_acceptor(end, _session_key(me.key_ids[chosen], framed(hello), welcome))
    return Opened(end=end, said=said)


def reject(listening: socket.socket, code: str, reason: str, is_retryable: bool) -> None:
    """Accept the next connection, without TLS, and reject it."""
    end = Party(node="").end(listening.accept()[0], is_dialer=False)
    with end.socket:
        assert end.read(8) == MAGIC
        end.receive()
        end.socket.sendall(MAGIC)
        end.say("reject", code, reason, is_retryable)


def _prove_as_dialer(end: End, session: bytes) -> None:
    """Compute the proofs 1 to 3 of FORMAT.md, section 8."""
    assert end.hear() == ["proof", _hash(session, "wire1 proof a", b"", 32)]
    end.say("proof", _hash(session, "wire1 proof d", b"", 32))
    end.tag_frames(_hash(session, "wire1 frames d", b"", 64), _hash(session, "wire1 frames a", b"", 64))


def _prove_as_acceptor(end: End, session: bytes) -> None:
    end.say("proof", _hash(session, "wire1 proof a", b"", 32))
    assert end.hear() == ["proof", _hash(session, "wire1 proof d", b"", 32)]
    end.tag_frames(_hash(session, "wire1 frames a", b"", 64), _hash(session, "wire1 frames d", b"", 64))


def _session_key(key: bytes, hello: bytes, welcome: bytes) -> bytes:
    return _hash(key, "wire1 session", hello + welcome, 64)


def _tag(key: bytes, counter: int, payload: bytes) -> bytes:
    return _hash(key, "", counter.to_bytes(8, "big") + payload, TAG_BYTES)


def _hash(key: bytes, person: str, data: bytes, size: int) -> bytes:
    return hashlib.blake2b(data, key=key, person=person.encode("ascii"), digest_size=size).digest()


def _text_of(address: tuple[str, int]) -> str:
    return f"{address[0]}:{address[1]}"


def framed(payload: bytes) -> bytes:
    """The payload as a frame."""
    return len(payload).to_bytes(4, "big") + payload


def message_of(payload: bytes) -> list[Value]:
    """The array of a payload."""
    value, end = _decoded(payload, 0)
    assert end == len(payload)
    assert isinstance(value, list)
    return value


def encoded(value: Value) -> bytes:
    """Return the value as CBOR (FORMAT.md, section 3)."""
    match value:
        case None:
            return b"\xf6"
        case bool():
            return b"\xf5" if value else b"\xf4"
        case int():
            return _head(0, value) if value >= 0 else _head(1, -1 - value)
        case bytes():
            return _head(2, len(value)) + value
        case str():
            return _head(3, len(value.encode())) + value.encode()
        case list():
            return _head(4, len(value)) + b"".join(map(encoded, value))
        case dict():
            return _head(5, len(value)) + b"".join(encoded(name) + encoded(part) for name, part in value.items())


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes([major << 5 | number])
    size = next(size for size in (1, 2, 4, 8) if number < 1 << 8 * size)
    return bytes([major << 5 | 23 + size.bit_length()]) + number.to_bytes(size, "big")


def _decoded(data: bytes, at: int) -> tuple[Value, int]:
    major, number = data[at] >> 5, data[at] & 31
    at += 1
    if major == 7:
        return {20: False, 21: True, 22: None}[number], at
    if number >= 24:
        size = 1 << number - 24
        number, at = int.from_bytes(data[at : at + size], "big"), at + size
    match major:
        case 0:
            return number, at
        case 1:
            return -1 - number, at
        case 2:
            return data[at : at + number], at + number
        case 3:
            return data[at : at + number].decode(), at + number
    parts: list[Value] = []
    for _ in range(number if major == 4 else 2 * number):
        part, at = _decoded(data, at)
        parts.append(part)
    if major == 4:
        return parts, at
    return {str(name): part for name, part in zip(parts[::2], parts[1::2], strict=True)}, at
