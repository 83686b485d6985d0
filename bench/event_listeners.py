"""Measure what listeners of `/events` cost an election: failover times with 200 at each node, and with none.

Three nodes are real processes with default timing, as in failover.py. In each round the leader is killed three times:
without listeners, with some at each node, and with as many at each node but the leader. A time is from the SIGKILL to
the callback `on_elected` of the next leader. The listeners are read by this program, on the same machine.

A process with 200 more sockets takes longer to end, whatever they are for: the system closes them one by one. The third
row is without that.

Usage: python bench/event_listeners.py [--rounds 30] [--listeners 200]
"""

import argparse
import signal
import statistics
import sys
import tempfile
from pathlib import Path

from failovers import failures
from watching.event_readers import reading

from elect.testing.real_processes import Plan, ProcessCluster

RATIO_MAX = 1.25
"""Noise of the machine included: one round differs from the next by more."""


def fail_once(running: ProcessCluster, listeners: int, *, is_leader_left_out: bool) -> float:
    """Kill the leader while that many listen to each node; return the seconds until the next one leads."""
    leader = failures.leader_of(running)
    addresses = [http for node, http in running.http.items() if not (is_leader_left_out and node == leader)]
    with reading(addresses, listeners):
        running.wait_until_quiet(failures.SETTLED_S)
        taken = failures.fail_once(running, leader, signal.SIGKILL)
    failures.restart(running, leader)
    running.wait_until_quiet(failures.SETTLED_S)
    return taken


def row(name: str, taken: list[float]) -> float:
    """Print a row of times in seconds; return the median."""
    ordered = sorted(1e3 * each for each in taken)
    median = statistics.median(ordered)
    print(f"{name:<32}{len(ordered):>3}{ordered[0]:>9.2f}{median:>9.2f}{ordered[-1]:>9.2f}", flush=True)
    return median


def main() -> int:
    """Measure, print a table, and return 1 if listeners cost more than the noise of the machine."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30, help="kills of each kind")
    parser.add_argument("--listeners", type=int, default=200, help="at each node")
    arguments = parser.parse_args()
    count = arguments.listeners
    times: dict[tuple[int, bool], list[float]] = {(0, False): [], (count, False): [], (count, True): []}
    with tempfile.TemporaryDirectory(prefix="elect-bench-") as place:
        command = (sys.executable, str(failures.PROGRAM))
        with ProcessCluster(Plan(directory=Path(place), with_http=True, command=command)) as running:
            for _ in range(arguments.rounds):
                for (listeners, is_left_out), taken in times.items():
                    taken.append(fail_once(running, listeners, is_leader_left_out=is_left_out))
    print(f"{'milliseconds after SIGKILL':<32}{'n':>3}{'min':>9}{'median':>9}{'max':>9}")
    names = ("no listeners", f"{count} at each node", f"{count} at each but the leader")
    without, with_them, of_others = map(row, names, times.values())
    print(f"{'ratios of the medians':<35}{'':>9}{with_them / without:>9.2f}{of_others / without:>9.2f}")
    return int(with_them > RATIO_MAX * without)


if __name__ == "__main__":
    raise SystemExit(main())
