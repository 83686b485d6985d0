"""The configuration of a node: a value that is checked as a whole when it is made."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal, Self

from elect.config import rules, sources
from elect.config.durations import format_ns, parse_ns
from elect.config.frozen_mapping import FrozenMapping
from elect.core.messages import DURATION_NS_MAX
from elect.errors import ConfigError
from wire.protocol.address import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The settings of a node. It is frozen, can be hashed and pickled, and shows no secret in its repr.

    A duration is text like "100ms", or a number of seconds. An address is "host:port", with brackets around IPv6. A
    path may begin with ~, the home directory.

        >>> config = Config(
        ...     node="a",
        ...     cluster="orders",
        ...     listen="127.0.0.1:7101",
        ...     data_dir="data-a",
        ...     peers={"b": "127.0.0.1:7102", "c": "127.0.0.1:7103"},
        ... )
        >>> config.support_duration
        '1s'
        >>> sorted(config.voters)
        ['a', 'b', 'c']

    A value that breaks a rule raises ConfigError, which names the setting, the value and the rule:

        >>> Config(node="a", cluster="orders", listen="127.0.0.1:7101", data_dir="data-a", priority=-1)
        Traceback (most recent call last):
        elect.errors.ConfigError: priority is -1: a whole number from 0 to 1,000,000 is needed

    Args:
        node: the id of this node: 1 to 64 of the characters A-Z a-z 0-9 . _ -
        cluster: the name of the cluster, of the same characters. Nodes of different clusters refuse each other.
        listen: the address to listen on for peers. Port 0 lets the system choose; [::] accepts IPv4 too.
        data_dir: the directory of the durable votes, for one process at a time.
        peers: the other voters, from id to address, at most 63. Host names are resolved at every dial.
        advertise: the address that peers and clients dial; default: `listen`.
        priority: 0 to 1,000,000. The highest priority leads; a node with 0 only votes.
        metadata: at most 12 short texts, which other nodes see in `Leader.metadata`.
        offset_rule: "prefer" or "require": voters prefer, or only accept, a candidate with an offset as high as theirs.
        heartbeat_interval: the time between two heartbeats to a peer; 1 ms or more.
        support_duration: the time that a heartbeat asks a peer to support this node, and so the longest wait for a new
            leader after a hang or a lost link; at least 3 heartbeat intervals.
        clock_drift: the largest difference in speed between two nodes' clocks, as a fraction from 0 to 0.2.
        trust_close: True, False or "auto": whether a closed connection proves that its process has ended. "auto" means
            True where both ends see the same two addresses.
        failback: the time for which another node that could lead must come first by priority and spread before this
            node hands an election over to it; "never"; `support_duration` or more. None: 10 s, and never for `default`.
        grace: the time that the application has to stop its work when leadership is given up; 0 to 60 s.
        http_listen: the address that serves metrics, health and status; None: no HTTP. [::] accepts IPv4 too.
        operator_token: the secret that an operator's request from another machine must carry, 16 to 256 characters;
            None: such requests are refused.
        tls: the paths of this node's `certificate` and `key`, and of the `ca`, in PEM. All connections between nodes
            use mutual TLS. The certificate must name the node id.
        pins: node id to the SHA-256 in hex of its certificate or public key, or several with spaces between. With TLS,
            that node must have one of them.
        key_file: the path of a file with one or two shared keys, one a line. Both ends of a connection prove that they
            hold one, and every frame is authenticated. Nothing is encrypted.
        insecure: True permits listening beyond loopback without authentication.
        replace_peers: True permits another list of `peers` than the one in `data_dir`. Two lists can elect two leaders,
            so every node of the former list must be stopped first.

    Raises:
        ConfigError: a value breaks a rule.
    """

    node: str
    cluster: str
    listen: str
    data_dir: str | os.PathLike[str]
    peers: Mapping[str, str] = field(default_factory=dict)
    advertise: str | None = None
    priority: int = 1
    metadata: Mapping[str, str] = field(default_factory=dict)
    offset_rule: Literal["prefer", "require"] = "prefer"
    heartbeat_interval: str | float = "200ms"
    support_duration: str | float = "1s"
    clock_drift: float = 0.01
    trust_close: bool | Literal["auto"] = "auto"
    failback: str | float | None = None
    grace: str | float = "5s"
    http_listen: str | None = None
    operator_token: str | None = field(default=None, repr=False)
    tls: Mapping[str, str | os.PathLike[str]] | None = None
    pins: Mapping[str, str] = field(default_factory=dict)
    key_file: str | os.PathLike[str] | None = None
    insecure: bool = False
    replace_peers: bool = False

    def __post_init__(self) -> None:
        for name in self.__slots__:
            object.__setattr__(self, name, rules.plain(getattr(self, name)))
        rules.check_id("node", self.node)
        rules.check_id("cluster", self.cluster)
        rules.check_path("data_dir", self.data_dir)
        rules.check_choice("offset_rule", self.offset_rule, ("prefer", "require"))
        rules.check_choice("trust_close", self.trust_close, (True, False, "auto"))
        rules.check_clock_drift(self.clock_drift)
        self._check_security()
        rules.check_priority(self.priority)
        rules.check_metadata(self.metadata)
        rules.check_operator_token(self.operator_token)
        self._check_addresses()
        self._check_peers()
        self._check_timing()
        for name in ("data_dir", "key_file"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, rules.expand_home(name, getattr(self, name)))
        if self.tls is not None:
            tls = {name: rules.expand_home("tls", path) for name, path in self.tls.items()}
            object.__setattr__(self, "tls", tls)
        for name in ("peers", "metadata", "pins", "tls"):  # the caller keeps its own dict, and cannot change this one
            if getattr(self, name) is not None:
                object.__setattr__(self, name, FrozenMapping(getattr(self, name)))

    def __reduce__(self) -> tuple[object, ...]:
        # Made from its values, so that the tables of a copy are frozen too.
        return _restore, ({name: getattr(self, name) for name in self.__slots__},)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a TOML file.

        Args:
            path: of the file. A relative path in the file is relative to its directory.

        Raises:
            ConfigError: the file cannot be read, or a setting is unknown, missing or breaks a rule. The error names the
                file, the setting and the rule.
        """
        file = Path(rules.expand_home("file", path))
        values = sources.absolute(sources.read_file(file), file.absolute().parent)
        return cls._make(values, lambda name: f"{path}: {sources.place(name)}")

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read the variables `ELECT_*`: the names above in capitals, mappings as `a=b,c=d`.

            >>> Config.from_env(
            ...     {
            ...         "ELECT_NODE": "a",
            ...         "ELECT_CLUSTER": "orders",
            ...         "ELECT_LISTEN": "127.0.0.1:7101",
            ...         "ELECT_DATA_DIR": "/var/lib/elect",
            ...         "ELECT_PEERS": "b=127.0.0.1:7102,c=127.0.0.1:7103",
            ...     }
            ... ).peers["b"]
            '127.0.0.1:7102'

        Args:
            environ: the variables; default: those of the process.

        Raises:
            ConfigError: a variable is missing or breaks a rule. The error names the variable and the rule.
        """
        values = sources.read_environment(os.environ if environ is None else environ)
        return cls._make(values, sources.variable)

    @classmethod
    def _make(cls, values: dict[str, object], source: sources.Naming) -> Self:
        for name in ("node", "cluster", "listen", "data_dir"):
            if name not in values:
                raise ConfigError(name, None, "it has no default; set it", source(name))
        try:
            return cls(**values)  # type: ignore[arg-type]  # every type is checked in __post_init__
        except ConfigError as error:
            raise ConfigError(error.field, error.value, error.rule, source(error.field)) from None

    @property
    def heartbeat_interval_ns(self) -> int:
        """The time between two heartbeats to a peer, ns."""
        return parse_ns(self.heartbeat_interval)

    @property
    def support_duration_ns(self) -> int:
        """The support that a heartbeat asks for, ns."""
        return parse_ns(self.support_duration)

    @property
    def failback_ns(self) -> int | None:
        """The time after which an election is handed to the node that comes first, ns; None: never."""
        if self.failback is None:
            return max(rules.FAILBACK_NS, self.support_duration_ns)
        return None if self.failback == rules.NEVER else parse_ns(self.failback)

    @property
    def is_default_failed_back(self) -> bool:
        """Return whether the election `default` is handed over, too."""
        return self.failback is not None

    @property
    def grace_ns(self) -> int:
        """The time that the application has to stop its work, ns."""
        return parse_ns(self.grace)

    @property
    def drift_ppm(self) -> int:
        """The clock drift in parts per million, rounded up, which is the safe side."""
        return math.ceil(Fraction(str(self.clock_drift)) * 1_000_000)

    @property
    def listen_address(self) -> Address:
        """The address to listen on."""
        return Address.parse(self.listen)

    @property
    def advertise_address(self) -> Address:
        """The address that peers and clients dial."""
        return Address.parse(self.advertise or self.listen)

    @property
    def http_address(self) -> Address | None:
        """The address that serves HTTP, or None."""
        return None if self.http_listen is None else Address.parse(self.http_listen)

    @property
    def peer_addresses(self) -> dict[str, Address]:
        """The peers' addresses by id."""
        return {node_id: Address.parse(address) for node_id, address in self.peers.items()}

    @property
    def pins_by_node(self) -> dict[str, tuple[str, ...]]:
        """The pins by node id, in lower case."""
        return {node_id: tuple(text.lower().split()) for node_id, text in self.pins.items()}

    @property
    def has_security(self) -> bool:
        """Return whether it permits listening beyond loopback: with authentication, or with `insecure`."""
        return self.tls is not None or self.key_file is not None or self.insecure

    @property
    def voters(self) -> frozenset[str]:
        """The ids of all voters: this node and its peers."""
        return frozenset((self.node, *self.peers))

    def _check_addresses(self) -> None:
        listen = rules.parse_address("listen", self.listen)
        rules.check_exposure(self.listen, listen.host, has_security=self.has_security)
        if self.advertise is not None:
            rules.parse_dialable("advertise", self.advertise)
        else:
            rules.check_advertised(listen.host)
        if self.http_listen is not None:
            rules.check_http_port(listen, rules.parse_address("http_listen", self.http_listen))

    def _check_security(self) -> None:
        rules.check_choice("insecure", self.insecure, (True, False))
        rules.check_choice("replace_peers", self.replace_peers, (True, False))
        rules.check_tls(self.tls)
        rules.check_pins(self.pins, {str(self.node), *rules.check_table("peers", self.peers, rules.PEERS_MAX)})
        if self.key_file is not None:
            rules.check_key_file(self.key_file)
        if self.key_file is not None and self.tls is not None:
            raise ConfigError("key_file", self.key_file, "it cannot be combined with tls; remove one")
        if self.insecure and (self.key_file is not None or self.tls is not None):
            raise ConfigError("insecure", self.insecure, "it cannot be combined with tls or key_file; remove one")
        if self.pins and self.tls is None:
            raise ConfigError("pins", self.pins, "they require tls; set tls, or remove pins")

    def _check_peers(self) -> None:
        own = self.advertise_address
        owners: dict[Address, object] = {rules.normal(own): self.node, rules.normal(self.listen_address): self.node}
        if rules.is_wildcard(self.listen_address.host):
            owners[Address("127.0.0.1", self.listen_address.port)] = self.node
        for node_id, text in rules.check_table("peers", self.peers, rules.PEERS_MAX).items():
            rules.check_id("peers", node_id)
            if node_id == self.node:
                raise ConfigError("peers", node_id, "this is the node's own id; list only the other nodes")
            address = rules.parse_dialable("peers", text, f"the address of {node_id}: ")
            if (owner := owners.setdefault(rules.normal(address), node_id)) != node_id:
                raise ConfigError("peers", text, f"{node_id} has the same address as {owner}; give each node its own")
            rules.check_far_peer("listen" if self.advertise is None else "advertise", own, node_id, address)

    def _check_timing(self) -> None:
        heartbeat_ns = rules.parse_duration(
            "heartbeat_interval", self.heartbeat_interval, rules.HEARTBEAT_INTERVAL_NS_MIN, DURATION_NS_MAX
        )
        support_ns = rules.parse_duration("support_duration", self.support_duration, 1, DURATION_NS_MAX)
        rules.parse_duration("grace", self.grace, 0, rules.GRACE_NS_MAX)
        least, least_ns = rules.HEARTBEATS_PER_SUPPORT_MIN, rules.HEARTBEATS_PER_SUPPORT_MIN * heartbeat_ns
        if support_ns < least_ns:
            raise ConfigError(
                "support_duration",
                self.support_duration,
                f"it must be at least {least} × heartbeat_interval:"
                f" {format_ns(support_ns)} < {least} × {format_ns(heartbeat_ns)} = {format_ns(least_ns)}",
            )
        rules.check_failback(self.failback, support_ns)


def _restore(values: dict[str, object]) -> Config:
    return Config(**values)  # type: ignore[arg-type]  # the values come from a Config
