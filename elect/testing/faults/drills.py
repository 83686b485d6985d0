"""Exercises in an otherwise healthy world: one disturbance, and exactly what must follow from it.

Source: PROTOCOL.md, section 1, P4 to P6; section 6.
"""

from collections.abc import Iterator
from random import Random

from elect.core.events import Elected, Event, Lost, Role, RoleChanged
from elect.testing.simulation.simulation import Simulation
from elect.testing.simulation.simulation_options import Options
from elect.testing.world.process import Process
from elect.testing.world.world_observer import Observer

_SLACK_S = 0.05
"""Frames, writes and timers of a few steps in a healthy world."""

_SIZES = (3, 4, 5)


def healthy(seed: int) -> Options:
    """A world without faults; sizes, links that prove nothing when they close, and a second election take turns."""
    return Options(
        nodes=_SIZES[seed % 3],
        seed=seed,
        drift=0.01,
        untrusted=(0.0, 1.0)[seed // 3 % 2],
        elections=("default", "jobs")[: 1 + seed // 6 % 2],
    )


class _Peace(Observer):
    """Notes what happens while nothing should.

    One that has just come back may not know yet that somebody leads, and campaign once; a second time it knows.
    """

    def __init__(self) -> None:
        self.breaches: list[str] = []
        self._candidates: set[tuple[str, str]] = set()

    def told(self, process: Process, event: Event) -> None:
        """Note a leader that changes, and who campaigns again."""
        is_breach = isinstance(event, Elected | Lost)
        if isinstance(event, RoleChanged) and event.role is Role.CANDIDATE:
            key = (str(process), event.election)
            is_breach = key in self._candidates
            self._candidates.add(key)
        if is_breach:
            self.breaches.append(f"{process} is told {event}")


class _Winner(Observer):
    """Notes who is elected first from now on."""

    def __init__(self) -> None:
        self.node_id: str | None = None

    def told(self, process: Process, event: Event) -> None:
        """Note a leader."""
        if isinstance(event, RoleChanged) and event.role is Role.LEADER:
            self.node_id = self.node_id or process.node_id


class Drill:
    """A healthy cluster to exercise.

    Args:
        options: a world without faults.
    """

    def __init__(self, options: Options) -> None:
        self.simulation = Simulation(options)
        self._options = options
        self._rng = Random(f"drill {options.seed}")  # noqa: S311 (chance, no secret)
        self.simulation.run(3 * options.support_duration)

    def _leaders(self) -> dict[str, str]:
        """Who leads, by election; each must have somebody."""
        leaders = {}
        for election in self._options.elections:
            leader = self.simulation.leader(election)
            if leader is None:
                self.simulation.fail("healthy clusters elect", f"nobody leads {election}")
            leaders[election] = leader
        return leaders

    def _others(self, *besides: str) -> list[str]:
        return [node_id for node_id in self._options.node_ids if node_id not in besides]

    # P5: who reaches only a minority, or comes back, changes nothing.

    def trouble_a_minority(self, rounds: int = 4) -> None:
        """Cut, stop, pause and restart nodes that nobody needs: no leader changes, and nobody even campaigns.

        Raises:
            InvariantViolation: something changed.
        """
        simulation, rng, minority_max = self.simulation, self._rng, (self._options.nodes - 1) // 2
        for _ in range(rounds):
            peace = _Peace()
            simulation.watch(peace)
            leaders = self._leaders()
            idle = self._others(*leaders.values())
            for node_id in rng.sample(idle, min(len(idle), minority_max)):
                rng.choice((self._isolate, self._half_cut, self._pause, self._restart))(node_id, *leaders.values())
            simulation.run(rng.choice((0.3, 1.3, 3.0)))
            self._mend()
            simulation.run(2 * self._options.support_duration)
            if peace.breaches:
                simulation.fail("minorities change nothing", f"led by {leaders}: {peace.breaches[0]}")

    def _isolate(self, node_id: str, *_: str) -> None:
        for other in self._others(node_id):
            self.simulation.cut(node_id, other)

    def _half_cut(self, node_id: str, *leaders: str) -> None:
        """Cut from leaders alone, one way or both."""
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

    # P4: whoever still reaches a quorum is enough.

    def leave_a_hub(self) -> None:
        """Cut links anyhow, but leave one node a quorum: somebody leads in time, and goes on leading.

        Raises:
            InvariantViolation: nobody does.
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
        """Cut all links but those of one node just when another was elected, before that has its first lease.

        Raises:
            InvariantViolation: nobody leads in time.
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
        """Have the leader's machine come back at once, but as a witness: nobody is bound to what it was.

        Raises:
            InvariantViolation: nobody leads in time.
        """
        simulation, leader = self.simulation, self._leaders()["default"]
        simulation.crash(leader, closes=False)
        simulation.set_standing(leader, priority=0)
        simulation.restart(leader)
        simulation.run(self._options.settle_seconds)
        self._check_led(f"{leader} only restarted")

    def pass_it_round(self, rounds: int = 12) -> None:
        """Have each leader withdraw as soon as it leads, and stand again later: there is always a next one in time.

        Raises:
            InvariantViolation: nobody leads in time.
        """
        simulation, leader = self.simulation, self._leaders()["default"]
        for _ in range(rounds):
            simulation.set_standing(leader, priority=0)
            successor = self._next_leader(leader, self._options.settle_seconds)
            if successor is None:
                simulation.fail("a quorum that is connected elects", f"nobody leads, but only {leader} withdrew")
            simulation.set_standing(leader, priority=1)
            leader = successor

    def _ways(self) -> Iterator[tuple[str, str]]:
        ids = self._options.node_ids
        return ((source, target) for source in ids for target in ids if source != target)

    def _check_led(self, why: str) -> None:
        for election in self._options.elections:
            if self.simulation.leader(election) is None:
                self.simulation.fail("a quorum that is connected elects", f"nobody leads {election}, but {why}")

    # P6: the best of those that are left.

    def replace_the_leader(self) -> None:
        """Rank the nodes anew and take the leader away: the best of the others leads, in time.

        Raises:
            InvariantViolation: another one does, or nobody.
        """
        leader = self._leaders()["default"]
        standings = self._rank(self._others(leader))
        best = min(standings, key=lambda node_id: (*(-part for part in standings[node_id]), node_id))
        how, seconds = self._rng.choice((self._kill, self._cut_off, self._withdraw))(leader)
        self._expect(best, seconds, f"{leader} {how}; of {standings}")

    def hand_over(self) -> None:
        """Have the leader hand over to anybody who is willing: that one leads at once.

        Raises:
            InvariantViolation: another one does, or nobody.
        """
        leader = self._leaders()["default"]
        standings = self._rank(self._others(leader))
        heir = self._rng.choice([node_id for node_id, (priority, _) in standings.items() if priority])
        self.simulation.tell(leader, lambda elector, now: elector.resign(now, "default", to=heir))
        self._expect(heir, 0.0, f"{leader} handed over to {heir} of {standings}")

    def _rank(self, node_ids: list[str]) -> dict[str, tuple[int, int]]:
        """Give nodes priorities and offsets, one of them at least some priority, and have that known."""
        rng = self._rng
        standings = {node_id: (rng.randrange(3), rng.randrange(3)) for node_id in node_ids}
        standings[rng.choice(node_ids)] = (1, rng.randrange(3))
        for node_id, (priority, offset) in standings.items():
            self.simulation.set_standing(node_id, priority=priority, offset=offset)
        self.simulation.run(5 * self._options.heartbeat_interval)
        return standings

    def _expect(self, successor: str, seconds: float, why: str) -> None:
        """Fail unless this node is the next to lead, in time."""
        leader = self._next_leader(self.simulation.leader(), seconds + _SLACK_S)
        if leader is None:
            self.simulation.fail("leaders are replaced in time", f"nobody leads after {seconds} s; {why}")
        if leader != successor:
            self.simulation.fail("the right one leads", f"{leader} leads, not {successor}; {why}")

    def _next_leader(self, before: str | None, seconds: float) -> str | None:
        """Who leads `default` next, or None in all that time."""
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
        """Until every promise has run out, and those who made them have said so."""
        options = self._options
        return options.support_duration * (1 + 3 * options.clock_drift) + 2 * options.heartbeat_interval
