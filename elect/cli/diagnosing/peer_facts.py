"""Gathers what is known of each peer: from a dial, from the running node, or from the peer's Hello."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from elect.cli import http_client, reachability
from elect.cli.commands.check_node import dial, dial_all, dial_seeds, own_identity
from elect.cli.exit_codes import Failure
from elect.cli.status_table import cluster_state, entries
from elect.clock import NS_PER_S
from elect.config import shown_settings
from elect.config.config import Config
from elect.core.configuration import ClusterState
from elect.errors import BindError
from elect.monitoring.clock_comparison import ClockDrift
from elect.monitoring.member_phase import MemberPhase
from wire.protocol.address import Address
from wire.protocol.handshake import Hello
from wire.security.security import Security


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerFacts:
    """The facts about one peer.

    Attributes:
        address: at which it was dialed.
        fault: what is wrong with its links, or None.
        is_direct: no proxy ends its links to this node; None: not known.
        drift: of its clock, or None: not known.
        round_trip_ns: see PeerHealth; 0: not known.
        settings: its versions and settings; empty: not known.
    """

    address: str
    fault: str | None = None
    is_direct: bool | None = None
    drift: ClockDrift | None = None
    round_trip_ns: int = 0
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFacts:
    """The facts about the node and its peers.

    Attributes:
        peers: by id, or by address if the node is to join.
        status: of the running node; None: it does not run, or cannot be asked.
        unasked: why the running node cannot be asked; None: it could, or it does not run.
    """

    peers: Mapping[str, PeerFacts]
    status: Mapping[str, object] | None = None
    unasked: str | None = None

    @property
    def lag_ns(self) -> int | None:
        """The longest delay of the running node in the last minutes, or None."""
        return None if self.status is None else _ns(self.status.get("loop_lag_max"))

    @property
    def is_over(self) -> bool:
        """Whether the running node leads nothing any more, for good: its cluster is sealed, or it was removed."""
        status = self.status or {}
        return cluster_state(status) == ClusterState.SEALED or status.get("lifecycle") == MemberPhase.REMOVED

    def descriptors_max(self, own: int | None) -> int | None:
        """Return the most descriptors of the running node, or else the doctor's own; None: there is no limit."""
        told = own if self.status is None else self.status.get("descriptors_max", own)
        return told if isinstance(told, int) else None


def gather(config: Config, security: Security) -> ClusterFacts:
    """Ask the running node, or listen in its place, and dial its peers.

    Raises:
        BindError: the address of the node is not this machine's, or another program has it.
    """
    status = _ask(config)
    if status is not None:
        return ClusterFacts(peers=_running(config, security, status), status=status)
    if config.seeds:
        return ClusterFacts(peers=_seeds(config, security))
    return _stopped(config, security)


def _ask(config: Config) -> Mapping[str, object] | None:
    """Return the status of this node, if it runs and serves HTTP."""
    if config.http_address is None:
        return None
    try:
        status = http_client.ask(config.http_address, "GET", "/status").content
    except Failure:
        return None
    is_own = (status.get("node"), status.get("cluster")) == (config.node, config.cluster)
    return status if is_own and status.get("state") == "running" else None


def _running(config: Config, security: Security, status: Mapping[str, object]) -> dict[str, PeerFacts]:
    shown = {str(peer.get("node")): peer for peer in entries(status, "peers")}
    places = {node_id: str(peer.get("address") or config.peers.get(node_id, "")) for node_id, peer in shown.items()}
    apart = {node_id: place for node_id, place in places.items() if place and not shown[node_id].get("is_dialed")}
    dialed = dial_all(config, security, {node_id: Address.parse(place) for node_id, place in apart.items()})
    answering = [node_id for node_id in shown if dialed.get(node_id) is None]
    faults = dialed | reachability.faults_in(config, status, answering)
    return {
        node_id: PeerFacts(
            address=places[node_id] or "no address",
            fault=faults[node_id],
            is_direct=peer.get("is_direct") is not False if peer.get("is_accepted") else None,
            drift=_drift(peer.get("clock_drift")),
            round_trip_ns=_ns(peer.get("round_trip")),
            settings=_texts(peer.get("settings")),
        )
        for node_id, peer in shown.items()
    }


def _stopped(config: Config, security: Security) -> ClusterFacts:
    faults = dial_all(config, security, config.peer_addresses)
    peers = {node_id: PeerFacts(address=config.peers[node_id], fault=fault) for node_id, fault in faults.items()}

    def note(hello: Hello, is_direct: bool) -> None:
        settings = shown_settings.read(hello.attributes.get(shown_settings.SETTINGS, ""))
        peers[hello.node] = replace(peers[hello.node], is_direct=is_direct, settings=settings)

    answering = [node_id for node_id, fault in faults.items() if fault is None]
    try:
        reached = reachability.listen(config, own_identity(config), security, answering, note=note)
    except BindError:
        if dial(own_identity(config), config.node, config.listen_address, security) is not None:
            raise
        return ClusterFacts(
            peers=peers,
            unasked="it runs without [http] listen" if config.http_address is None else "its HTTP does not answer",
        )
    return ClusterFacts(
        peers={node_id: replace(facts, fault=reached.get(node_id, facts.fault)) for node_id, facts in peers.items()}
    )


def _seeds(config: Config, security: Security) -> dict[str, PeerFacts]:
    """Dial the seeds; one that answers is enough."""
    faults = dial_seeds(config, security)
    if not all(faults.values()):
        faults = dict.fromkeys(faults)
    return {seed: PeerFacts(address=seed, fault=fault) for seed, fault in faults.items()}


def _drift(value: object) -> ClockDrift | None:
    bounds = [value.get(name) for name in ("least", "most")] if isinstance(value, Mapping) else []
    numbers = [float(bound) for bound in bounds if isinstance(bound, int | float)]
    return ClockDrift(least=numbers[0], most=numbers[1]) if len(numbers) == 2 else None


def _ns(seconds: object) -> int:
    return round(seconds * NS_PER_S) if isinstance(seconds, int | float) else 0


def _texts(value: object) -> dict[str, str]:
    return {str(name): str(text) for name, text in value.items()} if isinstance(value, Mapping) else {}
