"""The check of the core's own invariants on each node, after each step that tells something."""

from elect.core.events import Event
from elect.core.invariants import InvariantError, check
from elect.testing.world.process import Process
from elect.testing.world.world import World
from elect.testing.world.world_observer import Observer


class LocalInvariants(Observer):
    """Checks that the state of a node is consistent in itself."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._told: Event | None = None

    def told(self, process: Process, event: Event) -> None:  # noqa: ARG002 (the observer's signature)
        """Note that a node tells something in this step."""
        self._told = event

    def stepped(self, process: Process) -> None:
        """Check the node if it told something in this step."""
        event, self._told = self._told, None
        if event is not None:
            try:
                check(process.elector.state)
            except InvariantError as error:
                self._world.fail("nodes are consistent", f"{error} (told {event})")
