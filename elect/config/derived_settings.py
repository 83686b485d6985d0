"""The settings of a node in the units and types of the program."""

import math
import os
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Literal

from elect.config import join_rules, rules
from elect.config.durations import parse_ns
from elect.core.configuration import Configuration, MemberKind
from wire.protocol.address import Address


class DerivedSettings:
    """The properties of a Config that follow from its fields."""

    __slots__ = ()

    node: str
    cluster: str
    listen: str
    peers: Mapping[str, str]
    seeds: Sequence[str] | None
    kind: Literal["voter", "witness", "observer"]
    join_attempts: int
    join_backoff_max: str | float
    join_token: str | None
    join_token_file: str | os.PathLike[str] | None
    advertise: str | None
    heartbeat_interval: str | float
    support_duration: str | float
    clock_drift: float
    failback: str | float | None
    grace: str | float
    http_listen: str | None
    clients_listen: str | None
    tls: Mapping[str, str | os.PathLike[str]] | None
    pins: Mapping[str, str]
    key_file: str | os.PathLike[str] | None
    insecure: bool
    clients_may_seal: bool
    mirror_source: Sequence[str] | None
    mirror_cluster: str | None
    mirror_cluster_id: str | None
    mirror_name: str | None
    mirror_tls: Mapping[str, str | os.PathLike[str]] | None
    mirror_pins: Mapping[str, str]
    mirror_key_file: str | os.PathLike[str] | None
    mirror_insecure: bool

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
    def clients_address(self) -> Address | None:
        """The address of the listener for clients alone, or None."""
        return None if self.clients_listen is None else Address.parse(self.clients_listen, is_unix_allowed=True)

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
        """The ids of the voters of a new cluster: this node and its peers; none if this node joins one."""
        return frozenset(() if self.seeds else (self.node, *self.peers))

    @property
    def first_configuration(self) -> Configuration:
        """The configuration of a node without data; it has no members if this node joins a cluster."""
        own = {self.node: str(self.advertise_address)} if rules.is_dialable(self.advertise_address) else {}
        is_standby = bool(self.mirror_source and self.voters)
        return Configuration.initial(self.voters, addresses={**own, **self.peers}, is_standby=is_standby)

    @property
    def seed_addresses(self) -> tuple[Address, ...]:
        """The addresses of the seeds in one spelling, sorted."""
        return tuple(sorted(rules.normal(Address.parse(seed)) for seed in self.seeds or ()))

    @property
    def other_seed_addresses(self) -> tuple[Address, ...]:
        """The addresses of the seeds, but for this node's own."""
        return tuple(seed for seed in self.seed_addresses if seed != rules.normal(self.advertise_address))

    @property
    def member_kind(self) -> MemberKind:
        """The part of a node that joins."""
        return MemberKind(self.kind)

    @property
    def join_attempts_max(self) -> int | None:
        """The number of passes over the seeds, or None: no limit."""
        return self.join_attempts or None

    @property
    def join_backoff_max_ns(self) -> int:
        """The longest wait between two passes over the seeds, ns."""
        return parse_ns(self.join_backoff_max)

    def read_join_token(self) -> str:
        """Return the join token, from its file if that is set; empty: there is none.

        Raises:
            ConfigError: the file cannot be read, or has no token in it.
        """
        if self.join_token_file is None:
            return self.join_token or ""
        return join_rules.read_token(Path(self.join_token_file))

    @property
    def is_sealing_allowed(self) -> bool:
        """Return whether a mirror may seal this cluster: it is allowed, and a mirror is proven to be one.

        On loopback any program of this machine is believed, as elsewhere.
        """
        has_proof = self.tls is not None or self.key_file is not None
        return self.clients_may_seal and (has_proof or rules.is_loopback(self.listen_address.host))

    @property
    def mirror_own_name(self) -> str:
        """The name of this node's mirror."""
        return self.node if self.mirror_name is None else self.mirror_name

    @property
    def is_mirror_secured_alone(self) -> bool:
        """Return whether the links to the source have security settings of their own."""
        return bool(self.mirror_tls or self.mirror_key_file or self.mirror_insecure)

    @property
    def has_mirror_tls(self) -> bool:
        """Return whether the links to the source use TLS."""
        return bool(self.mirror_tls or (self.tls and not self.is_mirror_secured_alone))

    @property
    def has_mirror_security(self) -> bool:
        """Return whether a source beyond loopback is believed."""
        return self.is_mirror_secured_alone or self.has_security
