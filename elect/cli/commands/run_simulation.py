"""`elect simulate`: runs one simulation and prints its transcript."""

import argparse
import sys

from elect.testing.simulation.simulate import simulate
from elect.testing.soak.interruption import interruption


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="the same seed gives the same transcript (default: %(default)s)",
    )
    parser.add_argument("--nodes", type=_nodes, default=3, metavar="N", help="1 to 9 (default: %(default)s)")
    parser.add_argument(
        "--seconds",
        type=_seconds,
        default=60.0,
        metavar="S",
        help="of virtual time, with faults (default: %(default)g)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Return 1 after a violation, else 0. A signal ends the simulation and prints the transcript up to then."""
    with interruption.caught():
        return simulate(seed=arguments.seed, nodes=arguments.nodes, seconds=arguments.seconds, write=sys.stdout.write)


def _nodes(text: str) -> int:
    if (nodes := int(text)) not in range(1, 10):
        raise argparse.ArgumentTypeError(f"nodes is {nodes}; 1 to 9 are allowed")
    return nodes


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= 1_000_000:
        raise argparse.ArgumentTypeError(f"seconds is {text}; above 0, up to 1,000,000 is allowed")
    return seconds
