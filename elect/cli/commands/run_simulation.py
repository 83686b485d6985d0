"""`elect simulate`: runs one simulation and prints its transcript."""

import argparse
import sys

from elect.cli.argument_types import number
from elect.cli.terminal import is_live
from elect.testing.simulation.simulate import simulate
from elect.testing.soak.interruption import interruption
from elect.testing.soak.progress import Progress, bar

NODES, SECONDS = number(int, 1, 9), number(float, 0.001, 1_000_000)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `elect simulate`."""
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="selects the transcript (default: %(default)s)"
    )
    parser.add_argument("--nodes", type=NODES, default=3, metavar="N", help="1 to 9 (default: %(default)s)")
    parser.add_argument("--changing", action="store_true", help="let the members change, too")
    text = (
        "of virtual time with faults, 0.001 or more (default: 60). Then the faults end, and the simulation runs on for"
        " 6 s or more: each election has to get a leader and keep it"
    )
    parser.add_argument("--seconds", type=SECONDS, default=60.0, metavar="S", help=text)


def run(arguments: argparse.Namespace) -> int:
    """Return 1 after a violation, else 0. A signal ends the simulation and prints the transcript up to then."""
    line = Progress(sys.stderr)
    is_shown = is_live(sys.stderr)

    def write(text: str) -> None:
        line.clear()
        sys.stdout.write(text)

    def show(done: float) -> None:
        if is_shown:
            line.show(f"{bar(done)} of {arguments.seconds:g} virtual seconds")

    with interruption.caught():
        return simulate(
            seed=arguments.seed,
            nodes=arguments.nodes,
            seconds=arguments.seconds,
            write=write,
            is_changing=arguments.changing,
            progress=show,
        )
