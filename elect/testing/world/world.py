"""What everything in one simulation shares: time, chance, the record, and who watches."""

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, NoReturn, Protocol

from elect.clock import NS_PER_S
from elect.core.events import Event
from elect.core.messages import Message
from elect.testing.simulation.simulation_options import Options
from elect.testing.simulation.violation import InvariantViolation
from elect.testing.world.scheduler import Scheduler
from elect.testing.world.world_observer import Observer

if TYPE_CHECKING:
    from elect.testing.world.host import Host
    from elect.testing.world.process import Process
    from elect.testing.world.simulated_link import SimulatedLink
    from elect.testing.world.simulated_network import SimulatedNetwork

_DISK_CALM = 0.02
_APPLICATION_CALM = 0.05
"""What a healed world may take, s: a vote whose write outlasts a candidacy elects nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One event of one node, at the true time `at` (ns)."""

    at: int
    node_id: str
    event: Event


class Carrier(Protocol):
    """Decides when what was sent arrives, in place of the scheduler."""

    def take(self, at: int, link: "SimulatedLink", frame: int, message: Message | None) -> None:
        """Take what would arrive at `at` (ns), and call `link.arrive(frame, message)` for it, or not."""


class World:
    """One simulation's shared ground.

    Attributes:
        rng: the only source of chance.
        lines: the transcript.
        records: every event of every node.
        is_hostile: made by `hostile`, so that seed and nodes say it all.
        calmed_at: when the last fault was undone, or None.
        disk_latency: of one durable write, now.
        acknowledgement: how long applications take for a callback, now.
        raising: share of leaderships whose application raises, now.
        crash_at_write: share of votes' writes around which the process is killed.
        carrier: takes every frame sent, or None: frames arrive when they are due.
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
        self.carrier: Carrier | None = None
        self.crash_at_write = options.faults.crash_at_write if options.faults is not None else 0.0

    @property
    def now(self) -> int:
        """The true time, ns."""
        return self.scheduler.now

    def watch(self, observer: Observer) -> None:
        """Tell an observer of everything from now on; of each step and heartbeat only if it asks for that."""
        self.observers.append(observer)
        if type(observer).stepped is not Observer.stepped:
            self.steppers.append(observer)
        if type(observer).heard is not Observer.heard:
            self.hearers.append(observer)

    def end_faults(self) -> None:
        """Note that the time with faults is over: a replay has to be as long."""
        if self.calmed_at is None:
            self.calmed_at = self.now

    def calm(self) -> None:
        """Let disks and applications be no slower than good ones are."""
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
        """Keep one event."""
        self.records.append(Record(at=self.scheduler.now, node_id=node_id, event=event))

    def fail(self, invariant: str, detail: str) -> NoReturn:
        """Stop: a promise is broken.

        Raises:
            InvariantViolation: always.
        """
        raise self.violation(invariant, detail)

    def violation(self, invariant: str, detail: str) -> InvariantViolation:
        """A broken promise, with what led to it."""
        self.note("!", f"{invariant}: {detail}")
        return InvariantViolation(invariant, detail, list(self.lines), self._replay())

    def _replay(self) -> str:
        """The line that shows all this again: the command's own worlds by their seed, others by their options."""
        options = self.options
        if not self.is_hostile:
            return f"Simulation({options!r}), with the same calls"
        seconds = self.scheduler.now // NS_PER_S + 1 if self.calmed_at is None else self.calmed_at / NS_PER_S
        return f"elect simulate --seed {options.seed} --nodes {options.nodes} --seconds {seconds:.15g}"
