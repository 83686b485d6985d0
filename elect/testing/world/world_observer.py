"""Those who watch a world without touching it: each checker is one."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from elect.core.events import Event
from elect.core.messages import Batch, Heartbeat
from elect.core.ready import Ballot, Lease

if TYPE_CHECKING:
    from elect.testing.world.process import Process
    from elect.testing.world.simulated_link import SimulatedLink


class Observer:
    """Told of every step; overrides what it cares about."""

    def published(
        self, process: "Process", leases: Mapping[str, Lease | None], counted: Mapping[str, int] | None
    ) -> None:
        """A node's leases or counted support changed; the process's table already shows them."""

    def stepped(self, process: "Process") -> None:
        """A node handled an input."""

    def sent(self, process: "Process", peer: str, batch: Batch) -> None:
        """Entries left a node."""

    def heard(self, process: "Process", link: "SimulatedLink", heartbeat: Heartbeat) -> None:
        """A heartbeat is about to be handled by a node."""

    def ended(self, process: "Process", link: "SimulatedLink", is_end_of_stream: bool) -> None:
        """The end of an accepted link is about to be handled by a node."""

    def told(self, process: "Process", event: Event) -> None:
        """A node's application was told something."""

    def acknowledged(self, process: "Process", election: str, term: int) -> None:
        """A node's application has heard that it leads no more."""

    def stored(self, node_id: str, store_id: int, ballots: Mapping[str, Ballot]) -> None:
        """Ballots are on a node's disk."""

    def started(self, process: "Process") -> None:
        """A node began to run."""

    def died(self, process: "Process") -> None:
        """A node ceased to run."""
