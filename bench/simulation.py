"""How much virtual time one core simulates in a second, with every promise checked after every step.

"hostile" worlds have every kind of fault, as `make soak` has them, each seed with a mix of its own; in "calm" ones
nothing goes wrong, so that heartbeats are all there is. CPU time is the process's own. It depends on the machine and on
its neighbours, so each virtual second is followed by pushing and popping 1,000 numbers on a heap in the same process;
the last column is what a virtual second costs in such pushes and pops.

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
"""Numbers on the heap: some 0.7 ms."""

WORLDS = {"hostile": hostile, "calm": lambda seed, nodes: Options(seed=seed, nodes=nodes)}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One kind of world.

    Attributes:
        speeds: virtual seconds in a second of one core, by seed.
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
    """CPU seconds of one push and pop."""
    began = process_time()
    heap: list[tuple[int, int]] = []
    for number in range(HEAP):
        heappush(heap, (number * 7919 % HEAP, number))
    while heap:
        heappop(heap)
    return (process_time() - began) / HEAP


def run(world: str, seed: int, nodes: int, seconds: int) -> tuple[float, float]:
    """CPU seconds of a virtual second, and of a push and pop meanwhile."""
    simulation = Simulation(WORLDS[world](seed, nodes))
    simulated = heap = 0.0
    for _ in range(seconds):
        began = process_time()
        simulation.run(1)
        simulated += process_time() - began
        heap += time_heap()
    return simulated / seconds, heap / seconds


def measure(worlds: list[str], sizes: list[int], seeds: int, seconds: int) -> Iterator[Row]:
    """A row for each kind of world and size."""
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
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=9)
    parser.add_argument("--seconds", type=int, default=60, help="virtual ones, of each seed")
    parser.add_argument("--nodes", type=int, nargs="+", default=[3, 5], help="cluster sizes")
    parser.add_argument("--worlds", choices=WORLDS, nargs="+", default=list(WORLDS))
    parser.add_argument("--json", action="store_true", help="one object a line instead of a table")
    arguments = parser.parse_args()
    if not arguments.json:
        print("virtual seconds in a second of one core; what one costs in pushes and pops of a heap")
        print(f"{'world':<10}{'nodes':>6}{'median':>10}{'min':>9}{'max':>9}{'heap':>12}")
    for row in measure(arguments.worlds, arguments.nodes, arguments.seeds, arguments.seconds):
        print(json.dumps(asdict(row)) if arguments.json else row, flush=True)


if __name__ == "__main__":
    main()
