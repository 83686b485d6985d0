"""The world as a fault sees it: its chance, its nodes and links, and the means to undo a fault later."""

from collections import Counter
from collections.abc import Callable
from typing import TypeVarTuple

from elect.core.elector import Elector
from elect.core.ready import Ready
from elect.testing.simulation.simulation_options import Span
from elect.testing.world.simulated_link import SimulatedLink
from elect.testing.world.simulated_network import Path
from elect.testing.world.world import World

Arguments = TypeVarTuple("Arguments")


class FaultContext:
    """Everything that a fault needs.

    Attributes:
        is_active: faults may strike; once it is False, nothing is undone any more either.
        strikes: number of strikes of each fault.
        contests: each rival of a leader, with the supporter of the leader whose vote it asks for.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self.rng = world.rng
        self.options = world.options
        self.network = world.network
        self.hosts = world.hosts
        self.is_active = True
        self.strikes: Counter[str] = Counter()
        self.contests: set[tuple[str, str]] = set()

    @property
    def now(self) -> int:
        """Return the true time, ns."""
        return self._world.now

    @property
    def ids(self) -> tuple[str, ...]:
        """Return the ids of the nodes."""
        return self._world.node_ids

    def later(self, span: Span, action: Callable[[*Arguments], None], *arguments: *Arguments) -> None:
        """Undo a fault after a time drawn from a span, unless everything is undone by then."""
        self._world.scheduler.after(span.draw(self.rng), self._undo, action, *arguments)

    def _undo(self, action: Callable[[*Arguments], None], *arguments: *Arguments) -> None:
        if self.is_active:
            action(*arguments)

    def note(self, text: str) -> None:
        """Add a line to the transcript."""
        self._world.note("net", text)

    def node_id(self) -> str:
        """Return a random node's id."""
        return self.rng.choice(self.ids)

    def election(self) -> str:
        """Return the name of a random election."""
        return self.rng.choice(self.options.elections)

    def leader(self, election: str) -> str | None:
        """Return the node that holds the lease now, or None."""
        return next((process.node_id for process in self._world.holders(election)), None)

    def victim(self) -> str:
        """Return a leader half of the time, else any node."""
        leader = self.leader(self.election()) if self.rng.random() < 0.5 else None
        return leader or self.node_id()

    def path(self) -> Path:
        """Return a random direction between two nodes."""
        return self.rng.choice(list(self.network.paths.values()))

    def links(self, count: int) -> list[SimulatedLink]:
        """Return up to `count` connections."""
        links = self.network.links()
        return self.rng.sample(links, min(count, len(links)))

    def tell(self, node_id: str, text: str, call: Callable[[Elector, int], Ready]) -> None:
        """Give a node an input, as its application does."""
        process = self.hosts[node_id].process
        if process is not None:
            self._world.note(str(process), text)
            process.do(call)

    def set_standing(self, node_id: str, text: str, *, priority: int, offset: int | None = None) -> None:
        """Change the standing of a node that runs, as its application does."""
        process = self.hosts[node_id].process
        if process is not None:
            self._world.note(str(process), text)
            process.set_standing(priority=priority, offset=offset)
