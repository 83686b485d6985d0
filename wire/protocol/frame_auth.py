"""What a shared key does on one connection: proofs of both ends in the handshake, and a tag on every frame after it.

All of it comes from a session key, made of the shared key and the exact bytes of both ends' Hello and Welcome. So it
is bound to all that they say (ids, cluster, numbers, addresses, fresh nonces), is new for each connection, and needs no
counter that outlives one. A tag covers the direction and the count of frames before it: a frame that is changed,
repeated, left out, moved, turned round or taken from another connection has a wrong one.

Source: FORMAT.md, section 8.
"""

import hashlib
from hmac import compare_digest

from wire.protocol.keys import Key
from wire.protocol.wire_errors import ForgedError, ProofError

PROOF_BYTES = 32
TAG_BYTES = 16
COUNTER_BYTES = 8
SESSION_BYTES = 64

_DIALER, _ACCEPTOR = b" d", b" a"


class FrameAuthenticator:
    """The tags of one direction, in their order; one end makes them, the other one checks them."""

    __slots__ = ("_counter", "_keyed")

    def __init__(self, key: bytes) -> None:
        self._keyed = hashlib.blake2b(digest_size=TAG_BYTES, key=key)
        self._counter = 0

    def close(self, payload: bytes) -> bytes:
        """The payload of the next frame, and its tag."""
        return payload + self._tag(payload)

    def open(self, sealed: bytes) -> bytes:
        """The payload in what came as the next frame; ForgedError when it is not what the other end sent."""
        payload = sealed[:-TAG_BYTES]
        if not compare_digest(self._tag(payload), sealed[-TAG_BYTES:]):
            raise ForgedError("a frame's tag is wrong")
        return payload

    def _tag(self, payload: bytes) -> bytes:
        keyed = self._keyed.copy()  # the key was worked in once
        keyed.update(self._counter.to_bytes(COUNTER_BYTES, "big") + payload)
        self._counter += 1
        return keyed.digest()


class Session:
    """What follows from a key and a handshake.

    Args:
        key: the one that both ends hold.
        hello: the Hello's frame, as it went over the wire, its length included.
        welcome: the Welcome's.
    """

    __slots__ = ("_secret",)

    def __init__(self, key: Key, hello: bytes, welcome: bytes) -> None:
        self._secret = Key(key.digest(b"wire1 session", hello + welcome, SESSION_BYTES))

    def proof(self, *, of_dialer: bool) -> bytes:
        """What only an end that holds the key can say, and only in this handshake, and only one of the two."""
        return self._derive(b"wire1 proof", PROOF_BYTES, of_dialer=of_dialer)

    def check(self, proof: bytes, *, of_dialer: bool) -> None:
        """ProofError unless it is that end's proof."""
        if not compare_digest(proof, self.proof(of_dialer=of_dialer)):
            raise ProofError("the other end does not hold the key that it names")

    def authenticator(self, *, of_dialer: bool) -> FrameAuthenticator:
        """The tags of what that end sends."""
        return FrameAuthenticator(self._derive(b"wire1 frames", SESSION_BYTES, of_dialer=of_dialer))

    def _derive(self, person: bytes, size: int, *, of_dialer: bool) -> bytes:
        return self._secret.digest(person + (_DIALER if of_dialer else _ACCEPTOR), b"", size)
