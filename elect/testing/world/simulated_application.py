"""The application of one process: its callbacks run one after the other, take time, and may raise.

Source: `elect.bridge.dispatcher`, `elect.api.run` and `elect.bridge.health_checks`, which the simulation imitates.
"""

from collections import deque
from typing import TYPE_CHECKING

from elect.bridge import commands
from elect.bridge.health_checks import Health
from elect.core.events import Elected, LossReason, Lost
from elect.testing.simulation.simulation_options import Span
from elect.testing.world.lease_record import RecordedLeases

if TYPE_CHECKING:
    from elect.testing.world.process import Process

_AWAY = Span(low=0.5, high=2.0)
"""The time for which a node leaves an election whose work raised, s."""


class SimulatedApplication:
    """Callbacks on a thread of their own, in the order of the events."""

    def __init__(self, process: "Process", leases: RecordedLeases) -> None:
        self._process = process
        self._world = process.world
        self._leases = leases
        self.health = SimulatedHealth(process)
        self._free_at = 0
        self._heard: deque[Elected | Lost] = deque()

    def call_back(self, event: Elected | Lost) -> None:
        """Call back with an event, after the earlier callbacks have returned."""
        world = self._world
        self._free_at = max(world.scheduler.now, self._free_at) + world.acknowledgement.draw(world.rng)
        self._heard.append(event)
        world.scheduler.at(self._free_at, self._process.gate.run, self, self._return, event)

    def return_all(self) -> None:
        """Return from all callbacks now."""
        self._free_at = 0
        while self._heard:
            self._return(self._heard[0])

    def _return(self, event: Elected | Lost) -> None:
        """Return from the callback of an event, or raise."""
        if not self._heard or self._heard[0] is not event:
            return
        self._heard.popleft()
        if isinstance(event, Lost):
            if event.reason is not LossReason.LEASE_LAPSED:
                self._acknowledge(event)
        elif self._world.raising and self._world.rng.random() < self._world.raising:
            self._raise(event)

    def _acknowledge(self, lost: Lost) -> None:
        for observer in self._world.observers:
            observer.acknowledged(self._process, lost.election, lost.term)
        self._process.do(commands.acknowledge(lost.election, lost.term))

    def _raise(self, elected: Elected) -> None:
        """Resign, as after a callback that raised; half of the time leave too, as after work that raised."""
        process, election = self._process, elected.election
        self._world.note(str(process), f"{election}: the application raises in term {elected.term}")
        self._leases.give_up(election, elected.term)
        process.do(commands.resign(election, elected.term, reason=LossReason.WORK_FAILED))
        if self._world.rng.random() < 0.5:
            process.do(commands.leave(election, LossReason.RESIGNED))
            back_at = self._world.now + _AWAY.draw(self._world.rng)
            self._world.scheduler.at(back_at, process.do, commands.enter(election))

    def start(self) -> None:
        """Start the health hook, if there is one; its first answer comes later."""
        world, span = self._world, self._world.options.health
        if span is None:
            self.health.has_answered = True
        else:
            world.scheduler.at(world.now + span.draw(world.rng), self._process.gate.run, self, self._answer_health)

    def _answer_health(self) -> None:
        self.health.has_answered = True
        self._process.do(commands.tick())


class SimulatedHealth(Health):
    """A hook that gives the answer of the host.

    Attributes:
        has_answered: for the first time; until then the node is not healthy.
    """

    def __init__(self, process: "Process") -> None:
        self._host = process.host
        self.has_answered = False

    def is_good(self, now: int) -> bool:  # noqa: ARG002 (Health)
        """Return the answer of the host, or False before the first one."""
        return self.has_answered and self._host.is_healthy
