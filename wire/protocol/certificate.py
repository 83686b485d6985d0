"""Certificate: the node that a certificate names, and its fingerprints. TLS has checked its signature and dates.

Source: FORMAT.md, section 9.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hmac import compare_digest
from urllib.parse import quote

from wire.protocol.identity import certified_name
from wire.protocol.wire_errors import Refusal, RejectCode

SCHEME = "wire://"

_LONG_FORM = 0x80
_VERSION_TAG = 0xA0
_FIELDS_BEFORE_KEY = 5


def node_uri(cluster: str, node: str) -> str:
    """Return the URI by which a certificate names a node of one cluster; of an id with a slash, its owner."""
    return f"{SCHEME}{quote(cluster, safe='')}/{quote(certified_name(node), safe='')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """The names and fingerprints of a certificate.

    Attributes:
        dns: its DNS names.
        uris: its URIs.
        pins: SHA-256 of it, and of its public key (SubjectPublicKeyInfo), in hex.
    """

    dns: frozenset[str]
    uris: frozenset[str]
    pins: tuple[str, str]

    @classmethod
    def of(cls, fields: Mapping[str, object], der: bytes) -> "Certificate":
        """Return the certificate in the two forms that ssl's getpeercert() gives."""
        names = fields.get("subjectAltName", ())
        pairs = [pair for pair in names if isinstance(pair, tuple)] if isinstance(names, tuple) else []
        return cls(
            dns=frozenset(name for kind, name in pairs if kind == "DNS"),
            uris=frozenset(name for kind, name in pairs if kind == "URI"),
            pins=(hashlib.sha256(der).hexdigest(), hashlib.sha256(public_key(der)).hexdigest()),
        )

    def names(self, node: str, cluster: str) -> bool:
        """Return whether it names this node.

        A certificate with URIs `wire://CLUSTER/NODE` names those nodes only. One without them names the nodes that are
        its DNS names, in any cluster. An id with a slash is named by the part before its last slash.
        """
        uris = {uri for uri in self.uris if uri.startswith(SCHEME)}
        return node_uri(cluster, node) in uris if uris else certified_name(node) in self.dns

    def judge_node(self, node: str, cluster: str, pins: Collection[str]) -> None:
        """Raise Refusal unless the certificate names this node and, where there are pins, has one of them."""
        # An authority may sign for many nodes and clusters: its signature alone does not tell which one this is.
        if not self.names(node, cluster):
            text = f"the certificate is not for node {node!r} of cluster {cluster!r}"
            raise Refusal(RejectCode.CERTIFICATE, text, is_retryable=False)
        # A pin shuts out certificates that were stolen, or issued by mistake, although the authority signed them.
        if pins and not any(compare_digest(own, pin) for own in self.pins for pin in pins):
            text = f"the certificate of node {node!r} is not the one that is pinned"
            raise Refusal(RejectCode.CERTIFICATE, text, is_retryable=False)


def public_key(der: bytes) -> bytes:
    """Return the SubjectPublicKeyInfo of an X.509 certificate that OpenSSL has parsed before.

    Source: RFC 5280, section 4.1. Before it come serial number, signature, issuer, validity and subject, and before
    these, but in certificates of version 1, the version.
    """
    start, _ = _content(der, 0)  # Certificate
    start, _ = _content(der, start)  # TBSCertificate
    for _ in range(_FIELDS_BEFORE_KEY + (der[start] == _VERSION_TAG)):
        _, start = _content(der, start)
    return der[start : _content(der, start)[1]]


def _content(der: bytes, start: int) -> tuple[int, int]:
    """Return where the content of the DER element at `start` begins, and where the element ends."""
    length, begin = der[start + 1], start + 2
    if length >= _LONG_FORM:
        size = length - _LONG_FORM
        length, begin = int.from_bytes(der[begin : begin + size], "big"), begin + size
    return begin, begin + length
