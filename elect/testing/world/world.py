"""The time, the random numbers, the records and the observers that all parts of a simulation share."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, NoReturn

from elect.clock import NS_PER_S
from elect.core.configuration import Configuration
from elect.core.events import Event
from elect.core.membership_messages import Message
from elect.testing.simulation.simulation_options import Options
from elect.testing.simulation.violation import InvariantViolation
from elect.testing.world.scheduler import Scheduler
from elect.testing.world.world_observer import Observer, overrides

if TYPE_CHECKING:
    from elect.testing.world.host import Host
    from elect.testing.world.process import Process
    from elect.testing.world.simulated_link import SimulatedLink
    from elect.testing.world.simulated_network import SimulatedNetwork

_DISK_CALM = 0.02
_APPLICATION_CALM = 0.05
"""The longest durations after healing, s: a vote whose write outlasts a candidacy elects no leader."""


Carry = Callable[[int, "SimulatedLink", int, Message | None], None]
"""Gets the time of an arrival (ns), the link, the frame and the message, to call `link.arrive(frame, message)`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One event of one node, at the true time `at` (ns)."""

    at: int
    node_id: str
    event: Event


class World:
    """The shared state of one simulation.

    Attributes:
        rng: the only source of random numbers.
        lines: the transcript.
        records: every event of every node.
        is_hostile: made by `hostile`, so that seed and nodes repeat it.
        calmed_at: the time at which the faults ended, or None.
        disk_latency: of one durable write, now.
        acknowledgement: duration of a callback of the application, now.
        raising: share of leaderships whose application raises, now.
        crash_at_write: share of votes' writes around which the process is killed.
        carry: called with every frame sent, or None: frames arrive when they are due.
    """

    hosts: dict[str, "Host"]
    network: "SimulatedNetwork"

    def __init__(self, options: Options) -> None:
        self.options = options
        self.rng = Random(options.seed)  # noqa: S311 (chance, no secret)
        self.scheduler = Scheduler()
        self.observers: list[Observer] = []
        self.steppers: list[Observer] = []
        self.hearers: list[Observer] = []
        self.lines: list[str] = []
        self.records: list[Record] = []
        self.is_hostile = False
        self.calmed_at: int | None = None
        self.disk_latency = options.disk_latency
        self.acknowledgement = options.acknowledgement
        self.raising = options.raising
        self.carry: Carry | None = None
        self.crash_at_write = options.faults.crash_at_write if options.faults is not None else 0.0

    @property
    def now(self) -> int:
        """Return the true time, ns."""
        return self.scheduler.now

    @property
    def node_ids(self) -> tuple[str, ...]:
        """Return the ids of the machines that are in use."""
        return tuple(node_id for node_id, host in self.hosts.items() if not host.is_retired)

    @property
    def newest(self) -> Configuration:
        """Return the newest configuration on a disk."""
        found = (host.disk.configuration for host in self.hosts.values())
        return max(found, key=lambda each: (bool(each.members), each.term, each.version))

    def watch(self, observer: Observer) -> None:
        """Add an observer; it is called for steps and heartbeats only if it overrides those methods."""
        self.observers.append(observer)
        if overrides(observer, "stepped"):
            self.steppers.append(observer)
        if overrides(observer, "heard"):
            self.hearers.append(observer)

    def end_faults(self) -> None:
        """Note the end of the time with faults, for the command that repeats the run."""
        if self.calmed_at is None:
            self.calmed_at = self.now

    def calm(self) -> None:
        """Make disks and applications fast."""
        self.end_faults()
        self.crash_at_write = self.raising = 0.0
        self.disk_latency = self.disk_latency.capped(_DISK_CALM)
        self.acknowledgement = self.acknowledgement.capped(_APPLICATION_CALM)

    def holders(self, election: str) -> list["Process"]:
        """Return the processes that hold a valid lease now, by their own clocks."""
        processes = [host.process for host in self.hosts.values() if host.process is not None]
        return [process for process in processes if process.table.until(election) > process.now]

    def note(self, who: str, text: str) -> None:
        """Add one line to the transcript."""
        self.lines.append(f"{self.scheduler.now / NS_PER_S:12.6f} {who:<4} {text}")

    def record(self, node_id: str, event: Event) -> None:
        """Add an event to the records."""
        self.records.append(Record(at=self.scheduler.now, node_id=node_id, event=event))

    def fail(self, invariant: str, detail: str) -> NoReturn:
        """End the run because a promise is broken.

        Raises:
            InvariantViolation: always.
        """
        raise self.violation(invariant, detail)

    def violation(self, invariant: str, detail: str) -> InvariantViolation:
        """Return the error for a broken promise, with the transcript."""
        self.note("!", f"{invariant}: {detail}")
        return InvariantViolation(invariant, detail, list(self.lines), self._replay())

    def _replay(self) -> str:
        """Return the command that repeats this run, or the options and a hint."""
        options = self.options
        if not self.is_hostile:
            return f"Simulation({options!r}), with the same calls"
        seconds = self.scheduler.now // NS_PER_S + 1 if self.calmed_at is None else self.calmed_at / NS_PER_S
        changing = " --changing" if options.changes else ""
        return f"elect simulate{changing} --seed {options.seed} --nodes {options.nodes} --seconds {seconds:.15g}"
