"""`elect simulate`: one world, one seed, one transcript."""

import argparse
import sys

from elect.testing.simulation.simulate import simulate
from elect.testing.soak.interruption import interruption


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="fixes everything (default %(default)s)")
    parser.add_argument("--nodes", type=_nodes, default=3, metavar="N", help="1 to 9 (default %(default)s)")
    parser.add_argument(
        "--seconds", type=_seconds, default=60.0, metavar="S", help="virtual, with faults (default %(default)g)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Simulate; 1 after a violation. A signal ends it with the transcript so far."""
    with interruption.caught():
        return simulate(seed=arguments.seed, nodes=arguments.nodes, seconds=arguments.seconds, write=sys.stdout.write)


def _nodes(text: str) -> int:
    if (nodes := int(text)) not in range(1, 10):
        raise argparse.ArgumentTypeError(f"{nodes} nodes; 1 to 9 are allowed")
    return nodes


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text} seconds; more than 0 and at most 1,000,000 are needed")
    return seconds
