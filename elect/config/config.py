"""The configuration of a node: a value that is checked as a whole when it is made."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self

from elect.config import client_rules, join_rules, mirror_rules, rules, sources
from elect.config.derived_settings import DerivedSettings
from elect.config.durations import format_ns
from elect.config.frozen_mapping import FrozenMapping
from elect.core.configuration import MemberKind
from elect.core.messages import DURATION_NS_MAX, OFFSET_MAX, PRIORITY_MAX
from elect.errors import ConfigError
from wire.protocol.address import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Config(DerivedSettings):
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
        peers: the other voters of a new cluster, from id to address, at most 63. Host names are resolved at every dial.
            Later the members in `data_dir` count: a change here changes none of them.
        seeds: instead of `peers`, the addresses of members of the cluster to join, 1 to 64. This node's own may be
            one of them, spelled as in `advertise`: give every node the same list. Once this node is a member they are
            not used. None: this node joins nothing; an empty list is refused.
        bootstrap: True permits the node with the smallest seed address to form a cluster after 3 to 7 s in which the
            seeds that have not said that they know of none are silent. Remove it once there is a cluster.
        kind: the part of a node that joins: "voter", "witness", which votes and never leads, or "observer".
        join_attempts: the number of passes over the seeds after which the node gives up; 0: no limit. While `bootstrap`
            waits for silent seeds it does not give up.
        join_backoff_max: the longest wait between two passes, from 250 ms to 1 h.
        join_token: the one-time secret that a cluster may demand of a node that joins; `elect members token` makes one.
        join_token_file: the path of a file with that secret.
        join_token_required: True demands a token of each node that joins. It needs a key or TLS, and `operator_token`,
            with which tokens are made. Set both alike on all members.
        learner_lag_max: a leader makes a learner a voter only if its replication offset is at most this much below its
            own; None: any.
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
        clients_listen: the address of a second listener, for clients alone, as "unix:/run/elect/a.sock"; None: clients
            dial `listen`, as peers do.
        clients_max: the most clients and mirrors at a time, half of them from one address; 0: none is let in.
        client_uids: the user ids whose processes may use a Unix socket; none: this process's own, and root.
        tls: the paths of this node's `certificate` and `key`, and of the `ca`, in PEM. All connections between nodes
            use mutual TLS. The certificate must name the node id.
        pins: node id to the SHA-256 in hex of its certificate or public key, or several with spaces between. With TLS,
            that node must have one of them.
        key_file: the path of a file with one or two shared keys, one a line. Both ends of a connection prove that they
            hold one, and every frame is authenticated. Nothing is encrypted.
        insecure: True permits listening beyond loopback without authentication.
        clients_may_seal: False refuses the request of a mirror to seal this cluster; see `Node.promote`.
        mirror_source: the addresses of nodes of another cluster, 1 to 64. This node's cluster is a standby cluster
            of that one: it follows it, and elects nobody until it is promoted. Give every node the same list. None:
            this node follows no cluster.
        mirror_cluster: the name of that cluster; default: `cluster`.
        mirror_cluster_id: its id, in hex; None: that of the first one that is met, for good.
        mirror_name: the name of this node's mirror; default: `node`. A certificate must name `mirror/NAME`.
        mirror_tls, mirror_key_file, mirror_insecure: as `tls`, `key_file` and `insecure`, for the links to that
            cluster. Without any of them, those of this node are used.
        mirror_pins: as `pins`, for the nodes of that cluster.

    Raises:
        ConfigError: a value breaks a rule.
    """

    node: str
    cluster: str
    listen: str
    data_dir: str | os.PathLike[str]
    peers: Mapping[str, str] = field(default_factory=dict)
    seeds: Sequence[str] | None = None
    bootstrap: bool = False
    kind: Literal["voter", "witness", "observer"] = "voter"
    join_attempts: int = 0
    join_backoff_max: str | float = "32s"
    join_token: str | None = field(default=None, repr=False)
    join_token_file: str | os.PathLike[str] | None = None
    join_token_required: bool = False
    learner_lag_max: int | None = None
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
    clients_listen: str | None = None
    clients_max: int = 1_000
    client_uids: Sequence[int] = ()
    tls: Mapping[str, str | os.PathLike[str]] | None = None
    pins: Mapping[str, str] = field(default_factory=dict)
    key_file: str | os.PathLike[str] | None = None
    insecure: bool = False
    clients_may_seal: bool = True
    mirror_source: Sequence[str] | None = None
    mirror_cluster: str | None = None
    mirror_cluster_id: str | None = None
    mirror_name: str | None = None
    mirror_tls: Mapping[str, str | os.PathLike[str]] | None = None
    mirror_pins: Mapping[str, str] = field(default_factory=dict)
    mirror_key_file: str | os.PathLike[str] | None = None
    mirror_insecure: bool = False

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
        rules.check_number("priority", self.priority, PRIORITY_MAX)
        rules.check_metadata(self.metadata)
        rules.check_secret("operator_token", self.operator_token)
        self._check_addresses()
        self._check_peers()
        self._check_join()
        self._check_timing()
        self._check_mirror()
        for name in sources.PATHS:
            if getattr(self, name) is not None:
                object.__setattr__(self, name, rules.expand_home(name, getattr(self, name)))
        for name in ("tls", "mirror_tls"):
            if (files := getattr(self, name)) is not None:
                object.__setattr__(self, name, {each: rules.expand_home(name, path) for each, path in files.items()})
        for name in sources.TABLES:  # the caller keeps its own dict, and cannot change this one
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

    def _check_addresses(self) -> None:
        listen = rules.parse_address("listen", self.listen)
        rules.check_exposure(self.listen, listen.host, has_security=self.has_security)
        if self.advertise is not None:
            rules.parse_dialable("advertise", self.advertise)
        else:
            rules.check_advertised(listen.host)
        if self.http_listen is not None:
            rules.check_port("http_listen", listen, rules.parse_address("http_listen", self.http_listen))
        client_rules.check(listen, self.clients_listen, self.clients_max, self.client_uids, self.has_security)

    def _check_security(self) -> None:
        rules.check_choice("insecure", self.insecure, (True, False))
        rules.check_tls(self.tls)
        known = {str(self.node), *rules.check_table("peers", self.peers, rules.PEERS_MAX)}
        rules.check_pins(self.pins, None if self.seeds else known)
        if self.key_file is not None:
            rules.check_key_file(self.key_file)
        if self.key_file is not None and self.tls is not None:
            raise ConfigError("key_file", self.key_file, "it cannot be combined with tls; remove one")
        if self.insecure and (self.key_file is not None or self.tls is not None):
            raise ConfigError("insecure", self.insecure, "it cannot be combined with tls or key_file; remove one")
        if self.pins and self.tls is None:
            raise ConfigError("pins", self.pins, "they require tls; set tls, or remove pins")

    def _check_peers(self) -> None:
        owners: dict[Address, object] = {
            rules.normal(self.advertise_address): self.node,
            rules.normal(self.listen_address): self.node,
        }
        if rules.is_wildcard(self.listen_address.host):
            owners[Address("127.0.0.1", self.listen_address.port)] = self.node
        for node_id, text in rules.check_table("peers", self.peers, rules.PEERS_MAX).items():
            rules.check_id("peers", node_id)
            if node_id == self.node:
                raise ConfigError("peers", node_id, "this is the node's own id; list only the other nodes")
            address = rules.parse_dialable("peers", text, f"the address of {node_id}: ")
            if (owner := owners.setdefault(rules.normal(address), node_id)) != node_id:
                raise ConfigError("peers", text, f"{node_id} has the same address as {owner}; give each node its own")
            self._check_far(f"peer {node_id}", address)

    def _check_far(self, other: str, address: Address) -> None:
        name = "listen" if self.advertise is None else "advertise"
        rules.check_far_peer(name, self.advertise_address, other, address)

    def _check_join(self) -> None:
        for seed in join_rules.parse_seeds(self.seeds):
            self._check_far("the node of a seed", seed)
        join_rules.check_peers(self.seeds, self.peers)
        rules.check_choice("bootstrap", self.bootstrap, (True, False))
        rules.check_choice("kind", self.kind, tuple(kind.value for kind in MemberKind))
        rules.check_number("join_attempts", self.join_attempts, join_rules.ATTEMPTS_MAX)
        join_rules.check_backoff(self.join_backoff_max)
        rules.check_secret("join_token", self.join_token)
        join_rules.check_token_file(self.join_token_file, self.join_token)
        has_proof = self.tls is not None or self.key_file is not None
        join_rules.check_required(self.join_token_required, self.operator_token, has_proof=has_proof)
        if self.learner_lag_max is not None:
            rules.check_number("learner_lag_max", self.learner_lag_max, OFFSET_MAX)
        if not self.seeds:
            join_rules.check_unset({name: getattr(self, name) for name in join_rules.DEFAULTS})

    def _check_mirror(self) -> None:
        rules.check_choice("clients_may_seal", self.clients_may_seal, (True, False))
        mirror_rules.check(self)

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
