"""Run one hostile world from beginning to end, as `elect simulate` does; and the report on many worlds."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from elect.testing.checkers import CHANGE_CASES, HARD_CASES
from elect.testing.faults.presets import changing, hostile
from elect.testing.simulation.simulation import Simulation
from elect.testing.simulation.simulation_options import Options
from elect.testing.simulation.violation import InvariantViolation
from elect.testing.soak.interruption import interruption
from wire.common import arguments

VIOLATIONS_MAX = 20
"""Violations that a report keeps in full: one broken rule breaks in every world."""


@dataclass(kw_only=True)
class Report:
    """The result of one or more simulated worlds.

    Attributes:
        cases: the hard cases that all worlds together must meet.
        runs: number of worlds.
        virtual_seconds: time in all worlds.
        real_seconds: of one core.
        met: counts of the hard cases, and of elections.
        strikes: counts of the faults.
        violated: number of worlds in which a promise was broken.
        violations: the first of them, each with the end of its transcript and its replay command.
    """

    cases: tuple[str, ...] = HARD_CASES
    runs: int = 0
    virtual_seconds: float = 0.0
    real_seconds: float = 0.0
    met: Counter[str] = field(default_factory=Counter)
    strikes: Counter[str] = field(default_factory=Counter)
    violated: int = 0
    violations: list[InvariantViolation] = field(default_factory=list)

    def add(self, other: "Report") -> None:
        """Add another report to this one."""
        self.runs += other.runs
        self.virtual_seconds += other.virtual_seconds
        self.real_seconds += other.real_seconds
        self.met += other.met
        self.strikes += other.strikes
        self.violated += other.violated
        self.violations += other.violations[: VIOLATIONS_MAX - len(self.violations)]

    @property
    def unmet(self) -> list[str]:
        """Return the hard cases that did not occur."""
        return [name for name in self.cases if not self.met[name]]

    @property
    def speed(self) -> float:
        """Return virtual seconds per second of one core."""
        return self.virtual_seconds / self.real_seconds if self.real_seconds else 0.0

    @property
    def line(self) -> str:
        """Return the progress in one line."""
        return (
            f"{self.runs} seeds, {self.virtual_seconds / 3600:.1f} virtual hours, {self.met['elections']} elections, "
            f"{len(self.cases) - len(self.unmet)} of {len(self.cases)} hard cases, {self.violated} violations"
        )

    def __str__(self) -> str:
        hours = self.virtual_seconds / 3600
        lines = [
            f"{self.runs} runs, {hours:.1f} virtual hours, {self.speed:.0f} virtual seconds per second of one core",
            f"{self.met['elections']:8} elections",
            *(f"{self.met[name]:8} {name}" for name in self.cases),
            f"{self.strikes.total():8} faults: " + ", ".join(f"{name} {n}" for name, n in sorted(self.strikes.items())),
            f"{self.violated:8} violations",
            *(str(violation) for violation in self.violations),
        ]
        return "\n".join(lines)


def cases(*, is_changing: bool) -> tuple[str, ...]:
    """Return the hard cases of hostile worlds, or of those in which the members change."""
    return (*HARD_CASES, *CHANGE_CASES) if is_changing else HARD_CASES


def world_options(seed: int, nodes: int, *, is_changing: bool) -> Options:
    """Return the options of a hostile world, or of one in which the members change, too."""
    return changing(seed, nodes) if is_changing else hostile(seed, nodes)


def simulate(
    *,
    seed: int,
    nodes: int,
    seconds: float,
    write: Callable[[str], object],
    is_changing: bool = False,
    progress: Callable[[float], object] = lambda _: None,
) -> int:
    """Run one world with every kind of fault, heal it, and write its transcript and the hard cases that it met.

    >>> simulate(seed=1, nodes=3, seconds=5, write=lambda text: None)
    0

    Args:
        seed: one seed gives one transcript.
        nodes: number of nodes.
        seconds: virtual time with faults; the healing takes longer.
        write: takes text, as `sys.stdout.write` does.
        is_changing: the members change, too.
        progress: called after each virtual second with the part that is done, from 0 to 1.

    Returns:
        The exit code of the command: 0; 1 after a violation, which is written with its replay command; 128 and the
        number of the signal that interrupted the run.
    """
    arguments.check_callable("write", write)
    arguments.check_callable("progress", progress)
    simulation = Simulation(world_options(seed, nodes, is_changing=arguments.flag("is_changing", is_changing)))
    violation: InvariantViolation | None = None

    def live() -> None:
        for second in range(int(seconds)):
            simulation.run(1)
            progress((second + 1) / seconds)
        simulation.run(seconds - int(seconds))
        simulation.settle()

    try:
        interruption.attempt(live)
    except InvariantViolation as error:
        violation = error
    write(simulation.transcript + "\n")
    if violation is not None:
        write(f"{violation.invariant}: {violation.detail}\nreplay: {violation.replay}\n")
        return 1
    met = ", ".join(f"{name}: {count}" for name, count in sorted(simulation.met.items()))
    end = "interrupted; " if interruption.number else ""
    write(f"{end}no violation in {simulation.now:g} virtual seconds; {met}\n")
    return interruption.status(0)
