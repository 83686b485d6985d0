"""Start five nodes at the same instant with the same seeds, then lose the data of one of them; again and again.

Each round is a cluster of five real processes with default timing, without data, without `bootstrap`: each lists all
five as seeds. They have to form one cluster with one id and one leader, in which all five vote. Then the node with the
smallest seed, which is the one that may form a cluster, is killed, its data directory is removed, and it is started
again at once. It has to join the other four and to vote again, under its new store and in the same cluster.

Printed are the times of each round, and how many rounds were good. The program fails if one was not.

Usage: python bench/cold_clusters.py [--rounds 30]
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from growing.cold_cluster import COLUMNS, start_together


def main() -> None:
    """Play the rounds, and print their times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30, help="number of clusters")
    rounds = parser.parse_args().rounds
    good: list[Sequence[float]] = []
    print(f"{'seconds':<10}" + "".join(f"{name:>18}" for name in COLUMNS), flush=True)
    for number in range(1, rounds + 1):
        with tempfile.TemporaryDirectory(prefix="elect-bench-") as directory:
            try:
                good.append(start_together(Path(directory), {}))
            except (AssertionError, TimeoutError) as error:
                print(f"round {number:<4} {error}", flush=True)
            else:
                print(f"round {number:<4}" + "".join(f"{each:>18.2f}" for each in good[-1]), flush=True)
    for name, choose in (("median", statistics.median), ("longest", max)) if good else ():
        print(f"{name:<10}" + "".join(f"{choose(column):>18.2f}" for column in zip(*good, strict=True)))
    print(f"{len(good)} of {rounds} rounds: one cluster, one id, one leader, five voters; the wiped node votes again")
    if len(good) < rounds:
        sys.exit(1)


if __name__ == "__main__":
    main()
