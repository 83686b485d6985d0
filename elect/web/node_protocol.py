"""The part of a node that the web application uses: elect.Node has it, and so has its fake in tests."""

from collections.abc import Collection, Mapping
from typing import Protocol

from elect.config.config import Config
from elect.core.configuration import Configuration
from elect.leader import Leader
from elect.monitoring.event_history import EventHistory
from elect.monitoring.member_phase import MemberLifecycle
from elect.monitoring.metrics import Metrics
from elect.monitoring.status import Status


class HeldLeadership(Protocol):
    """A leadership whose lease was valid when it was read."""

    @property
    def token(self) -> int:
        """The fencing token: the term of this leadership."""

    @property
    def node_id(self) -> str:
        """The id of this node."""


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


class MembersProtocol(Protocol):
    """The members of the cluster, and their changes; each raises as those of elect.api.members.Members do."""

    def add(
        self, node_id: str, address: str | None = None, kind: str = "voter", timeout: float | None = None
    ) -> Configuration:
        """Add a node as a learner or an observer."""

    def remove(self, node_id: str, force: bool = False, timeout: float | None = None) -> Configuration:
        """Remove a member."""

    def promote(self, node_id: str, kind: str | None = None, timeout: float | None = None) -> Configuration:
        """Make a learner or an observer a voter."""

    def demote(self, node_id: str, timeout: float | None = None) -> Configuration:
        """Make a voter an observer."""

    def replace(
        self, node_id: str, address: str | None = None, force: bool = False, timeout: float | None = None
    ) -> Configuration:
        """Accept a voter again that has lost its data directory."""

    def seal(self, successor: str = "", timeout: float | None = None) -> Configuration:
        """Have the cluster elect nobody any more."""


class MadePromotion(Protocol):
    """The result of a promotion."""

    def to_dict(self) -> Mapping[str, object]:
        """Return the content as JSON types."""


class NodeProtocol(Protocol):
    """A node, as the web application sees it."""

    @property
    def config(self) -> Config:
        """The settings that it was started with."""

    @property
    def metrics(self) -> Metrics:
        """The metrics, with those of `wire` in the same registry."""

    @property
    def members(self) -> MembersProtocol:
        """The members of the cluster."""

    @property
    def is_alive(self) -> bool:
        """Return whether it was started, is not stopped, and all of its threads are alive."""

    @property
    def state(self) -> str:
        """The state of its life: running, stopping, stopped, failed or forked."""

    @property
    def history(self) -> EventHistory:
        """The latest events."""

    @property
    def known_leaders(self) -> Mapping[str, str | None]:
        """The leader that it knows, or None, for each election."""

    def wait_for_events(self, after: int, timeout: float) -> bool:
        """Wait until there is an event after that number; raises Stopped or Forked when the node no longer runs."""

    @property
    def lifecycle(self) -> MemberLifecycle:
        """The phase of the node as a member of its cluster."""

    @property
    def loop_lag_ns(self) -> int:
        """The present delay of the orchestrator thread, ns."""

    def find_election(self, name: str) -> ElectionProtocol | None:
        """Return an election that this node knows; none is created."""

    def status(self, elections: Collection[str] | None = None) -> Status:
        """Return the status at one moment, with these elections alone, or with all."""

    def pause(self, timeout: float | None = None) -> None:
        """Stop being a candidate in every election."""

    def resume(self, timeout: float | None = None) -> None:
        """Be a candidate again after `pause`."""

    def promote(self, force: bool = False, timeout: float = 30.0) -> MadePromotion:
        """Have a standby cluster elect leaders from now on."""
