"""TlsCredentials: a certificate, its key and the certificate of an authority, loaded and checked to fit together."""

import contextlib
import socket
import ssl
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from wire.io.tls_channel import TlsChannel
from wire.protocol.certificate import Certificate
from wire.protocol.identity import certified_name
from wire.protocol.wire_errors import CredentialsError, Refusal
from wire.security.reload import check_file

Pins = Mapping[str, Collection[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """The paths of the files, each in PEM.

    Attributes:
        certificate: this node's certificate, followed by the intermediate ones if there are any.
        key: its private key, not encrypted.
        ca: the authority's certificate; two of them while one replaces the other.
    """

    certificate: Path
    key: Path
    ca: Path

    @property
    def all(self) -> tuple[Path, Path, Path]:
        """Return the paths of the three files."""
        return self.certificate, self.key, self.ca


class TlsCredentials:
    """The TLS contexts of both roles. They are tried on each other, so that unusable files are found at once.

    Args:
        files: the paths of the files.
        node: the id of this node: the certificate must name it.
        cluster: the name of its cluster.
        pins: by node id, the fingerprints of which the peer's certificate must have one.

    Attributes:
        ends: Unix time in seconds at which the certificate ("own") and the authority's ("ca") expire.

    Raises:
        CredentialsError: a file cannot be read, the files do not fit together, have expired, or are for another node.
    """

    def __init__(self, files: TlsFiles, *, node: str, cluster: str, pins: Pins) -> None:
        self._pins = pins
        for path in files.all:
            check_file(path)
        self._dialing, self._accepting = (_context(files, is_dialer=is_dialer) for is_dialer in (True, False))
        with _explained(f"{files.certificate}, judged by {files.ca}"):
            own, der = _handshake_with_itself(self._dialing, self._accepting)
            authorities = self._dialing.get_ca_certs()
        try:
            Certificate.of(own, der).judge_node(node, cluster, pins.get(certified_name(node), ()))
        except Refusal as error:
            raise CredentialsError(f"{files.certificate}: {error.text}") from None
        # With an intermediate certificate, none of the authorities has signed this one itself.
        signers = [each for each in authorities if each.get("subject") == own.get("issuer")] or authorities
        self.ends = {"own": _end(own), "ca": max(map(_end, signers), default=_end(own))}

    def channel(self, sock: socket.socket, *, is_dialer: bool) -> TlsChannel:
        """Return the socket with TLS on it."""
        context = self._dialing if is_dialer else self._accepting
        return TlsChannel(sock, context, self._pins, is_dialer=is_dialer)


@contextlib.contextmanager
def _explained(what: str) -> Iterator[None]:
    """Turn errors of OpenSSL, which often say little, into CredentialsErrors that begin with `what`."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise CredentialsError(f"{what}: {error.verify_message}") from None
    except ssl.SSLError as error:
        raise CredentialsError(": ".join(filter(None, [what, _reason(error)]))) from None
    except OSError as error:  # removed since it was checked
        raise CredentialsError(f"{what}: {error.strerror}") from None
    except ValueError as error:
        raise CredentialsError(f"{what}: a name in it cannot be read: {error}") from None


def _reason(error: ssl.SSLError) -> str:
    """Return OpenSSL's text of the error, or an empty one."""
    return (error.reason or "").lower().replace("_", " ")


def _no_password() -> str:
    """Return an empty password; without this function OpenSSL asks for one at the terminal."""
    return ""


def _context(files: TlsFiles, *, is_dialer: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT if is_dialer else ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False  # a node's id is not a host name: see Certificate.judge_node
    context.verify_mode = ssl.CERT_REQUIRED
    if not is_dialer:
        # A session ticket that a killed dialer has not read would turn its end of stream into a reset.
        setattr(context, "num_tickets", 0)  # noqa: B010 - the name abbreviates, and is Python's
    with _explained(f"{files.ca}: no certificate in PEM"):
        context.load_verify_locations(files.ca)
    with _explained(f"{files.certificate}, {files.key}: not a certificate and its key, unencrypted, in PEM"):
        context.load_cert_chain(files.certificate, files.key, _no_password)
    return context


def _handshake_with_itself(dialing: ssl.SSLContext, accepting: ssl.SSLContext) -> tuple[dict[str, object], bytes]:
    """Shake hands without a socket, which fails unless certificate, key and authority fit together in both roles.

    Returns:
        The certificate as the fields and the DER that ssl gives of a peer's; the standard library parses no other one.
    """
    to_acceptor, to_dialer = ssl.MemoryBIO(), ssl.MemoryBIO()
    dialer = dialing.wrap_bio(to_dialer, to_acceptor)
    acceptor = accepting.wrap_bio(to_acceptor, to_dialer, server_side=True)
    for end in (dialer, acceptor, dialer):
        with contextlib.suppress(ssl.SSLWantReadError):
            end.do_handshake()
    acceptor.do_handshake()
    return dict(dialer.getpeercert() or {}), dialer.getpeercert(binary_form=True) or b""


def _end(certificate: Mapping[str, object]) -> float:
    return float(ssl.cert_time_to_seconds(str(certificate.get("notAfter"))))
