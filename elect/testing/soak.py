"""Many hostile worlds over several cores, and what they met. `python -m elect.testing.soak --seeds 300`."""

from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from os import cpu_count
from sys import stdout
from time import process_time

from elect.testing.checkers import HARD_CASES
from elect.testing.hostile import hostile
from elect.testing.simulation import Simulation
from elect.testing.violation import InvariantViolation

NODES = (3, 4, 5)
"""Cluster sizes, taken in turn by seed."""


@dataclass(kw_only=True)
class Report:
    """What some runs came to.

    Attributes:
        runs: how many worlds.
        virtual_seconds: their time.
        real_seconds: of one core.
        met: hard cases and elections.
        violations: each with its transcript's end and its replay command.
    """

    runs: int = 0
    virtual_seconds: float = 0.0
    real_seconds: float = 0.0
    met: Counter[str] = field(default_factory=Counter)
    violations: list[InvariantViolation] = field(default_factory=list)

    def add(self, other: "Report") -> None:
        """Take another report into this one."""
        self.runs += other.runs
        self.virtual_seconds += other.virtual_seconds
        self.real_seconds += other.real_seconds
        self.met += other.met
        self.violations += other.violations

    @property
    def unmet(self) -> list[str]:
        """The hard cases that never came about."""
        return [name for name in HARD_CASES if not self.met[name]]

    def __str__(self) -> str:
        speed = self.virtual_seconds / self.real_seconds if self.real_seconds else 0.0
        hours = self.virtual_seconds / 3600
        lines = [
            f"{self.runs} runs, {hours:.1f} virtual hours, {speed:.0f} virtual seconds per second of one core",
            f"{self.met['elections']:8} elections",
            *(f"{self.met[name]:8} {name}" for name in HARD_CASES),
            f"{len(self.violations):8} violations",
            *(str(violation) for violation in self.violations),
        ]
        return "\n".join(lines)


def run_one(seed: int, *, nodes: Sequence[int] = NODES, seconds: float = 60.0) -> Report:
    """Run one world; its size follows from its seed."""
    began = process_time()
    simulation = Simulation(hostile(seed, nodes[seed % len(nodes)]))
    violations = []
    try:
        simulation.run(seconds)
        simulation.settle()
    except InvariantViolation as violation:
        violations.append(violation)
    spent = process_time() - began
    return Report(runs=1, virtual_seconds=simulation.now, real_seconds=spent, met=simulation.met, violations=violations)


def soak(
    seeds: Iterable[int], *, nodes: Sequence[int] = NODES, seconds: float = 60.0, workers: int | None = None
) -> Report:
    """Run a world for each seed, on all cores."""
    total = Report()
    run = partial(run_one, nodes=tuple(nodes), seconds=seconds)
    with ProcessPoolExecutor(workers or cpu_count(), mp_context=get_context("spawn")) as pool:
        for report in pool.map(run, seeds, chunksize=4):
            total.add(report)
    return total


def main(arguments: Sequence[str] | None = None) -> int:
    """Run seeds and print what they met; 1 on a violation, 2 if a hard case was not met."""
    parser = ArgumentParser(prog="python -m elect.testing.soak", description=__doc__)
    parser.add_argument("--first", type=int, default=0, help="first seed (default 0)")
    parser.add_argument("--seeds", type=int, default=300, help="how many (default 300)")
    parser.add_argument("--seconds", type=float, default=60.0, help="virtual seconds with faults each (default 60)")
    parser.add_argument("--nodes", type=int, nargs="+", default=NODES, help="cluster sizes (default 3 4 5)")
    given = parser.parse_args(arguments)
    report = soak(range(given.first, given.first + given.seeds), nodes=given.nodes, seconds=given.seconds)
    stdout.write(f"{report}\n")
    if report.violations:
        return 1
    return 2 if report.unmet else 0


if __name__ == "__main__":
    raise SystemExit(main())
