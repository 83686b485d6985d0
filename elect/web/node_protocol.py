"""The part of a node that the web application uses: elect.Node has it, and so has its fake in tests."""

from typing import Protocol

from elect.config.config import Config
from elect.leader import Leader
from elect.monitoring.metrics import Metrics
from elect.monitoring.status import Status


class HeldLeadership(Protocol):
    """A leadership whose lease was valid when it was read."""

    @property
    def token(self) -> int:
        """The fencing token: the term of this leadership."""


class ElectionProtocol(Protocol):
    """One election, as its node sees it."""

    @property
    def leadership(self) -> HeldLeadership | None:
        """This node's leadership, if its lease is valid at the call."""

    @property
    def leader(self) -> Leader | None:
        """The leader that this node knows, or None."""

    def resign(self, to: str | None = None, timeout: float | None = None) -> None:
        """Give up leadership, or hand it over."""


class NodeProtocol(Protocol):
    """A node, as the web application sees it."""

    @property
    def config(self) -> Config:
        """The settings that it was started with."""

    @property
    def metrics(self) -> Metrics:
        """The metrics, with those of `wire` in the same registry."""

    @property
    def is_alive(self) -> bool:
        """Return whether it was started, is not stopped, and all of its threads are alive."""

    @property
    def loop_lag_ns(self) -> int:
        """The present delay of the orchestrator thread, ns."""

    def find_election(self, name: str) -> ElectionProtocol | None:
        """Return an election that this node knows; none is created."""

    def status(self) -> Status:
        """Return the whole status at one moment."""

    def forget(self, node_id: str) -> None:
        """Accept a voter again that has lost its votes."""

    def pause(self, timeout: float | None = None) -> None:
        """Stop being a candidate in every election."""

    def resume(self, timeout: float | None = None) -> None:
        """Be a candidate again after `pause`."""
