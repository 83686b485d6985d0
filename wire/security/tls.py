"""Tls: mutual TLS 1.3. Imported by those who use it: the rest of the package does without `ssl`."""

import re
import time
from collections.abc import Collection, Mapping

from wire.common.log import Log
from wire.io.meter import Meter
from wire.protocol.wire_errors import CredentialsError
from wire.security.credentials import Credentials, Pins, TlsFiles
from wire.security.reload import Reloaded
from wire.security.security import HandshakeCredentials, warn_of_others

logger = Log(__name__)

WARNING_S = 14 * 86_400.0
"""Long enough for somebody to come back from a holiday."""

WARNING_INTERVAL_S = 86_400.0

_PIN = re.compile(r"[0-9a-f]{64}", re.ASCII)


class Tls:
    """Both ends show a certificate of the same authority that names them; everything is encrypted.

    No list of revoked certificates is asked for: one that must not be let in any more ends, is not the one that is
    pinned, or its authority is replaced.

    The files are read again when one of them changes; where the new ones can't be used (half of a pair, for one), those
    from before stay, and a warning says so.

    Args:
        files: where they are.
        node: the id of this node.
        cluster: the name of its cluster.
        pins: by node id, SHA-256 in hex of certificates or of their public keys: the node must have one of them. Colons
            and capitals, as other programs write them, are good.

    Raises:
        CredentialsError: the files can't be used, or a pin is none.
    """

    def __init__(self, files: TlsFiles, *, node: str, cluster: str, pins: Pins | None = None) -> None:
        self._files = files
        self._node = node
        self._cluster = cluster
        self._pins = {each: _pins(each, texts) for each, texts in (pins or {}).items()}
        self._expiry = Expiry()
        self._ends: Mapping[str, float] = {}
        self._guard = Reloaded(f"certificate {files.certificate}", files.all, self._read)

    @property
    def guard(self) -> HandshakeCredentials:
        """See Security."""
        return self._guard.value

    def look(self, meter: Meter) -> None:
        """See Security."""
        self._guard.look()
        for which, end_s in self._ends.items():
            meter.set_certificate_end(which, end_s)
            self._expiry.look(which, end_s, time.time())  # noqa: TID251 - certificates are dated by it

    def _read(self) -> HandshakeCredentials:
        credentials = Credentials(self._files, node=self._node, cluster=self._cluster, pins=self._pins)
        warn_of_others(self._files.key)
        self._ends = credentials.ends
        return HandshakeCredentials(credentials=credentials)


def _pins(node: str, texts: Collection[str]) -> tuple[str, ...]:
    pins = tuple(text.replace(":", "").lower() for text in texts)
    if not pins or not all(map(_PIN.fullmatch, pins)):
        raise CredentialsError(f"a pin of node {node!r} is not 64 digits in hex, or there is none")
    return pins


class Expiry:
    """Warns of certificates that end soon, once a day."""

    def __init__(self) -> None:
        self._warned_s: dict[str, float] = {}

    def look(self, which: str, end_s: float, now_s: float) -> None:
        """Warn, if it is time to.

        Args:
            which: the certificate.
            end_s: when it ends, Unix time.
            now_s: now.
        """
        left_s = end_s - now_s
        if left_s > WARNING_S or abs(now_s - self._warned_s.get(which, -WARNING_INTERVAL_S)) < WARNING_INTERVAL_S:
            return
        self._warned_s[which] = now_s
        logger.warning(
            "! the %s certificate ends in %.1f days: no link can be opened after that", which, left_s / 86_400
        )
