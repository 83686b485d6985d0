"""Certificates for tests, valid and invalid, in files of their own."""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from wire.security.credentials import TlsFiles
from wire.security.tls import Tls

BOTH_ROLES = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)
DAY = 86_400.0


class Authority:
    """Makes certificates in a directory; signed by itself, or by another one."""

    def __init__(self, directory: Path, *, ends_s: float = 10 * DAY, signer: "Authority | None" = None) -> None:
        directory.mkdir(exist_ok=True)
        self.directory = directory
        self.ca = directory / "ca.pem"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(f"authority {directory.name}")
        self._count = itertools.count()
        signer = signer or self
        builder = _builder(self._name, signer._name, self._key, -DAY, ends_s)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.ca.write_bytes(_pem(builder.sign(signer._key, hashes.SHA256())))

    def files(
        self,
        node: str,
        *,
        begins_s: float = -DAY,
        ends_s: float = 10 * DAY,
        uris: Sequence[str] = (),
        roles: Sequence[x509.ObjectIdentifier] = BOTH_ROLES,
        name: str = "",
        dns: bytes = b"",
    ) -> TlsFiles:
        """Return a new pair for a node, in files of this name, valid from and to these seconds from now.

        Args:
            dns: instead of the node's id, bytes that need not be text.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [x509.DNSName(node), *(x509.UniformResourceIdentifier(uri) for uri in uris)]
        builder = (
            _builder(_name("anything"), self._name, key, begins_s, ends_s)
            .add_extension(_raw_name(dns) if dns else x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.ExtendedKeyUsage(roles), critical=False)
        )
        stem = name or f"{node}-{next(self._count)}"
        made = TlsFiles(certificate=self.directory / f"{stem}.pem", key=self.directory / f"{stem}.key", ca=self.ca)
        made.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        made.key.chmod(0o600)
        made.certificate.write_bytes(_pem(builder.sign(self._key, hashes.SHA256())))
        return made

    def tls(self, node: str, **odd: object) -> Tls:
        """Return the settings of a node of cluster `c`, with a new pair."""
        return Tls(self.files(node, **odd), node=node, cluster="c")  # type: ignore[arg-type]


def der(path: Path) -> bytes:
    """The certificate in a file."""
    return x509.load_pem_x509_certificate(path.read_bytes()).public_bytes(serialization.Encoding.DER)


def public_key(path: Path) -> bytes:
    """The public key of the certificate in a file."""
    key = x509.load_pem_x509_certificate(path.read_bytes()).public_key()
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _raw_name(dns: bytes) -> x509.UnrecognizedExtension:
    element = bytes([0x82, len(dns)]) + dns
    return x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, bytes([0x30, len(element)]) + element)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, begins_s: float, ends_s: float
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(seconds=begins_s))
        .not_valid_after(now + timedelta(seconds=ends_s))
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
