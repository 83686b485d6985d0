"""The operator of a site: asks for a seal until one is complete, and promotes a standby cluster, at random times."""

from elect.bridge.inbox import Command
from elect.core.changes import Seal
from elect.core.configuration import ClusterState, Configuration
from elect.core.elector import Elector
from elect.core.events import Event, Installed
from elect.core.promotion import FLOOR_STEP, PromotionRefused
from elect.core.ready import Ready
from elect.core.rules import sites
from elect.core.state.node_state import DEFAULT_ELECTION
from elect.testing.faults.fault_context import FaultContext
from elect.testing.faults.network_faults import SHORT, split
from elect.testing.membership.change_request import ask
from elect.testing.simulation.simulation_options import Span, nanoseconds
from elect.testing.world.host import Host
from elect.testing.world.process import Process
from elect.testing.world.world import World
from elect.testing.world.world_observer import Observer

SEAL = Seal(successor="the other site")

_AGAIN = Span(low=0.1, high=2.0)
_LATER = Span(low=0.5, high=6.0)
_SOON = Span(low=0.0, high=0.05)
_FLOORS_MAX = 3
_TROUBLE_SHARE = 0.3
_ASKED_ELSEWHERE_SHARE = 0.2
_TWO_SHARE = 0.3


class SiteOperator(FaultContext):
    """Seals and promotes until it is stopped.

    Args:
        world: one cluster.
    """

    def __init__(self, world: World) -> None:
        super().__init__(world)
        options = world.options
        world.watch(_SiteTroubles(world, self))
        for rate, act in ((options.seals, self._seal), (options.promotions, self._promote)):
            if rate:
                world.scheduler.after(nanoseconds(self.rng.expovariate(rate)), self._undo, act)

    def stop(self) -> None:
        """Ask for nothing more."""
        self.is_active = False

    def _running(self) -> list[Process]:
        return [host.process for host in self.hosts.values() if host.process is not None]

    def _seal(self) -> None:
        """Ask the leader, seldom another node, for the seal; again later, unless it is known to be complete."""
        running = self._running()
        if any(sites.leases_over_at(process.elector.state) for process in running):
            return
        leader = self.leader(DEFAULT_ELECTION)
        if leader is None or self.rng.random() < _ASKED_ELSEWHERE_SHARE:
            leader = self.node_id()
        process = self.hosts[leader].process
        if process is not None:
            ask(process, SEAL)
        self.later(_AGAIN, self._seal)

    def _promote(self) -> None:
        """Promote one node that stands by, or several at once, with floors that may differ; again later."""
        standing_by = [
            process for process in self._running() if process.elector.state.configuration.state is ClusterState.STANDBY
        ]
        count = min(len(standing_by), 2 if self.rng.random() < _TWO_SHARE else 1)
        for process in self.rng.sample(standing_by, count):
            promote(process, FLOOR_STEP * self.rng.randint(1, _FLOORS_MAX))
        if self.rng.random() < _TROUBLE_SHARE:
            for process in standing_by:
                self.later(_SOON, self.kill, process.host)
        self.later(_AGAIN, self._promote)

    def trouble(self, process: Process) -> None:
        """Kill or cut off a node that has just decided for a state of the cluster, or has it on its disk."""
        if not self.is_active or self.rng.random() >= _TROUBLE_SHARE:
            return
        if self.rng.random() < 0.5:
            self.later(_SOON, self.kill, process.host)
            return
        others = [node_id for node_id in self.ids if node_id != process.node_id]
        kept = self.rng.choice(others) if others and self.rng.random() < 0.5 else None
        ways = [way for way in self.network.paths if process.node_id in way and kept not in way]
        split(self, ways if self.rng.random() < 0.7 else [way for way in ways if way[0] == process.node_id], SHORT)

    def kill(self, host: Host) -> None:
        """Kill a node, and start it again later."""
        host.crash(closes=self.rng.random() < 0.5)
        self.later(_LATER, host.start)


class _SiteTroubles(Observer):
    """Strikes at nodes that decide for, or install, another state of the cluster."""

    def __init__(self, world: World, site_operator: SiteOperator) -> None:
        self._world = world
        self._operator = site_operator
        self._states: dict[str, ClusterState] = {}

    def decided(self, process: Process, configuration: Configuration) -> None:
        """Strike at the node that decides."""
        before = self._states.get(process.node_id, process.host.disk.configuration.state)
        self._states[process.node_id] = configuration.state
        if configuration.state is not before:
            self._operator.trouble(process)

    def told(self, process: Process, event: Event) -> None:
        """Strike soon after it is on the disk."""
        if isinstance(event, Installed) and event.former.state is not event.configuration.state:
            self._operator.later(_SOON, self._operator.trouble, process)


def promote(process: Process, floor: int) -> None:
    """Promote a standby cluster at one of its nodes."""
    process.world.note(str(process), f"is promoted with floor {floor}")
    process.do(promotion(floor))


def promotion(floor: int) -> Command:
    """Return the input that promotes a standby cluster, unless its node refuses."""

    def act(elector: Elector, now: int) -> Ready:
        try:
            return elector.promote(now, floor)
        except PromotionRefused:
            return elector.tick(now)

    return act
