"""Tls: mutual TLS 1.3. Only its users import this file, so that the rest of the package needs no `ssl`."""

import re
import time
from collections.abc import Collection, Mapping

from wire.common.log import Log
from wire.io.meter import Meter
from wire.protocol.wire_errors import CredentialsError
from wire.security.credentials import Pins, TlsCredentials, TlsFiles
from wire.security.reload import ReloadingValue
from wire.security.security import HandshakeCredentials, warn_if_shared

logger = Log(__name__)

WARNING_S = 14 * 86_400.0
"""Two weeks: the operator may be on holiday when the first warning comes."""

WARNING_INTERVAL_S = 86_400.0

_PIN = re.compile(r"[0-9a-f]{64}", re.ASCII)


class Tls:
    """Each end shows a certificate of the cluster's authority that names its node; everything is encrypted.

    Lists of revoked certificates are not used. To shut a certificate out, let it expire, pin others, or replace the
    authority.

    The files are reloaded when one of them changes. When the new files cannot be used (half of a pair, for one), the
    previous ones stay, and a warning says so.

    Args:
        files: the paths of the files.
        node: the id of this node.
        cluster: the name of its cluster.
        pins: by node id, SHA-256 in hex of certificates or of their public keys: the node must have one of them. Colons
            and capitals, as other programs write them, are accepted.

    Raises:
        CredentialsError: the files cannot be used, or a pin is not 64 hex digits.
    """

    def __init__(self, files: TlsFiles, *, node: str, cluster: str, pins: Pins | None = None) -> None:
        self._files = files
        self._node = node
        self._cluster = cluster
        self._pins = {each: _pins(each, texts) for each, texts in (pins or {}).items()}
        self._expiry = Expiry()
        self._ends: Mapping[str, float] = {}
        self._credentials = ReloadingValue(f"certificate {files.certificate}", files.all, self._read)

    @property
    def credentials(self) -> HandshakeCredentials:
        """See Security."""
        return self._credentials.value

    def poll_files(self, meter: Meter) -> None:
        """See Security."""
        self._credentials.poll_files()
        for which, end_s in self._ends.items():
            meter.set_certificate_end(which, end_s)
            self._expiry.warn_if_due(which, end_s, time.time())  # noqa: TID251 - certificates are dated by it

    def _read(self) -> HandshakeCredentials:
        credentials = TlsCredentials(self._files, node=self._node, cluster=self._cluster, pins=self._pins)
        warn_if_shared(self._files.key)
        self._ends = credentials.ends
        return HandshakeCredentials(tls=credentials)


def _pins(node: str, texts: Collection[str]) -> tuple[str, ...]:
    pins = tuple(text.replace(":", "").lower() for text in texts)
    if not pins or not all(map(_PIN.fullmatch, pins)):
        raise CredentialsError(f"pins of node {node!r}: one or more SHA-256 digests of 64 hex digits are needed")
    return pins


class Expiry:
    """Warns of certificates that end soon, once a day."""

    def __init__(self) -> None:
        self._warned_s: dict[str, float] = {}

    def warn_if_due(self, which: str, end_s: float, now_s: float) -> None:
        """Log a warning if the certificate ends within two weeks and none was logged for a day.

        Args:
            which: "own" or "ca".
            end_s: the end of its validity, Unix time in seconds.
            now_s: now, Unix time in seconds.
        """
        left_s = end_s - now_s
        if left_s > WARNING_S or abs(now_s - self._warned_s.get(which, -WARNING_INTERVAL_S)) < WARNING_INTERVAL_S:
            return
        self._warned_s[which] = now_s
        logger.warning(
            "the %s certificate expires in %.1f days: replace it, or no link can be opened then", which, left_s / 86_400
        )
