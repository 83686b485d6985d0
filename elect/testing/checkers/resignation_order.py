"""Who resigns tells its own application first.

Source: PROTOCOL.md, section 6, "Handing over".
"""

from typing import TYPE_CHECKING

from elect.core.events import Event, LossReason, Lost
from elect.core.messages import Batch, Resign
from elect.testing.checkers.safety import Safety
from elect.testing.simulation.simulation_options import nanoseconds
from elect.testing.world.world import World
from elect.testing.world.world_observer import Observer

if TYPE_CHECKING:
    from elect.testing.world.process import Process

_TAKEN = (LossReason.LEASE_LAPSED, LossReason.SUPERSEDED, LossReason.NO_LEASE)
"""What is lost so was not given up: nobody waits for the application."""


class ResignationOrder(Observer):
    """Watches Resign wait until the application has heard, or has had its grace."""

    def __init__(self, world: World, safety: Safety) -> None:
        self._world = world
        self._safety = safety
        self._unheard: dict[tuple[str, str, int], int] = {}

    def told(self, process: "Process", event: Event) -> None:
        """Note until when the application may work on."""
        if isinstance(event, Lost) and event.reason not in _TAKEN:
            grace = nanoseconds(self._world.options.grace)
            self._unheard[str(process), event.election, event.term] = process.now + grace

    def acknowledged(self, process: "Process", election: str, term: int) -> None:
        """The application has heard."""
        self._unheard.pop((str(process), election, term), None)

    def sent(self, process: "Process", peer: str, batch: Batch) -> None:
        """Check a Resign; whoever was overtaken by a later leader need not wait any more."""
        for entry in batch.entries:
            if not isinstance(entry, Resign):
                continue
            until = self._unheard.get((str(process), entry.election, entry.term), 0)
            if process.now < until and not self._is_overtaken(entry):
                self._world.fail("applications hear first", f"{process} sends {entry} to {peer}, unheard")

    def _is_overtaken(self, resign: Resign) -> bool:
        elected = self._safety.elected
        return any(election == resign.election and term > resign.term for election, term in elected)
