"""Credentials: a certificate, its key and an authority's certificate, loaded and found to fit each other."""

import contextlib
import socket
import ssl
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from wire.io.tls_channel import TlsChannel
from wire.protocol.certificate import Certificate
from wire.protocol.wire_errors import CredentialsError, Refusal
from wire.security.reload import check_file

Pins = Mapping[str, Collection[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """Where credentials are, each in PEM.

    Attributes:
        certificate: this node's, and those between it and the authority's, if there are any.
        key: its private key, not encrypted.
        ca: the authority's certificate, or several: while one takes another's place.
    """

    certificate: Path
    key: Path
    ca: Path

    @property
    def all(self) -> tuple[Path, Path, Path]:
        """The files."""
        return self.certificate, self.key, self.ca


class Credentials:
    """What both roles of TLS need, tried out on itself.

    Args:
        files: where it is.
        node: the id of this node: the certificate must be for it.
        cluster: the name of its cluster.
        pins: fingerprints that a peer's certificate must have one of, by node id.

    Attributes:
        ends: when this node's certificate and the authority's end, seconds of Unix time by "own" and "ca".

    Raises:
        CredentialsError: a file can't be read, they don't fit each other, are out of time, or are for another node.
    """

    def __init__(self, files: TlsFiles, *, node: str, cluster: str, pins: Pins) -> None:
        self._pins = pins
        for path in files.all:
            check_file(path)
        self._dialing, self._accepting = (_context(files, is_dialer=is_dialer) for is_dialer in (True, False))
        with _explained(f"{files.certificate}, judged by {files.ca}"):
            own, der = _meet_itself(self._dialing, self._accepting)
            authorities = self._dialing.get_ca_certs()
        try:
            Certificate.of(own, der).judge_node(node, cluster, pins.get(node, ()))
        except Refusal as error:
            raise CredentialsError(f"{files.certificate}: {error.text}") from None
        # None of them when there are others in between.
        signers = [each for each in authorities if each.get("subject") == own.get("issuer")] or authorities
        self.ends = {"own": _end(own), "ca": max(map(_end, signers), default=_end(own))}

    def channel(self, sock: socket.socket, *, is_dialer: bool) -> TlsChannel:
        """The socket, and TLS on it."""
        context = self._dialing if is_dialer else self._accepting
        return TlsChannel(sock, context, self._pins, is_dialer=is_dialer)


@contextlib.contextmanager
def _explained(what: str) -> Iterator[None]:
    """What OpenSSL says, after what it is about; often it says little."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise CredentialsError(f"{what}: {error.verify_message}") from None
    except ssl.SSLError as error:
        raise CredentialsError(": ".join(filter(None, [what, _reason(error)]))) from None
    except OSError as error:  # gone since they were looked at
        raise CredentialsError(f"{what}: {error.strerror}") from None
    except ValueError as error:
        raise CredentialsError(f"{what}: a name that can't be read: {error}") from None


def _reason(error: ssl.SSLError) -> str:
    """OpenSSL's word for what went wrong, if it has one."""
    return (error.reason or "").lower().replace("_", " ")


def _no_password() -> str:
    """Or OpenSSL asks for one at the terminal."""
    return ""


def _context(files: TlsFiles, *, is_dialer: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT if is_dialer else ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False  # a node's id is no host's name: Certificate.judge_node
    context.verify_mode = ssl.CERT_REQUIRED
    if not is_dialer:
        # Or a dialer has something unread when it is killed, and ends in a reset.
        setattr(context, "num_tickets", 0)  # noqa: B010 - the name is not ours
    with _explained(f"{files.ca}: no certificate in PEM"):
        context.load_verify_locations(files.ca)
    with _explained(f"{files.certificate}, {files.key}: not a certificate and its key, unencrypted, in PEM"):
        context.load_cert_chain(files.certificate, files.key, _no_password)
    return context


def _meet_itself(dialing: ssl.SSLContext, accepting: ssl.SSLContext) -> tuple[dict[str, object], bytes]:
    """Shake hands without a socket: certificate, key and authority are then known to fit, in both roles.

    Returns:
        The certificate in ssl's two forms: there is no other way to have it parsed by the standard library.
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
