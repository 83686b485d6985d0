"""Endpoints: the addresses at which a client finds nodes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from elect.config.config import Config
from elect.joining.join_passes import dialable
from elect.observing.observer_messages import MembersReport
from elect.observing.observer_settings import ENDPOINTS_MAX
from wire.protocol.address import Address


def endpoints_of(config: Config) -> list[str]:
    """Return the addresses that the settings of a node have, its own first; as many as a client takes."""
    texts = [str(config.advertise_address), *config.peers.values(), *(config.seeds or ())]
    return list(dict.fromkeys(texts))[:ENDPOINTS_MAX]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeTarget:
    """An address to dial.

    Attributes:
        address: the address.
        node_id: the id of the node that is known to be there; empty: none is.
        is_seed: the program gave the address. Any node may answer there: one with another id may have taken its place.
    """

    address: Address
    node_id: str = ""
    is_seed: bool = False

    @property
    def to(self) -> str:
        """The id of the node that has to answer; empty: any."""
        return "" if self.is_seed else self.node_id


class Endpoints:
    """The seeds of a client, and the addresses of the members since a node has reported them. Pure.

    Args:
        seeds: the addresses that the program gave, at least one.
        is_believed: returns whether a node at an address may be believed; others are not listed.
    """

    def __init__(self, seeds: Sequence[Address], is_believed: Callable[[Address], bool] = lambda _: True) -> None:
        self._seeds = tuple(dict.fromkeys(seeds))
        self._is_believed = is_believed
        self._version = (-1, -1)
        self._members: dict[str, Address] = {}
        self._hints: dict[str, ProbeTarget] = {}

    def refresh(self, report: MembersReport) -> None:
        """Follow the members of a report; one that is older, or names no address, leaves the list in place."""
        configuration = report.configuration
        version = (configuration.term, configuration.version)
        if version < self._version:
            return
        known: dict[str, Address] = {}
        for member in configuration.members:
            text = report.addresses.get(member.node_id) or member.address
            address = self._address(text) or self._members.get(member.node_id)
            if address is not None:
                known[member.node_id] = address
        if known:
            self._members, self._version = known, version

    def hint(self, election: str, node_id: str, text: str) -> ProbeTarget | None:
        """Note who is said to lead an election; return the place to dial, or None if none is known.

        Args:
            election: the name of the election.
            node_id: the id of the leader.
            text: the leader's address; empty: not known.
        """
        address = self._address(text) or self._members.get(node_id)
        if address is None:
            return None
        self._hints[election] = ProbeTarget(address=address, node_id=node_id)
        return self._hints[election]

    def is_beyond(self, text: str | None) -> bool:
        """Return whether the address in a text is one that may not be believed."""
        address = dialable(text) if text else None
        return address is not None and not self._is_believed(address)

    def forget_hint(self, election: str) -> None:
        """Forget who is said to lead an election that is no longer watched."""
        self._hints.pop(election, None)

    def targets(self) -> tuple[ProbeTarget, ...]:
        """Return all places to dial, each address once: leaders first, then members, then seeds."""
        members = [ProbeTarget(address=address, node_id=node_id) for node_id, address in self._members.items()]
        found: dict[Address, str] = {}
        for target in (*self._hints.values(), *members):
            found.setdefault(target.address, target.node_id)
        for address in self._seeds:
            found.setdefault(address, "")
        return tuple(
            ProbeTarget(address=address, node_id=node_id, is_seed=address in self._seeds)
            for address, node_id in found.items()
        )

    def _address(self, text: str | None) -> Address | None:
        address = dialable(text) if text else None
        return address if address is not None and self._is_believed(address) else None
