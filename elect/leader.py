"""Who leads, as far as this node knows."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Leader:
    """A hint, never a promise: it was true when it was heard, and may not be any more.

    Attributes:
        node_id: who leads.
        term: its term, the fencing token.
        address: what it advertises ("host:port"), or None where it is not known.
        metadata: what its configuration lets travel with leadership.
        as_of: when this was last known to hold, seconds of this node's clock.
    """

    node_id: str
    term: int
    address: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    as_of: float = 0.0
