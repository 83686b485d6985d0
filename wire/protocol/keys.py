"""Shared keys: secrets that all ends of a cluster hold, and by which they prove who they are.

Source: FORMAT.md, section 8.
"""

import base64
import hashlib
import re
from collections.abc import Iterable
from typing import NoReturn, Self

KEY_BYTES_MIN = 32
KEY_BYTES_MAX = 64
"""The longest key of BLAKE2b is 64 bytes; one below 32 might be guessed from a recorded handshake."""

KEYS_MAX = 2
"""One in use, and one that replaces it."""

KEY_ID_BYTES = 8

_HEX = re.compile(r"[0-9A-Fa-f]+", re.ASCII)
"""Base64 of a key has other letters, too; but hex that lost some of its digits could be read as base64 of less."""


class Key:
    """A secret that no repr, log or pickle of this object shows.

    Args:
        secret: 32 to 64 bytes, from a good random source.

    Attributes:
        id: 8 bytes that name the key and reveal nothing about it.

    Raises:
        ValueError: it is too short or too long.
    """

    __slots__ = ("_secret", "id")

    def __init__(self, secret: bytes) -> None:
        if not KEY_BYTES_MIN <= len(secret) <= KEY_BYTES_MAX:
            raise ValueError(f"a key has {len(secret)} bytes; {KEY_BYTES_MIN} to {KEY_BYTES_MAX} are needed")
        self._secret = secret
        self.id = self.digest(b"wire1 id", b"", KEY_ID_BYTES)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a key in hex or base64; the ValueError for another text does not show it."""
        try:
            secret = bytes.fromhex(text) if _HEX.fullmatch(text) else base64.b64decode(text, validate=True)
        except ValueError:
            raise ValueError("it is neither hex nor base64") from None
        return cls(secret)

    def digest(self, person: bytes, data: bytes, size: int) -> bytes:
        """BLAKE2b of the data under this key.

        Args:
            person: the purpose, so that a digest fits no other one; at most 16 bytes.
            data: the bytes to digest.
            size: bytes of the digest.
        """
        return hashlib.blake2b(data, digest_size=size, key=self._secret, person=person).digest()

    def __repr__(self) -> str:
        return f"<Key {self.id.hex()}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Key cannot be pickled: it is a secret")


class KeyRing:
    """The keys that an end holds, the preferred one first; both are accepted.

        >>> ring = KeyRing.parse("00" * 32 + "  # the old key")
        >>> ring
        <KeyRing 4e5d50a416c496e2>
        >>> ring.find(ring.ids)
        <Key 4e5d50a416c496e2>

    To replace a key without a pause, each step at every node before the next: add the new one in the second place, put
    it first, remove the old one.

    Args:
        keys: one or two.

    Attributes:
        ids: their ids, in order.

    Raises:
        ValueError: there are none, too many, or the same twice.
    """

    __slots__ = ("_keys", "ids")

    def __init__(self, keys: Iterable[Key]) -> None:
        given = tuple(keys)
        self._keys = {key.id: key for key in given}
        self.ids = tuple(self._keys)
        if not 1 <= len(given) <= KEYS_MAX:
            raise ValueError(f"there are {len(given)} keys; 1 to {KEYS_MAX} are allowed")
        if len(self.ids) < len(given):
            raise ValueError("the same key is in it twice; remove one")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one key a line; ValueError names the line, and shows nothing of it. `#` begins a comment."""
        keys = []
        for number, line in enumerate(text.splitlines(), 1):
            if stripped := line.partition("#")[0].strip():
                try:
                    keys.append(Key.parse(stripped))
                except ValueError as error:
                    raise ValueError(f"line {number}: {error}") from None
        return cls(keys)

    def find(self, ids: Iterable[bytes]) -> Key | None:
        """Return the key of the first of these ids that is in this ring, or None."""
        return next((self._keys[each] for each in ids if each in self._keys), None)

    def __repr__(self) -> str:
        return f"<KeyRing {' '.join(each.hex() for each in self.ids)}>"
