"""The nemesis: faults at random times to random nodes, most often to a leader."""

from elect.testing.faults.catalogue import FAULTS, WITHOUT_PEERS
from elect.testing.faults.combined import mute
from elect.testing.faults.fault_context import FaultContext
from elect.testing.faults.node_faults import withhold
from elect.testing.faults.triggered import TriggeredFaults
from elect.testing.simulation.simulation_options import Faults, nanoseconds
from elect.testing.world.world import World
from wire.common import arguments


class Nemesis(FaultContext):
    """Strikes until it is stopped; faults that last longer than that are not undone by it."""

    def __init__(self, world: World, faults: Faults) -> None:
        super().__init__(world)
        self._faults = faults
        for kind in faults.kinds:
            arguments.choice("one of kinds", kind, tuple(FAULTS))
        self._kinds = faults.kinds or tuple(FAULTS)
        if (faults.triggered or "contest" in self._kinds) and len(self.ids) > 1:
            world.watch(TriggeredFaults(self, faults.triggered))
        self._wait()

    def _wait(self) -> None:
        wait = nanoseconds(self.rng.expovariate(1 / self._faults.every))
        self._world.scheduler.after(wait, self._strike)

    def _strike(self) -> None:
        if self.is_active:
            # Of the moment: members come and go.
            kinds = [kind for kind in self._kinds if len(self.ids) > 1 or kind in WITHOUT_PEERS]
            if kinds:
                kind = self.rng.choice(kinds)
                self.strikes[kind] += 1
                FAULTS[kind](self)
            self._wait()

    def strike_last(self) -> str | None:
        """Make a leader resign unheard just before everything is healed; return its id, or None."""
        leader = self.leader(self.election())
        if leader is None or not self._faults.unwilling or self.rng.random() < 0.5:
            return None
        mute(self, leader)
        withhold(self, leader)
        return leader

    def draw_unwilling(self, besides: str | None) -> list[str]:
        """Return the nodes that are no candidates after the healing, `besides` among them; never all nodes."""
        share = self._faults.unwilling
        unwilling = [node_id for node_id in self.ids if node_id == besides or self.rng.random() < share]
        willing = [node_id for node_id in self.ids if node_id not in unwilling and not self.hosts[node_id].is_wiped]
        return unwilling if willing else []

    def stop(self) -> None:
        """Strike no longer; the caller undoes the faults."""
        self.is_active = False
