"""What each node can see of itself: the core's own invariants, after every step of note."""

from typing import TYPE_CHECKING

from elect.core.events import Event
from elect.core.invariants import InvariantError, check
from elect.testing.world.world import World
from elect.testing.world.world_observer import Observer

if TYPE_CHECKING:
    from elect.testing.world.process import Process


class LocalSafety(Observer):
    """Checks one node's state by itself."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._told: Event | None = None

    def told(self, process: "Process", event: Event) -> None:  # noqa: ARG002 (the observer's signature)
        """Remember that a node tells something."""
        self._told = event

    def stepped(self, process: "Process") -> None:
        """Check a node that told something in this step."""
        event, self._told = self._told, None
        if event is not None:
            try:
                check(process.elector.state)
            except InvariantError as error:
                self._world.fail("nodes are consistent", f"{error} (told {event})")
