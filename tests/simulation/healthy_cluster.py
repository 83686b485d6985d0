"""A healthy cluster, one disturbance, and a check of the outcome.

Source: PROTOCOL.md, section 1, P4 to P6; section 6.
"""

from collections.abc import Iterator
from random import Random

from elect.core.events import Elected, Event, Lost, Role, RoleChanged
from elect.testing.simulation.simulation import Simulation
from elect.testing.simulation.simulation_options import Options, Span
from elect.testing.world.process import Process
from elect.testing.world.world_observer import Observer

_SLACK_S = 0.05
"""The time for the frames, writes and timers of a few steps in a healthy world, s."""

QUICK_APPLICATION = {"delay": Span(low=0.000_05, high=0.002), "acknowledgement": Span(low=0.0, high=0.0)}
"""Options with which a Resign leaves while answers to the election are still under way."""

_SIZES = (3, 4, 5)


def healthy(seed: int) -> Options:
    """Return a world without faults. Size, untrusted links and a second election depend on the seed."""
    return Options(
        nodes=_SIZES[seed % 3],
        seed=seed,
        drift=0.01,
        untrusted=(0.0, 1.0)[seed // 3 % 2],
        elections=("default", "jobs")[: 1 + seed // 6 % 2],
    )


class _ChangeObserver(Observer):
    """Records changes of a leader, and repeated campaigns, while there should be none.

    A node that has just come back may not know the leader yet and campaign once. It must not do so twice.
    """

    def __init__(self) -> None:
        self.breaches: list[str] = []
        self._candidates: set[tuple[str, str]] = set()

    def told(self, process: Process, event: Event) -> None:
        """Record a changed leader or a second campaign."""
        is_breach = isinstance(event, Elected | Lost)
        if isinstance(event, RoleChanged) and event.role is Role.CANDIDATE:
            key = (str(process), event.election)
            is_breach = key in self._candidates
            self._candidates.add(key)
        if is_breach:
            self.breaches.append(f"{process} is told {event}")


class _Winner(Observer):
    """Records the first leader from now on."""

    def __init__(self) -> None:
        self.node_id: str | None = None

    def told(self, process: Process, event: Event) -> None:
        """Record a leader."""
        if isinstance(event, RoleChanged) and event.role is Role.LEADER:
            self.node_id = self.node_id or process.node_id


class HealthyCluster:
    """A healthy cluster to disturb.

    Args:
        options: a world without faults.
    """

    def __init__(self, options: Options) -> None:
        self.simulation = Simulation(options)
        self._options = options
        self._rng = Random(f"healthy cluster {options.seed}")
        self.simulation.run(3 * options.support_duration)

    def _leaders(self) -> dict[str, str]:
        """Return the leader of each election; fail without one."""
        leaders = {}
        for election in self._options.elections:
            leader = self.simulation.leader(election)
            if leader is None:
                self.simulation.fail("healthy clusters elect", f"no node leads {election}")
            leaders[election] = leader
        return leaders

    def _others(self, *besides: str) -> list[str]:
        return [node_id for node_id in self._options.node_ids if node_id not in besides]

    # P5: a node that reaches only a minority, or comes back, changes nothing.

    def trouble_a_minority(self, rounds: int = 4) -> None:
        """Cut, pause and restart a minority: no leader changes, and no node campaigns.

        Raises:
            InvariantViolation: a leader changed, or a node campaigned.
        """
        simulation, rng, minority_max = self.simulation, self._rng, (self._options.nodes - 1) // 2
        for _ in range(rounds):
            changes = _ChangeObserver()
            simulation.watch(changes)
            leaders = self._leaders()
            idle = self._others(*leaders.values())
            for node_id in rng.sample(idle, min(len(idle), minority_max)):
                rng.choice((self._isolate, self._half_cut, self._pause, self._restart))(node_id, *leaders.values())
            simulation.run(rng.choice((0.3, 1.3, 3.0)))
            self._mend()
            simulation.run(2 * self._options.support_duration)
            if changes.breaches:
                simulation.fail("minorities change nothing", f"led by {leaders}: {changes.breaches[0]}")

    def _isolate(self, node_id: str, *_: str) -> None:
        for other in self._others(node_id):
            self.simulation.cut(node_id, other)

    def _half_cut(self, node_id: str, *leaders: str) -> None:
        """Cut a node off from the leaders only, one way or both."""
        for leader in leaders:
            ends = self._rng.sample((node_id, leader), 2)
            self.simulation.cut(*ends, both=self._rng.random() < 0.5)

    def _pause(self, node_id: str, *_: str) -> None:
        self.simulation.pause(node_id)

    def _restart(self, node_id: str, *_: str) -> None:
        self.simulation.crash(node_id, closes=self._rng.random() < 0.5)

    def _mend(self) -> None:
        self.simulation.heal()
        for node_id in self._options.node_ids:
            if not self.simulation.is_running(node_id):
                self.simulation.restart(node_id)
            self.simulation.resume(node_id)

    # P4: one node that reaches a quorum is enough.

    def leave_a_hub(self) -> None:
        """Cut random links, but leave one node a quorum: a node leads in time, and goes on leading.

        Raises:
            InvariantViolation: no node leads.
        """
        simulation, rng = self.simulation, self._rng
        self._leaders()
        hub = rng.choice(self._options.node_ids)
        needed = set(rng.sample(self._others(hub), self._options.nodes // 2))
        for source, target in self._ways():
            is_needed = hub in (source, target) and not needed.isdisjoint((source, target))
            if not is_needed and rng.random() < rng.choice((0.5, 1.0)):
                simulation.cut(source, target, both=False)
        simulation.run(self._options.settle_seconds)
        for _ in range(10):
            self._check_led(f"{hub} reaches {sorted(needed)}")
            simulation.run(0.2)

    def cut_the_newly_elected(self) -> None:
        """Cut all links except those of one node, just after another node was elected and before its first lease.

        Raises:
            InvariantViolation: no node leads in time.
        """
        simulation, dead = self.simulation, self._leaders()["default"]
        hub = self._rng.choice(self._others(dead))
        winner = _Winner()
        simulation.watch(winner)
        simulation.crash(dead)
        while winner.node_id is None and simulation.now < 10 * self._options.support_duration:
            simulation.run(0.000_01)
        for source, target in self._ways():
            if hub not in (source, target):
                simulation.cut(source, target, both=False)
        simulation.restart(dead)
        simulation.run(self._options.settle_seconds)
        self._check_led(f"{hub} reaches everybody")

    def restart_the_leader(self) -> None:
        """Restart the leader's machine at once, with priority 0: no node stays bound to its old leadership.

        Raises:
            InvariantViolation: no node leads in time.
        """
        simulation, leader = self.simulation, self._leaders()["default"]
        simulation.crash(leader, closes=False)
        simulation.set_standing(leader, priority=0)
        simulation.restart(leader)
        simulation.run(self._options.settle_seconds)
        self._check_led(f"{leader} only restarted")

    def pass_it_round(self, rounds: int = 12) -> None:
        """Set each leader's priority to 0, and back to 1 later: another node always leads in time.

        Raises:
            InvariantViolation: no node leads in time.
        """
        simulation, leader = self.simulation, self._leaders()["default"]
        for _ in range(rounds):
            simulation.set_standing(leader, priority=0)
            successor = self._next_leader(leader, self._options.settle_seconds)
            if successor is None:
                simulation.fail("a quorum that is connected elects", f"no node leads, but only {leader} withdrew")
            simulation.set_standing(leader, priority=1)
            leader = successor

    def _ways(self) -> Iterator[tuple[str, str]]:
        ids = self._options.node_ids
        return ((source, target) for source in ids for target in ids if source != target)

    def _check_led(self, why: str) -> None:
        for election in self._options.elections:
            if self.simulation.leader(election) is None:
                self.simulation.fail("a quorum that is connected elects", f"no node leads {election}, but {why}")

    # P6: the best of the other nodes.

    def replace_the_leader(self) -> None:
        """Change the ranks and stop the leader: the best of the others leads in time.

        Raises:
            InvariantViolation: another node leads, or none.
        """
        leader = self._leaders()["default"]
        standings = self._rank(self._others(leader))
        best = min(standings, key=lambda node_id: (*(-part for part in standings[node_id]), node_id))
        how, seconds = self._rng.choice((self._kill, self._cut_off, self._withdraw))(leader)
        self._expect(best, seconds, f"{leader} {how}; of {standings}")

    def hand_over(self) -> None:
        """Hand over from the leader to any willing node: that node leads at once.

        Raises:
            InvariantViolation: another node leads, or none.
        """
        leader = self._leaders()["default"]
        standings = self._rank(self._others(leader))
        successor = self._rng.choice([node_id for node_id, (priority, _) in standings.items() if priority])
        self._resign_to(leader, successor)
        self._expect(successor, 0.0, f"{leader} handed over to {successor} of {standings}")

    def hand_over_at_once(self, rounds: int = 4) -> None:
        """Hand over in the step after the election, while followers still answer: the named node leads at once.

        Raises:
            InvariantViolation: another node leads, or none.
        """
        simulation, leader = self.simulation, self._leaders()["default"]
        for _ in range(rounds):
            named, successor = self._rng.sample(self._others(leader), 2)
            self._resign_to(leader, named)
            self._expect(named, 0.0, f"{leader} handed over to {named}")
            self._resign_to(named, successor)
            self._expect(successor, 0.0, f"{named}, just elected, handed over to {successor}")
            leader = successor
            simulation.run(self._options.settle_seconds)

    def _resign_to(self, leader: str, successor: str) -> None:
        self.simulation.tell(leader, lambda elector, now: elector.resign(now, "default", to=successor))

    def _rank(self, node_ids: list[str]) -> dict[str, tuple[int, int]]:
        """Set priorities and offsets, at least one priority above 0, and wait until all nodes know them."""
        rng = self._rng
        standings = {node_id: (rng.randrange(3), rng.randrange(3)) for node_id in node_ids}
        standings[rng.choice(node_ids)] = (1, rng.randrange(3))
        for node_id, (priority, offset) in standings.items():
            self.simulation.set_standing(node_id, priority=priority, offset=offset)
        self.simulation.run(5 * self._options.heartbeat_interval)
        return standings

    def _expect(self, successor: str, seconds: float, why: str) -> None:
        """Fail unless this node is the next leader, in time."""
        leader = self._next_leader(self.simulation.leader(), seconds + _SLACK_S)
        if leader is None:
            self.simulation.fail("leaders are replaced in time", f"no node leads after {seconds} s; {why}")
        if leader != successor:
            self.simulation.fail("the right one leads", f"{leader} leads, not {successor}; {why}")

    def _next_leader(self, before: str | None, seconds: float) -> str | None:
        """Return the next leader of `default`, or None if there is none in time."""
        simulation = self.simulation
        is_led = simulation.run_until(lambda: simulation.leader() not in (None, before), seconds)
        return simulation.leader() if is_led else None

    def _kill(self, leader: str) -> tuple[str, float]:
        self.simulation.crash(leader)
        return "was killed", self._patience if self._options.untrusted else 0.0

    def _cut_off(self, leader: str) -> tuple[str, float]:
        self._isolate(leader)
        return "was cut off", self._patience

    def _withdraw(self, leader: str) -> tuple[str, float]:
        self.simulation.set_standing(leader, priority=0)
        return "withdrew", 0.0

    @property
    def _patience(self) -> float:
        """Return the time until every promise has ended and its node has said so, s."""
        options = self._options
        return options.support_duration * (1 + 3 * options.clock_drift) + 2 * options.heartbeat_interval
