"""The command `python -m elect.testing.explore`: search small worlds, and show the progress."""

import argparse
import sys
from functools import partial
from time import process_time

from elect.testing.explore import DEFAULT, Bounds, Exploration, explore, replay
from elect.testing.simulation.violation import InvariantViolation
from elect.testing.soak.interruption import interruption, run
from elect.testing.soak.progress import Progress


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m elect.testing.explore",
        description="Visit every world that a small cluster can reach, and check each.",
        epilog=f"Default counts: {DEFAULT}. When one is given, the others are 0.",
    )
    parser.add_argument("--nodes", type=int, default=3, choices=(2, 3, 4), help="size of the cluster (3)")
    parser.add_argument("--states", type=int, metavar="N", default=2_000_000, help="stop at about N worlds (2,000,000)")
    parser.add_argument("--start", metavar="TRACE", help="steps to perform before the search")
    parser.add_argument("--replay", metavar="TRACE", help="perform these steps and print what each does; no search")
    parser.add_argument("--prompt", action="store_true", help="read clocks and heartbeats at once, in one order")
    counts = parser.add_argument_group("how often each kind of step may happen on one path")
    for name in Bounds.names():
        counts.add_argument(f"--{name}", type=int, metavar="N")
    return parser


def _show(text: str) -> None:
    sys.stdout.write(text + "\n")


class _Progress:
    """Shows the progress, and keeps the latest for an interrupted search."""

    def __init__(self) -> None:
        self._line = Progress(sys.stderr)
        self.latest = Exploration(states=0, transitions=0, depth=0, is_complete=False)

    def __call__(self, visited: Exploration) -> None:
        self.latest = visited
        self._line.show(f"{visited.states:>12,} states, {visited.transitions:,} transitions, depth {visited.depth}")

    def clear(self) -> None:
        """Remove the line that moves on a terminal."""
        self._line.clear()


def main(arguments: list[str] | None = None) -> int:
    """Run the command. Return 1 after a violation, 2 after a mistake in the arguments."""
    parser = _parser()
    options = parser.parse_args(arguments)
    counts = {name: getattr(options, name) for name in Bounds.names() if getattr(options, name) is not None}
    progress = _Progress()
    try:
        if options.replay is not None:
            _show("\n".join(replay(options.replay)))
            return 0
        bounds = Bounds(**counts) if counts else DEFAULT
        visit = partial(
            explore,
            options.nodes,
            bounds=bounds,
            states_max=options.states,
            start=options.start,
            is_prompt=options.prompt,
            progress=progress,
        )
        visited = interruption.attempt(visit)
    except InvariantViolation as violation:
        progress.clear()
        _show(str(violation))
        return 1
    except ValueError as error:
        parser.error(str(error))
    found = f"no violation in {visited}" if visited else f"interrupted; no violation in {progress.latest}"
    prompt = ", prompt" if options.prompt else ""
    progress.clear()
    _show(f"{options.nodes} nodes, {bounds}{prompt}: {found}; {process_time():.0f} s of one core")
    return 0


if __name__ == "__main__":
    run(main)
