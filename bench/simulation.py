"""Measure the virtual seconds that one core simulates in a second, with every promise checked after every step.

"hostile" worlds have every kind of fault, as `make soak` has; each seed has its own mix. "calm" worlds have no faults:
only heartbeats. CPU time is that of the process. It depends on the load of the machine, so the program pushes and pops
1,000 numbers on a heap after each virtual second. The last column is the cost of a virtual second in pushes and pops.

Usage: python bench/simulation.py [--seeds 9] [--seconds 60] [--nodes 3 5] [--json]
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from heapq import heappop, heappush
from statistics import median
from time import process_time

from elect.testing import Options, Simulation
from elect.testing.faults.presets import hostile

HEAP = 1_000
"""Numbers on the heap: about 0.7 ms."""

WORLDS = {"hostile": hostile, "calm": lambda seed, nodes: Options(seed=seed, nodes=nodes)}


@dataclass(frozen=True, kw_only=True)
class Row:
    """The result for one kind of world.

    Attributes:
        speeds: virtual seconds per second of one core, by seed.
        heap_operations: median cost of a virtual second, in pushes and pops.
    """

    world: str
    nodes: int
    speeds: list[float]
    heap_operations: float

    def __str__(self) -> str:
        least, most = min(self.speeds), max(self.speeds)
        numbers = f"{median(self.speeds):>10.0f}{least:>9.0f}{most:>9.0f}{self.heap_operations:>12.0f}"
        return f"{self.world:<10}{self.nodes:>6}{numbers}"


def time_heap() -> float:
    """Return the CPU seconds of one push and pop."""
    began = process_time()
    heap: list[tuple[int, int]] = []
    for number in range(HEAP):
        heappush(heap, (number * 7919 % HEAP, number))
    while heap:
        heappop(heap)
    return (process_time() - began) / HEAP


def run(world: str, seed: int, nodes: int, seconds: int) -> tuple[float, float]:
    """Return the CPU seconds of a virtual second, and of a push and pop in the same time."""
    simulation = Simulation(WORLDS[world](seed, nodes))
    simulated = heap = 0.0
    for _ in range(seconds):
        began = process_time()
        simulation.run(1)
        simulated += process_time() - began
        heap += time_heap()
    return simulated / seconds, heap / seconds


def measure(worlds: list[str], sizes: list[int], seeds: int, seconds: int) -> Iterator[Row]:
    """Yield a row for each kind of world and size."""
    for world in worlds:
        for nodes in sizes:
            costs = [run(world, seed, nodes, seconds) for seed in range(seeds)]
            speeds = [1 / simulated for simulated, _ in costs]
            yield Row(
                world=world,
                nodes=nodes,
                speeds=speeds,
                heap_operations=median(simulated / heap for simulated, heap in costs),
            )


def main() -> None:
    """Measure the speed of the simulation, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=9)
    parser.add_argument("--seconds", type=int, default=60, help="virtual seconds of each seed")
    parser.add_argument("--nodes", type=int, nargs="+", default=[3, 5], help="cluster sizes")
    parser.add_argument("--worlds", choices=WORLDS, nargs="+", default=list(WORLDS))
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    arguments = parser.parse_args()
    if not arguments.json:
        print("virtual seconds per second of one core; heap: cost of a virtual second in pushes and pops")
        print(f"{'world':<10}{'nodes':>6}{'median':>10}{'min':>9}{'max':>9}{'heap':>12}")
    for row in measure(arguments.worlds, arguments.nodes, arguments.seeds, arguments.seconds):
        print(json.dumps(asdict(row)) if arguments.json else row, flush=True)


if __name__ == "__main__":
    main()
