"""The certificate authority of a cluster, and the certificates that it issues. Needs the extra `certs`."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from wire.protocol.certificate import node_uri

BACKDATED = timedelta(minutes=5)
"""The clocks of other nodes may be behind."""

COMMON_NAME_LENGTH_MAX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateAndKey:
    """A certificate and its private key, in PEM; the repr leaves the key out."""

    certificate: bytes
    key: bytes

    def __repr__(self) -> str:
        return f"<CertificateAndKey {self.certificate!r}>"


class CertificateAuthority:
    """Signs the certificates of the nodes of one cluster.

    Args:
        own: its own certificate and key.

    Raises:
        ValueError: they cannot be read, or the certificates that they sign would be refused.
    """

    def __init__(self, own: CertificateAndKey) -> None:
        self.own = own
        self._certificate = x509.load_pem_x509_certificate(own.certificate)
        self._key = _private_key(own.key)
        if self._key.public_key() != self._certificate.public_key():
            raise ValueError("the key does not belong to the certificate")
        if not _is_authority(self._certificate):
            raise ValueError("the certificate is not that of an authority")
        if self._certificate.not_valid_after_utc <= datetime.now(UTC):  # noqa: TID251 - certificates are dated by this clock
            raise ValueError(f"the certificate expired at {self._certificate.not_valid_after_utc}")

    @classmethod
    def create(cls, cluster: str, days: float) -> "CertificateAuthority":
        """Return a new authority.

        Args:
            cluster: part of its name.
            days: of validity.
        """
        key = _new_key()
        name = _name(f"elect {cluster}")
        made = (
            _builder(name, name, key.public_key(), days)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(is_authority=True), critical=True)
        )
        return cls(_pair(made.sign(key, hashes.SHA256()), key))

    def issue(self, node: str, cluster: str, days: float) -> CertificateAndKey:
        """Return a certificate for a node or a client, for both roles of a connection, and its new key.

        Args:
            node: its id; of a client `client/NAME`, the owner of all ids `client/NAME/INSTANCE`; so of a mirror.
            cluster: the name of its cluster.
            days: of validity; it ends no later than the authority's own.
        """
        key = _new_key()
        names = _names(node, cluster)
        made = (
            _builder(
                _name(node), self._certificate.subject, key.public_key(), days, self._certificate.not_valid_after_utc
            )
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(is_authority=False), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
                critical=False,
            )
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(_identifier(self._certificate, self._key.public_key()), critical=False)
        )
        return _pair(made.sign(self._key, hashes.SHA256()), key)


def _names(node: str, cluster: str) -> list[x509.GeneralName]:
    """Return the names in a certificate: the URI, and for a node its id. An id with a slash is no DNS name."""
    if "/" in node:
        return [
            x509.UniformResourceIdentifier(node_uri(cluster, f"{node}/"))
        ]  # a URI is for the part before the last slash
    return [x509.DNSName(node), x509.UniformResourceIdentifier(node_uri(cluster, node))]


def _private_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(pem, None)
    except TypeError:
        raise ValueError("the key is encrypted") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("the key is not an elliptic curve key")
    return key


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _identifier(signer: x509.Certificate, key: ec.EllipticCurvePublicKey) -> x509.AuthorityKeyIdentifier:
    """Return the name of the signing key: as in the signer's certificate, if it has one."""
    try:
        found = signer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(key)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(found)


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:COMMON_NAME_LENGTH_MAX])])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: float, last: datetime | None = None
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)  # noqa: TID251 - certificates are dated by this clock
    end = now + timedelta(days=days)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(end if last is None else min(end, last))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> CertificateAndKey:
    return CertificateAndKey(
        certificate=certificate.public_bytes(serialization.Encoding.PEM),
        key=key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )
