"""The base class of the checkers, which observe a world and never change it."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from elect.core.changes import Change, ChangeRefusal
from elect.core.configuration import Configuration
from elect.core.events import Event
from elect.core.messages import Batch
from elect.core.ready import Ballot, Lease

if TYPE_CHECKING:
    from elect.testing.world.process import Process
    from elect.testing.world.simulated_link import SimulatedLink


class Observer:
    """Called at each change of a world; a subclass overrides the methods that it needs."""

    def published(
        self, process: "Process", leases: Mapping[str, Lease | None], counted: Mapping[str, int] | None
    ) -> None:
        """Called when a node's leases or counted support changed; the process's table already shows them."""

    def stepped(self, process: "Process") -> None:
        """Called after a node handled an input."""

    def sent(self, process: "Process", peer: str, batch: Batch) -> None:
        """Called when a node sends a batch."""

    def heard(self, process: "Process", link: "SimulatedLink", message: object, read_at: int) -> None:
        """Called before a node handles a message, which it read at this time (ns, its clock)."""

    def ended(self, process: "Process", link: "SimulatedLink", is_end_of_stream: bool) -> None:
        """Called before a node handles the end of an accepted link."""

    def told(self, process: "Process", event: Event) -> None:
        """Called when a node's application is told of an event."""

    def acknowledged(self, process: "Process", election: str, term: int) -> None:
        """Called when a node's application acknowledged a loss."""

    def stored(self, node_id: str, store_id: int, ballots: Mapping[str, Ballot]) -> None:
        """Called when ballots are on a node's disk."""

    def configured(self, node_id: str, store_id: int, configuration: Configuration) -> None:
        """Called when a configuration is on a node's disk."""

    def decided(self, process: "Process", configuration: Configuration) -> None:
        """Called when a node begins to write a configuration, in the step in which it has decided for it."""

    def refused(self, process: "Process", change: Change, refusal: ChangeRefusal) -> None:
        """Called when a node refused a change of the members."""

    def started(self, process: "Process") -> None:
        """Called when a process starts."""

    def died(self, process: "Process") -> None:
        """Called when a process has ended."""


FREQUENT = ("stepped", "heard")
"""They are called for each input, so an observer must have them when it is added; the others may be set later."""


def overrides(observer: Observer, name: str) -> bool:
    """Return whether an observer has a method of its own of that name."""
    return name in vars(observer) or getattr(type(observer), name) is not getattr(Observer, name)


def noting(observer: Observer, note: Callable[[Exception], None]) -> Observer:
    """Return an observer that calls another one, and passes what that raises to `note`, too."""

    def guarded(name: str) -> object:
        def call(*values: object, **named: object) -> None:
            try:
                getattr(observer, name)(*values, **named)
            except Exception as error:
                note(error)
                raise

        return call

    made = Observer()
    for name in _METHODS:
        if name not in FREQUENT or overrides(observer, name):
            setattr(made, name, guarded(name))
    return made


_METHODS = tuple(name for name in vars(Observer) if not name.startswith("_"))
