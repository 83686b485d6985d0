"""The leader of an election, and the description that a node gives of itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Leader:
    """The node that leads, as far as this node knows: a hint, not a promise, and perhaps no longer true.

    Attributes:
        node_id: the id of the leader.
        term: its term, which is the fencing token.
        address: the "host:port" that it advertises, or None when it is not known.
        metadata: the `metadata` of its configuration.
        as_of: when this was last known to be true, in seconds of this node's clock.
    """

    node_id: str
    term: int
    address: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    as_of: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The address, metadata and settings that a node shows in its handshakes."""

    address: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
