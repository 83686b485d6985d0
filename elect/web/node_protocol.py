"""What the application asks of a node; elect.Node fits, and so does a test's stand-in."""

from typing import Protocol

from elect.config.config import Config
from elect.leader import Leader
from elect.web.exposition import Measured


class HeldLeadership(Protocol):
    """A lease that was valid when it was asked for."""

    @property
    def token(self) -> int:
        """The fencing token."""


class ElectionProtocol(Protocol):
    """One election, as its node sees it."""

    @property
    def leadership(self) -> HeldLeadership | None:
        """This node's leadership, if its lease is valid at the call."""

    @property
    def leader(self) -> Leader | None:
        """Whom this node knows to lead."""

    def resign(self, to: str | None = None, timeout: float | None = None) -> None:
        """Give up or hand over."""


class StatusProtocol(Protocol):
    """All that an operator may ask about."""

    def to_dict(self) -> dict[str, object]:
        """What JSON can hold."""


class NodeProtocol(Protocol):
    """A node."""

    @property
    def config(self) -> Config:
        """What it was started with."""

    @property
    def metrics(self) -> Measured:
        """Its counters."""

    @property
    def is_alive(self) -> bool:
        """Started, not stopped, and none of its threads has died."""

    @property
    def loop_lag_ns(self) -> int:
        """By how much the protocol's thread is late now."""

    def find_election(self, name: str) -> ElectionProtocol | None:
        """An election that exists here; none is made."""

    def status(self) -> StatusProtocol:
        """All of it, at one moment."""

    def forget(self, node_id: str) -> None:
        """Take a voter back that has lost its votes."""

    def pause(self, timeout: float | None = None) -> None:
        """Take no part as a candidate."""

    def resume(self, timeout: float | None = None) -> None:
        """Take part again."""
