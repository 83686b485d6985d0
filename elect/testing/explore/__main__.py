"""`python -m elect.testing.explore`: visit, and show how far it has come."""

import argparse
import sys
from time import process_time

from elect.testing.explore import DEFAULT, Bounds, Exploration, explore, replay
from elect.testing.violation import InvariantViolation


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m elect.testing.explore",
        description="Visit every world that a small cluster can come to, and check each.",
        epilog=f"Without any count: {DEFAULT}. With some, the others are 0.",
    )
    parser.add_argument("--nodes", type=int, default=3, choices=(2, 3, 4), help="how many (3)")
    parser.add_argument("--states", type=int, default=2_000_000, help="stop at about so many (2,000,000)")
    parser.add_argument("--start", metavar="TRACE", help="steps to begin after")
    parser.add_argument("--replay", metavar="TRACE", help="play these steps instead")
    counts = parser.add_argument_group("how often, on one path")
    for name in Bounds.names():
        counts.add_argument(f"--{name}", type=int, metavar="N")
    return parser


def _show(text: str) -> None:
    sys.stdout.write(text + "\n")


def _progress(visited: Exploration) -> None:
    sys.stderr.write(f"\r{visited.states:>12,} states, {visited.transitions:,} transitions, depth {visited.depth} ")
    sys.stderr.flush()


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 1 after a violation, 2 after a mistake in the arguments."""
    parser = _parser()
    options = parser.parse_args(arguments)
    counts = {name: getattr(options, name) for name in Bounds.names() if getattr(options, name) is not None}
    try:
        if options.replay is not None:
            _show("\n".join(replay(options.replay)))
            return 0
        bounds = Bounds(**counts) if counts else DEFAULT
        visited = explore(
            options.nodes, bounds=bounds, states_max=options.states, start=options.start, progress=_progress
        )
    except InvariantViolation as violation:
        _show(f"\n{violation}" if options.replay is None else str(violation))
        return 1
    except ValueError as error:
        parser.error(str(error))
    _show(f"\n{options.nodes} nodes, {bounds}: no violation in {visited}; {process_time():.0f} s of one core")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
