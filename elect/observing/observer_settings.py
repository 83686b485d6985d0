"""The settings of a program that only observes, a client or a mirror: checked, with the Security made of them."""

import os
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from elect.config import rules
from elect.errors import ConfigError
from elect.observing.mirror_messages import MIRROR_MESSAGES
from elect.observing.observer_messages import CLIENT_KIND, CLIENT_MESSAGES
from wire.links.connect import Dialing
from wire.protocol.address import UNIX, Address
from wire.protocol.codec import Codec
from wire.protocol.handshake import Bye, Heard
from wire.protocol.identity import STORE_LENGTH, Identity
from wire.protocol.limits import Limits
from wire.protocol.wire_errors import CredentialsError
from wire.security.security import PLAIN, Keyed, Security

ENDPOINTS_MAX = 64
"""As many as the largest cluster has members."""

INSTANCE_BYTES = 4
"""Random, for each dial: two links of one id at one node would end each other, and 1,000 clients share a name."""

PATIENCE_S = 4.0
"""The longest that a dial takes for a connection, and again for its handshake; see `probing` for the budgets."""

_NAME = re.compile(r"[A-Za-z0-9._-]{1,40}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObserverSettings:
    """See `elect.Client` for the fields; `kind` is that of the links, `client` or `mirror`.

    The values are copies: a program may change its list or table afterwards.

    Attributes:
        addresses: the endpoints as addresses, in one spelling.

    Raises:
        ConfigError: a value breaks a rule.
    """

    endpoints: Sequence[str]
    cluster: str
    name: str
    key_file: str | os.PathLike[str] | None = None
    tls: Mapping[str, str | os.PathLike[str]] | None = None
    pins: Mapping[str, str] | None = None
    insecure: bool = False
    kind: str = CLIENT_KIND
    addresses: tuple[Address, ...] = field(init=False)

    def __post_init__(self) -> None:
        rules.check_id("cluster", self.cluster)
        check_observer_name(self.name)
        rules.check_choice("insecure", self.insecure, (True, False))
        rules.check_tls(self.tls)
        if self.pins is not None:
            rules.check_pins(self.pins, None)
        self._check_security()
        endpoints = tuple(_listed(self.endpoints))
        copies = {
            "endpoints": endpoints,
            "addresses": tuple(map(_parse, endpoints)),
            "tls": None if self.tls is None else dict(self.tls),
            "pins": dict(self.pins or {}),
        }
        for name, value in copies.items():
            object.__setattr__(self, name, value)
        for text, address in zip(self.endpoints, self.addresses, strict=True):
            self._check_exposure(text, address)

    def load_security(self) -> Security:
        """Return the Security with the keys or certificates in the files.

        Raises:
            ConfigError: they cannot be used. The error does not show them.
        """
        try:
            if self.key_file is not None:
                return Keyed(Path(rules.expand_home("key_file", self.key_file)))
            if self.tls is not None:
                return self._load_tls(self.tls)
        except CredentialsError as error:
            name = "tls" if self.key_file is None else "key_file"
            raise ConfigError(name, getattr(self, name), str(error)) from None
        return PLAIN

    def dialing(self, node_id: str, security: Security) -> Dialing:
        """Return the parameters of one dial, with an id that no other dial has.

        Args:
            node_id: the id of the node that has to answer; empty: any.
            security: how the ends are proven.
        """
        messages = CLIENT_MESSAGES if self.kind == CLIENT_KIND else MIRROR_MESSAGES
        return Dialing(
            to=node_id,
            kind=self.kind,
            identity=Identity(
                cluster=self.cluster,
                node=f"{self._certified}/{secrets.token_hex(INSTANCE_BYTES)}",
                incarnation=0,
                store=secrets.token_bytes(STORE_LENGTH),
            ),
            codec=Codec(*messages, Bye, Heard),
            limits=Limits(connect_timeout_s=PATIENCE_S, handshake_timeout_s=PATIENCE_S),
            security=security,
            is_two_way=True,
        )

    def is_believed(self, address: Address) -> bool:
        """Return whether this client may believe a node at an address.

        Without authentication that is a Unix socket, or a loopback address if the program gave one.
        """
        if self.tls is not None or self.key_file is not None or self.insecure or address.is_unix:
            return True
        return rules.is_loopback(address.host) and not all(each.is_unix for each in self.addresses)

    @property
    def _certified(self) -> str:
        """The id that the certificate names."""
        return f"{self.kind}/{self.name}"

    def _check_security(self) -> None:
        if self.key_file is not None:
            rules.check_key_file(self.key_file)
            if self.tls is not None:
                raise ConfigError("key_file", self.key_file, "it cannot be combined with tls; remove one")
        if self.insecure and (self.key_file is not None or self.tls is not None):
            raise ConfigError("insecure", self.insecure, "it cannot be combined with tls or key_file; remove one")
        if self.pins and self.tls is None:
            raise ConfigError("pins", self.pins, "they require tls; set tls, or remove pins")

    def _check_exposure(self, text: str, address: Address) -> None:
        if not self.is_believed(address):
            rule = (
                "refusing to believe a node beyond loopback without authentication. Set tls or key_file; or set"
                " insecure = True on a private network"
            )
            raise ConfigError("endpoints", text, rule)

    def _load_tls(self, files: Mapping[str, str | os.PathLike[str]]) -> Security:
        # Imported here: a client without TLS does not load it.
        from wire.security.credentials import TlsFiles  # noqa: PLC0415
        from wire.security.tls import Tls  # noqa: PLC0415

        paths = {name: Path(rules.expand_home("tls", path)) for name, path in files.items()}
        tls = TlsFiles(certificate=paths["certificate"], key=paths["key"], ca=paths["ca"])
        pins = {node_id: text.lower().split() for node_id, text in (self.pins or {}).items()}
        return Tls(tls, node=f"{self._certified}/0", cluster=self.cluster, pins=pins)


def check_observer_name(value: object) -> None:
    """Raise ConfigError unless the value is the name of a client or mirror."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ConfigError("name", value, "1 to 40 of the characters A-Z a-z 0-9 . _ - are allowed")


def _listed(value: object) -> Sequence[object]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ConfigError("endpoints", value, 'a list of addresses is needed, as ["10.0.0.1:7101"]')
    if not 1 <= len(value) <= ENDPOINTS_MAX:
        raise ConfigError("endpoints", list(value), f"1 to {ENDPOINTS_MAX} addresses are needed: those of some nodes")
    return value


def _parse(value: object) -> Address:
    if isinstance(value, str) and value.startswith(UNIX):
        try:
            return Address.parse(value, is_unix_allowed=True)
        except ValueError as error:
            raise ConfigError("endpoints", value, str(error)) from None
    return rules.normal(rules.parse_dialable("endpoints", value))
