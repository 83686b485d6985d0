"""Whoever lets things go wrong: at random times, to random victims, most often to a leader."""

from collections import Counter
from collections.abc import Callable
from typing import TypeVarTuple

from elect.core.elector import Elector
from elect.core.ready import Ready
from elect.testing.faults.application_faults import withhold
from elect.testing.faults.catalogue import FAULTS, SOLITARY
from elect.testing.faults.combined import mute
from elect.testing.faults.triggered import TriggeredFaults
from elect.testing.simulation.simulation_options import Faults, Span, nanoseconds
from elect.testing.world.simulated_link import SimulatedLink
from elect.testing.world.simulated_network import Path
from elect.testing.world.world import World
from wire.common import arguments

Arguments = TypeVarTuple("Arguments")


class Nemesis:
    """Strikes until it is told to stop; what it undoes later is left undone if it was stopped before.

    Attributes:
        is_active: still striking.
        strikes: how often each fault struck.
        contests: rivals, each with the supporter of a leader whose vote it is after.
    """

    def __init__(self, world: World, faults: Faults) -> None:
        self._world = world
        self._faults = faults
        for kind in faults.kinds:
            arguments.choice("one of kinds", kind, tuple(FAULTS))
        kinds = faults.kinds or tuple(FAULTS)
        self._kinds = [kind for kind in kinds if len(world.options.node_ids) > 1 or kind in SOLITARY]
        self.rng = world.rng
        self.options = world.options
        self.network = world.network
        self.hosts = world.hosts
        self.ids = world.options.node_ids
        self.is_active = True
        self.strikes: Counter[str] = Counter()
        self.contests: set[tuple[str, str]] = set()
        if (faults.triggered or "contest" in self._kinds) and len(self.ids) > 1:
            world.watch(TriggeredFaults(self, faults.triggered))
        self._wait()

    @property
    def now(self) -> int:
        """The true time, ns."""
        return self._world.now

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

    # What faults need.

    def later(self, span: Span, action: Callable[[*Arguments], None], *arguments: *Arguments) -> None:
        """Undo something after a while, unless all is undone by then."""
        self._world.scheduler.after(span.draw(self.rng), self._undo, action, *arguments)

    def _undo(self, action: Callable[[*Arguments], None], *arguments: *Arguments) -> None:
        if self.is_active:
            action(*arguments)

    def note(self, text: str) -> None:
        """Add a line to the transcript."""
        self._world.note("net", text)

    def node_id(self) -> str:
        """Any node."""
        return self.rng.choice(self.ids)

    def election(self) -> str:
        """Any election."""
        return self.rng.choice(self.options.elections)

    def leader(self, election: str) -> str | None:
        """Who holds the lease now, or None."""
        for host in self.hosts.values():
            process = host.process
            if process is not None and process.table.until(election) > process.now:
                return host.node_id
        return None

    def victim(self) -> str:
        """A leader half of the time, else any node."""
        leader = self.leader(self.election()) if self.rng.random() < 0.5 else None
        return leader or self.node_id()

    def path(self) -> Path:
        """Any direction between two nodes."""
        return self.rng.choice(list(self.network.paths.values()))

    def links(self, count: int) -> list[SimulatedLink]:
        """Up to `count` connections, any."""
        links = self.network.links()
        return self.rng.sample(links, min(count, len(links)))

    def tell(self, node_id: str, text: str, call: Callable[[Elector, int], Ready]) -> None:
        """Let a node's application do something."""
        process = self.hosts[node_id].process
        if process is not None:
            self._world.note(str(process), text)
            process.do(call)
