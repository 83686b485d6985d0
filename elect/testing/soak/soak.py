"""Many hostile worlds on all cores, and a report.

`python -m elect.testing.soak --for 600` runs fresh seeds for ten minutes; `--first 0 --seeds 300` runs these seeds.
After the first line of output, Ctrl-C (or SIGTERM) ends the run with the report on the worlds that ended.
"""

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import count
from os import cpu_count
from secrets import randbelow
from time import process_time

from elect.testing.simulation.simulate import VIOLATIONS_MAX, Report, cases, world_options
from elect.testing.simulation.simulation import Simulation
from elect.testing.simulation.simulation_options import NODES_MAX
from elect.testing.simulation.violation import InvariantViolation
from elect.testing.soak.interruption import interruption
from elect.testing.soak.progress import Progress
from elect.testing.soak.workers import Workers
from wire.common.deadline import now_s

NODES = (3, 4, 5)
"""Cluster sizes, taken in turn by seed."""

SEEDS = 300
_FRESH_MAX = 1_000_000_000


def run_one(seed: int, *, nodes: Sequence[int] = NODES, seconds: float = 60.0, is_changing: bool = False) -> Report:
    """Run one world; its size depends on its seed."""
    began = process_time()
    simulation = Simulation(world_options(seed, nodes[seed % len(nodes)], is_changing=is_changing))
    violations = []
    try:
        simulation.run(seconds)
        simulation.settle()
    except InvariantViolation as violation:
        violations.append(violation)
    return Report(
        cases=cases(is_changing=is_changing),
        runs=1,
        virtual_seconds=simulation.now,
        real_seconds=process_time() - began,
        met=simulation.met,
        strikes=simulation.strikes,
        violated=len(violations),
        violations=violations,
    )


class Soak:
    """Runs a world for each seed, on all cores, until no seed is left or a signal comes.

    Args:
        run: runs the world of one seed.
        tell: called with each world's report, after it was added to the total.
        is_changing: the members change in these worlds.

    Attributes:
        total: the report on all worlds so far.
    """

    def __init__(
        self, run: Callable[[int], Report], tell: Callable[[Report], None] | None = None, *, is_changing: bool = False
    ) -> None:
        self._run = run
        self._tell = tell
        self.total = Report(cases=cases(is_changing=is_changing))

    def go(self, seeds: Iterable[int], workers: int | None = None) -> Report:
        """Run the seeds in order; a single worker is this process."""
        workers = workers or cpu_count() or 1
        if workers == 1:
            self._go_alone(seeds)
            return self.total
        with Workers(self._run, workers) as shared:
            for _, report in shared.each(seeds):
                self._add(report)
        return self.total

    def _go_alone(self, seeds: Iterable[int]) -> None:
        for seed in seeds:
            report = interruption.attempt(partial(self._run, seed))
            if report is None:
                return
            self._add(report)

    def _add(self, report: Report) -> None:
        self.total.add(report)
        if self._tell is not None:
            self._tell(report)


def soak(
    seeds: Iterable[int], *, nodes: Sequence[int] = NODES, seconds: float = 60.0, workers: int | None = None
) -> Report:
    """Run a world for each seed, on all cores."""
    return Soak(partial(run_one, nodes=tuple(nodes), seconds=seconds)).go(seeds, workers)


def _until(seeds: Iterable[int], real_seconds: float) -> Iterable[int]:
    """Yield seeds until `real_seconds` have passed."""
    end = now_s() + real_seconds
    for seed in seeds:
        if now_s() >= end:
            return
        yield seed


def _positive(text: str) -> float:
    value = float(text)
    if not value > 0:
        raise ArgumentTypeError(f"{text} is not above 0")
    return value


def _size(text: str) -> int:
    nodes = int(text)
    if not 1 <= nodes <= NODES_MAX:
        raise ArgumentTypeError(f"{nodes} nodes; 1 to {NODES_MAX} are allowed")
    return nodes


def _arguments(arguments: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(prog="python -m elect.testing.soak", description=__doc__)
    parser.add_argument("--for", type=_positive, dest="real_seconds", metavar="S", help="real time, s")
    parser.add_argument("--first", type=int, metavar="N", help="first seed (0; with --for a fresh one)")
    parser.add_argument("--seeds", type=int, metavar="N", help=f"number of seeds ({SEEDS}; with --for no limit)")
    parser.add_argument(
        "--seconds",
        type=_positive,
        default=60.0,
        metavar="S",
        help="virtual time with faults (%(default)g)",
    )
    parser.add_argument("--nodes", type=_size, nargs="+", default=NODES, metavar="N", help="cluster sizes (3 4 5)")
    parser.add_argument("--changing", action="store_true", help="the members change, too")
    parser.add_argument("--workers", type=int, metavar="N", help="processes (one per core)")
    return parser.parse_args(arguments)


def _seeds(given: Namespace) -> tuple[int, Iterable[int]]:
    is_timed = given.real_seconds is not None
    first: int = given.first if given.first is not None else randbelow(_FRESH_MAX) if is_timed else 0
    if given.seeds is None and is_timed:
        return first, _until(count(first), given.real_seconds)
    seeds = range(first, first + (SEEDS if given.seeds is None else given.seeds))
    return first, _until(seeds, given.real_seconds) if is_timed else seeds


def main(arguments: Sequence[str] | None = None) -> int:
    """Run seeds and print the report.

    Returns:
        1 after a violation, 2 if a hard case was not met, else 0. Interrupted without a violation, the command ends
        with 130, after SIGTERM with 143.
    """
    given = _arguments(arguments)
    first, seeds = _seeds(given)
    progress = Progress(sys.stderr)
    progress.say(f"seeds from {first}; to repeat: --first {first} --seeds N")

    def tell(report: Report) -> None:
        if running.total.violated <= VIOLATIONS_MAX:
            for violation in report.violations:
                progress.say(f"{violation.invariant}: {violation.detail}\nreplay: {violation.replay}")
        progress.show(running.total.line)

    run = partial(run_one, nodes=tuple(given.nodes), seconds=given.seconds, is_changing=given.changing)
    running = Soak(run, tell, is_changing=given.changing)
    total = running.go(seeds, given.workers)
    progress.clear()
    sys.stdout.write(f"{total}\n")
    if total.violated:
        return 1
    return 2 if total.unmet else 0
