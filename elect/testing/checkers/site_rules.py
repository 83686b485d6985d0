"""The checks of a cluster that is sealed, or that stands by until it is promoted; and the count of their hard cases.

Source: PROTOCOL.md, section 8.
"""

from collections import Counter
from collections.abc import Mapping

from elect.core.configuration import ClusterState, Configuration
from elect.core.events import Event, LossReason, Lost, Role, RoleChanged
from elect.core.ready import Lease
from elect.core.rules import sites
from elect.core.state.node_state import DEFAULT_ELECTION
from elect.testing.world.process import Process
from elect.testing.world.world import World
from elect.testing.world.world_observer import Observer

SITE_CASES = (
    "seal was complete",
    "seal was complete over a later term",
    "seal was lost",
    "seal was made again by a later leader",
    "leader resigned for a seal",
    "node was promoted",
    "promotions had two floors",
    "promotion was overtaken",
)


class SiteRules(Observer):
    """Checks the states of a cluster.

    Args:
        world: one cluster.
        counts: of the hard cases, by name.
    """

    def __init__(self, world: World, counts: Counter[str]) -> None:
        self._world = world
        self._counts = counts
        self._in_force: dict[str, Configuration] = {}
        self._sealed: Configuration | None = None
        self._is_over = False
        self._made: set[tuple[int, int]] = set()
        self._floors: set[int] = set()

    def started(self, process: Process) -> None:
        """Note the configuration with which a process starts."""
        self._in_force[process.node_id] = process.host.disk.configuration

    def decided(self, process: Process, configuration: Configuration) -> None:
        """Check that a seal that is complete stays; count what becomes of others."""
        before = self._in_force[process.node_id]
        self._in_force[process.node_id] = configuration
        is_undone = self._sealed is not None and configuration.is_newer_than(self._sealed)
        if self._sealed is not None and is_undone and configuration.state is not ClusterState.SEALED:
            detail = f"{process} decides for {configuration.id}, and {self._sealed.id} was complete"
            self._world.fail("a complete seal stays", detail)
        is_new = (configuration.term, configuration.version) not in self._made
        self._made.add((configuration.term, configuration.version))
        match before.state, configuration.state:
            case ClusterState.SEALED, ClusterState.ACTIVE:
                self._counts["seal was lost"] += 1
            case ClusterState.SEALED, ClusterState.SEALED:
                self._counts["seal was made again by a later leader"] += is_new
            case ClusterState.STANDBY, ClusterState.ACTIVE:
                self._counts["node was promoted"] += 1
        floor = configuration.promotion_floor
        self._counts["promotions had two floors"] += bool(self._floors - {0, floor}) and floor not in self._floors
        self._floors.add(floor)
        is_overtaken = 0 < before.promotion_floor != floor
        self._counts["promotion was overtaken"] += is_overtaken

    def stepped(self, process: Process) -> None:
        """Note that a node knows that a seal is complete, and check that all leases are over when it says so."""
        state = process.elector.state
        over_at = sites.leases_over_at(state)
        if not over_at:
            return
        if self._sealed is None:
            self._counts["seal was complete"] += 1
            terms = [host.disk.ballots.get(DEFAULT_ELECTION) for host in self._world.hosts.values()]
            is_below = any(ballot is not None and ballot.term > state.configuration.term for ballot in terms)
            self._counts["seal was complete over a later term"] += is_below
        self._sealed = state.configuration
        if not self._is_over and over_at <= state.now:
            self._is_over = True
            for election in self._world.options.elections:
                for holder in self._world.holders(election):
                    self._check_over(holder, election)

    def published(
        self,
        process: Process,
        leases: Mapping[str, Lease | None],
        counted: Mapping[str, int] | None,  # noqa: ARG002 (the observer's signature)
    ) -> None:
        """Check that no lease holds in a standby cluster, below the floor of a promotion, or after a seal."""
        configuration = process.elector.state.configuration
        for election, lease in leases.items():
            if lease is None:
                continue
            if configuration.state is ClusterState.STANDBY:
                self._world.fail("a standby cluster has no lease", f"{process} claims {election} on {lease}")
            if lease.term <= configuration.promotion_floor and configuration.term <= configuration.promotion_floor:
                self._check_floor(process, election, lease)
        if self._is_over:
            for election in process.table.claims:
                self._check_over(process, election)

    def _check_floor(self, process: Process, election: str, lease: Lease) -> None:
        """A lease of a promotion with a lower floor may go on while it holds."""
        if lease.term <= min(self._floors - {0}):
            self._world.fail("terms are above the floor", f"{process} claims {election} on {lease}")

    def _check_over(self, process: Process, election: str) -> None:
        until = process.table.until(election)
        if until > process.now and not process.host.is_stale(until):
            self._world.fail("a sealed cluster has no lease", f"{process} holds {election} on {process.table.claims}")

    def told(self, process: Process, event: Event) -> None:
        """Check that nobody is elected to make configurations after a seal, and in no standby cluster."""
        match event:
            case RoleChanged(role=Role.LEADER):
                state = process.elector.state.configuration.state
                if state is not ClusterState.ACTIVE:
                    self._world.fail("only an active cluster elects", f"{process} is told {event} while it is {state}")
                if self._sealed is not None and event.election == DEFAULT_ELECTION:
                    self._world.fail("no leader follows a seal", f"{process} is told {event}")
                floors = self._floors - {0}
                if floors and event.term <= min(floors):
                    self._world.fail("terms are above the floor", f"{process} is told {event}")
            case Lost(reason=LossReason.SEALED):
                self._counts["leader resigned for a seal"] += 1
