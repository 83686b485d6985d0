"""Security: how the ends of a link prove who they are: Plain, Keyed, or Tls (in `wire.security.tls`).

A listener and its dialers share one object. Each handshake asks it for credentials, so keys and certificates can be
replaced while links are open. An open link keeps the credentials of its handshake.
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
from wire.security.reload import FILE_BYTES_MAX, ReloadingValue, check_file

if TYPE_CHECKING:
    from wire.io.meter import Meter
    from wire.security.credentials import TlsCredentials

logger = Log(__name__)

OTHERS = 0o077
"""The bits of a file's mode that let users other than its owner read, write or run it."""


def warn_if_shared(path: Path) -> None:
    """Log a warning when users other than its owner may read or write a file with a secret."""
    try:
        mode = path.stat().st_mode & 0o777
    except OSError:  # removed since it was read
        return
    if mode & OTHERS:
        logger.warning("%s (mode %o) is accessible to other users: chmod 600 it", path, mode)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandshakeCredentials:
    """The credentials of this end for one handshake.

    Attributes:
        ring: its shared keys, if it has any.
        tls: its certificate, if it has one.
    """

    ring: KeyRing | None = None
    tls: "TlsCredentials | None" = None

    def channel(self, sock: socket.socket, *, is_dialer: bool) -> Channel:
        """Return the socket as a Channel, with TLS if there is a certificate."""
        return Channel(sock) if self.tls is None else self.tls.channel(sock, is_dialer=is_dialer)

    def nonce(self) -> bytes:
        """Return fresh random bytes for a Hello or Welcome; none without shared keys."""
        return b"" if self.ring is None else secrets.token_bytes(NONCE_BYTES)


NO_CREDENTIALS = HandshakeCredentials()


class Security(Protocol):
    """The methods that listeners and dialers call, from any thread."""

    @property
    def credentials(self) -> HandshakeCredentials:
        """Return the credentials for a handshake that begins now."""

    def poll_files(self, meter: "Meter") -> None:
        """Reload changed files, although no peer dials; a listener calls it about once a second."""


class Plain:
    """No proof and no encryption: for a network that only the cluster can reach."""

    credentials = NO_CREDENTIALS

    def poll_files(self, meter: "Meter") -> None:
        """Return at once: there are no files."""


PLAIN = Plain()


def _read_ring(path: Path) -> KeyRing | str:
    """Return the keys in a file, or why there are none."""
    try:
        with path.open(encoding="utf-8-sig") as file:  # some editors write a byte order mark in front
            text = file.read(FILE_BYTES_MAX)
        return KeyRing.parse(text) if text.isascii() else "it is not ASCII text"
    except OSError as error:
        return error.strerror or "it cannot be read"
    except UnicodeError:  # its text would show a part of the file
        return "it is not ASCII text"
    except ValueError as error:
        return str(error)


class Keyed:
    """Shared keys: both ends prove that they hold one, and every frame is authenticated. Nothing is encrypted.

    The file has one key a line, in hex or base64, and one or two of them; `#` begins a comment. It is reloaded when it
    changes. When the new file cannot be used, the previous keys stay, and a warning says so.

    Args:
        path: the file.

    Raises:
        CredentialsError: the file cannot be read, or has no usable keys. The text shows no part of a key.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._credentials = ReloadingValue(f"keys of {path}", [path], self._read)

    @property
    def credentials(self) -> HandshakeCredentials:
        """See Security."""
        return self._credentials.value

    def poll_files(self, meter: "Meter") -> None:  # noqa: ARG002 - nothing is counted
        """See Security."""
        self._credentials.poll_files()

    def _read(self) -> HandshakeCredentials:
        check_file(self._path)
        ring = _read_ring(self._path)
        # Raised here: no frame in its traceback, nor of an error before it, holds a line of the file.
        if isinstance(ring, str):
            raise CredentialsError(f"{self._path}: {ring}")
        warn_if_shared(self._path)
        logger.info("keys of %s: %s", self._path, " ".join(each.hex() for each in ring.ids))
        return HandshakeCredentials(ring=ring)
