"""The check that a leader resigns in order: the lease ends, the application is told, then Resign is sent.

Source: PROTOCOL.md, section 6, "Handing over".
"""

from elect.core.events import Event, LossReason, Lost
from elect.core.messages import Batch, Resign
from elect.testing.checkers.safety import Safety
from elect.testing.simulation.simulation_options import nanoseconds
from elect.testing.world.process import Process
from elect.testing.world.world import World
from elect.testing.world.world_observer import Observer

_TAKEN = (LossReason.LEASE_LAPSED, LossReason.SUPERSEDED, LossReason.NO_LEASE)
"""The reasons of an involuntary loss: Resign does not wait for the application."""


class ResignationOrder(Observer):
    """Checks that Resign waits until the application has acknowledged the loss, or its grace is over."""

    def __init__(self, world: World, safety: Safety) -> None:
        self._world = world
        self._safety = safety
        self._unheard: dict[tuple[str, str, int], int] = {}

    def told(self, process: Process, event: Event) -> None:
        """Note how long the application may work; check that only a later leader supersedes a valid lease."""
        if isinstance(event, Lost) and event.reason not in _TAKEN:
            grace = nanoseconds(self._world.options.grace)
            self._unheard[str(process), event.election, event.term] = process.now + grace
        elif isinstance(event, Lost) and event.reason is LossReason.SUPERSEDED:
            following = process.elector.state.elections[event.election].following
            if following is None or not following.is_elected or following.term < event.term:
                self._world.fail(
                    "leases give way to leaders alone", f"{process} is told {event}, and follows {following}"
                )

    def acknowledged(self, process: Process, election: str, term: int) -> None:
        """Note that the application has acknowledged the loss."""
        self._unheard.pop((str(process), election, term), None)

    def sent(self, process: Process, peer: str, batch: Batch) -> None:
        """Fail if a Resign leaves too early; it may when another node was elected in a later term."""
        for entry in batch.entries:
            if not isinstance(entry, Resign):
                continue
            until = self._unheard.get((str(process), entry.election, entry.term), 0)
            if process.now < until and not self._is_overtaken(entry):
                self._world.fail("applications hear first", f"{process} sends {entry} to {peer}, unheard")

    def _is_overtaken(self, resign: Resign) -> bool:
        elected = self._safety.elected
        return any(election == resign.election and term > resign.term for election, term in elected)
