"""How the ends of a link are proven: not at all, by keys, or by TLS (`wire.security.tls`).

A listener and its dialers share one.

It is asked anew for each handshake, so that keys and certificates can be replaced while links are open; an open link
goes on with what it began with.
"""

import secrets
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from wire.common.log import Log
from wire.io.open_link import Channel
from wire.protocol.handshake import NONCE_BYTES
from wire.protocol.keys import KeyRing
from wire.protocol.wire_errors import CredentialsError
from wire.security.reload import FILE_BYTES_MAX, Reloaded, check_file

if TYPE_CHECKING:
    from wire.io.meter import Meter
    from wire.security.credentials import Credentials

logger = Log(__name__)

OTHERS = 0o077
"""The bits of a file's mode that let others than its owner at it."""


def warn_of_others(path: Path) -> None:
    """Say so when a file with a secret can be read or written by others than its owner."""
    try:
        mode = path.stat().st_mode & 0o777
    except OSError:  # gone since it was read
        return
    if mode & OTHERS:
        logger.warning("! %s: others than its owner may read or write it (mode %o)", path, mode)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandshakeCredentials:
    """What one handshake goes by.

    Attributes:
        ring: the shared keys of this end, if it has any.
        credentials: its certificate, if it has one.
    """

    ring: KeyRing | None = None
    credentials: "Credentials | None" = None

    def channel(self, sock: socket.socket, *, is_dialer: bool) -> Channel:
        """The socket as the connection sees it."""
        return Channel(sock) if self.credentials is None else self.credentials.channel(sock, is_dialer=is_dialer)

    def nonce(self) -> bytes:
        """Fresh random bytes for a Hello or Welcome, where they are needed."""
        return b"" if self.ring is None else secrets.token_bytes(NONCE_BYTES)


NO_GUARD = HandshakeCredentials()


class Security(Protocol):
    """What listeners and dialers ask; from any thread."""

    @property
    def guard(self) -> HandshakeCredentials:
        """What a handshake that begins now goes by."""

    def look(self, meter: "Meter") -> None:
        """Called about once a second by a listener: for what must be noticed although nobody dials."""


class Plain:
    """Nothing is proven, nothing is hidden: for a network that only the right ones can reach."""

    guard = NO_GUARD

    def look(self, meter: "Meter") -> None:
        """There is nothing to look at."""


PLAIN = Plain()


def _read_ring(path: Path) -> KeyRing | str:
    """The keys in a file, or why there are none."""
    try:
        with path.open(encoding="utf-8-sig") as file:  # some editors write a byte order mark in front
            text = file.read(FILE_BYTES_MAX)
        return KeyRing.parse(text) if text.isascii() else "it is not ASCII text"
    except OSError as error:
        return error.strerror or "it can't be read"
    except UnicodeError:  # whose text would show what it could not decode
        return "it is not ASCII text"
    except ValueError as error:
        return str(error)


class Keyed:
    """A file of shared keys: both ends prove that they hold one, and every frame is authenticated; nothing is hidden.

    The file has one key a line, in hex or base64, one or two of them; `#` begins a comment. It is read again when it
    changes; where that can't be used, the keys from before stay, and a warning says so.

    Args:
        path: the file.

    Raises:
        CredentialsError: it can't be read, or is no such file. Keys are not shown.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._guard = Reloaded(f"keys of {path}", [path], self._read)

    @property
    def guard(self) -> HandshakeCredentials:
        """See Security."""
        return self._guard.value

    def look(self, meter: "Meter") -> None:  # noqa: ARG002 - nothing is counted
        """See Security."""
        self._guard.look()

    def _read(self) -> HandshakeCredentials:
        check_file(self._path)
        ring = _read_ring(self._path)
        if isinstance(ring, str):  # raised here: no frame of it, nor of an error before it, holds a line of the file
            raise CredentialsError(f"{self._path}: {ring}")
        warn_of_others(self._path)
        logger.info("keys of %s: %s", self._path, " ".join(each.hex() for each in ring.ids))
        return HandshakeCredentials(ring=ring)
