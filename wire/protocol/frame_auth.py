"""The use of a shared key on one connection: a proof of each end in the handshake, and a tag on every frame after it.

All of them come from a session key, which is derived from the shared key and the exact bytes of both ends' Hello and
Welcome. The session key is bound to everything in those (ids, cluster, numbers, addresses, fresh nonces). It is new for
each connection, so no counter has to outlive one. A tag covers the direction and the number of frames before it: a
frame that is changed, repeated, left out, moved, turned round or taken from another connection has a wrong tag.

Source: FORMAT.md, section 8.
"""

import hashlib
from hmac import compare_digest

from wire.protocol.keys import Key
from wire.protocol.wire_errors import ForgedError, ProofError

PROOF_BYTES = 32
TAG_BYTES = 16
COUNTER_BYTES = 8
SESSION_KEY_BYTES = 64

_DIALER, _ACCEPTOR = b" d", b" a"


class FrameAuthenticator:
    """The tags of one direction, in the order of its frames. The sending end signs, the receiving end verifies."""

    __slots__ = ("_counter", "_keyed")

    def __init__(self, key: bytes) -> None:
        self._keyed = hashlib.blake2b(digest_size=TAG_BYTES, key=key)
        self._counter = 0

    def sign(self, payload: bytes) -> bytes:
        """Return the payload of the next frame with its tag."""
        return payload + self._tag(payload)

    def verify(self, signed: bytes) -> bytes:
        """Return the payload of the next frame; ForgedError when the tag is not the one that the other end made."""
        payload = signed[:-TAG_BYTES]
        if not compare_digest(self._tag(payload), signed[-TAG_BYTES:]):
            raise ForgedError("a frame's tag is wrong: it was changed, repeated or reordered between the ends")
        return payload

    def _tag(self, payload: bytes) -> bytes:
        keyed = self._keyed.copy()  # cheaper than to begin with the key again
        keyed.update(self._counter.to_bytes(COUNTER_BYTES, "big") + payload)
        self._counter += 1
        return keyed.digest()


class SessionKey:
    """The key of one connection.

    Args:
        key: the shared key that both ends hold.
        hello: the Hello's frame, as it went over the wire, its length included.
        welcome: the Welcome's frame, likewise.
    """

    __slots__ = ("_secret",)

    def __init__(self, key: Key, hello: bytes, welcome: bytes) -> None:
        self._secret = Key(key.digest(b"wire1 session", hello + welcome, SESSION_KEY_BYTES))

    def proof(self, *, of_dialer: bool) -> bytes:
        """Return the bytes by which one end proves that it holds the key; they differ for each end and handshake."""
        return self._derive(b"wire1 proof", PROOF_BYTES, of_dialer=of_dialer)

    def check_proof(self, proof: bytes, *, of_dialer: bool) -> None:
        """Raise ProofError unless this is the proof of that end."""
        if not compare_digest(proof, self.proof(of_dialer=of_dialer)):
            raise ProofError("the other end does not hold the key that it names")

    def authenticator(self, *, of_dialer: bool) -> FrameAuthenticator:
        """Return the tags of the frames that one end sends."""
        return FrameAuthenticator(self._derive(b"wire1 frames", SESSION_KEY_BYTES, of_dialer=of_dialer))

    def _derive(self, person: bytes, size: int, *, of_dialer: bool) -> bytes:
        return self._secret.digest(person + (_DIALER if of_dialer else _ACCEPTOR), b"", size)
