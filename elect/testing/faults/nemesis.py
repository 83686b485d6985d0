"""Whoever lets things go wrong: at random times, to random victims, most often to a leader."""

from elect.testing.faults.application_faults import withhold
from elect.testing.faults.catalogue import FAULTS, SOLITARY
from elect.testing.faults.combined import mute
from elect.testing.faults.fault_context import FaultContext
from elect.testing.faults.triggered import TriggeredFaults
from elect.testing.simulation.simulation_options import Faults, nanoseconds
from elect.testing.world.world import World
from wire.common import arguments


class Nemesis(FaultContext):
    """Strikes until it is told to stop; what it undoes later is left undone if it was stopped before.

    Attributes:
        is_active: still striking.
        strikes: how often each fault struck.
        contests: rivals, each with the supporter of a leader whose vote it is after.
    """

    def __init__(self, world: World, faults: Faults) -> None:
        super().__init__(world)
        self._faults = faults
        for kind in faults.kinds:
            arguments.choice("one of kinds", kind, tuple(FAULTS))
        kinds = faults.kinds or tuple(FAULTS)
        self._kinds = [kind for kind in kinds if len(world.options.node_ids) > 1 or kind in SOLITARY]
        if (faults.triggered or "contest" in self._kinds) and len(self.ids) > 1:
            world.watch(TriggeredFaults(self, faults.triggered))
        self._wait()

    def _wait(self) -> None:
        wait = nanoseconds(self.rng.expovariate(1 / self._faults.every))
        self._world.scheduler.after(wait, self._strike)

    def _strike(self) -> None:
        if self.is_active and self._kinds:
            kind = self.rng.choice(self._kinds)
            self.strikes[kind] += 1
            FAULTS[kind](self)
            self._wait()

    def strike_last(self) -> str | None:
        """Just before all is healed, have a leader give up unheard, for good; return who that was."""
        leader = self.leader(self.election())
        if leader is None or not self._faults.unwilling or self.rng.random() < 0.5:
            return None
        mute(self, leader)
        withhold(self, leader)
        return leader

    def draw_unwilling(self, besides: str | None) -> list[str]:
        """Who is to lead nothing when all else is healed, `besides` among them; never all: others must be elected."""
        share = self._faults.unwilling
        unwilling = [node_id for node_id in self.ids if node_id == besides or self.rng.random() < share]
        willing = [node_id for node_id in self.ids if node_id not in unwilling and not self.hosts[node_id].is_wiped]
        return unwilling if willing else []

    def stop(self) -> None:
        """Let nothing more go wrong; undoing is up to the caller."""
        self.is_active = False
