"""Measure the time without a leader after each kind of failure, in idle, busy, moving and restarting clusters.

The nodes are real processes with default timing (failovers/node_program.py). A time is from the cause to the callback
`on_elected` of the next leader, on the boot clock that all processes share. A cold start is from the end of the last
`Node.start` to the first `on_elected`. Of many elections the last one counts.

Each median is compared with the floor of a failover (floor.py), the mean of one before and one after the row, and with
the median of the first row, the crash in an idle cluster of three. The events of all nodes are checked for leases that
overlap.

Without an option that chooses a situation, all of them are measured, slow ones with fewer rounds.

- `--nodes N`: an idle cluster of N nodes.
- `--offsets moving`: each node calls `set_offset` every 2 ms.
- `--busy`: each process has a thread of pure Python that computes without a pause.
- `--connections N`: each process has N connections of its application, as a server has.
- `--rolling`: the leader is killed at a random moment within 2 s of the start of the node that was killed before.
- `--elections N`: each node is a candidate in N elections. A node is killed, and started again.

The situations combine. `--switch-interval S` calls `sys.setswitchinterval` in the processes of every row.

With --rotate one node takes the next step of replacing its keys or certificates before each round (see rotation.py);
not for cold starts, --rolling and --elections. A line under each row then says how many terms began without a cause;
the right number is 0.

Usage: python bench/failover.py [--rounds 50] [--hangs 10] [--nodes N] [--offsets moving] [--busy] [--connections N]
    [--rolling] [--elections N] [--switch-interval S] [--security none|key|tls] [--rotate]
"""

import argparse
import signal
import statistics
from collections.abc import Iterable
from random import Random

import floor
from failovers import failures, many_elections
from failovers.failures import Situation
from rotation import Rotation

from elect.testing.real_processes import ProcessCluster

CAUSES = {
    "SIGKILL": (signal.SIGKILL, failures.restart),
    "SIGTERM": (signal.SIGTERM, failures.restart),
    "resign": (signal.SIGUSR1, failures.do_nothing),
    "hang": (signal.SIGSTOP, failures.continue_node),
}
COLD_STARTS = {"cold start, fresh": failures.fresh_starts, "cold start, restarted": failures.restarts_of_all}

COLD_STARTS_MAX, COURSES_MAX = 10, 3
"""The most rounds of measurements that take seconds, and of those that take a minute."""

MANY = 10_000

CONNECTIONS = 1_000
"""Of an application; both ends are in its process, so a thousand are 2,000 sockets."""


def measure_floor() -> floor.Floor:
    """Measure the floor in a few seconds: with fewer kills and writes than floor.py, as each row has two of them."""
    return floor.measure(kills=7, count=200)


class Table:
    """The rows, each with its ratio to the floor and to the first row."""

    def __init__(self) -> None:
        self._floor = measure_floor()
        self._first_ms: float | None = None
        print(self._floor)
        titles = "".join(f"{title:>9}" for title in ("min", "median", "p95", "max"))
        print(f"{'milliseconds':<48}{'n':>3}{titles}{'floor':>8}{'/floor':>8}{'/idle':>7}", flush=True)

    def row(self, name: str, taken: Iterable[float]) -> None:
        """Print one row of times in seconds, and measure the floor again: no node may run any longer."""
        ordered = sorted(1e3 * each for each in taken)
        before, self._floor = self._floor, measure_floor()
        least = 1e3 * (before.failover + self._floor.failover) / 2
        median, p95 = statistics.median(ordered), ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
        self._first_ms = self._first_ms or median
        times = "".join(f"{each:>9.2f}" for each in (ordered[0], median, p95, ordered[-1]))
        ratios = f"{least:>8.2f}{median / least:>8.2f}{median / self._first_ms:>7.2f}"
        print(f"{name:<48}{len(ordered):>3}{times}{ratios}", flush=True)


def rotation_report(running: ProcessCluster, rotation: Rotation, rounds: int) -> str:
    """Return the number of steps, and the number of terms that neither the start nor a round explains."""
    begun = len({event.term for event in running.events if event.event == "elected"})
    return f"  {rotation.steps} steps of replacing {rotation.security}: {begun - rounds - 1} more terms"


class Measurement:
    """The rows of one run."""

    def __init__(self, arguments: argparse.Namespace, table: Table) -> None:
        self._arguments = arguments
        self._table = table

    def all(self) -> None:
        """Measure every situation."""
        self.failures("idle", "SIGTERM", "resign", "hang")
        self.cold_starts("idle")
        self.failures("5 nodes", "SIGKILL", nodes=5)
        self.failures("moving offsets", "SIGKILL", application=("--moving",))
        self.failures("busy", "SIGKILL", "SIGTERM", "resign", application=("--busy",))
        self.failures(f"{CONNECTIONS} connections", "SIGKILL", application=("--connections", str(CONNECTIONS)))
        self.rolling("rolling")
        self.many(MANY)

    def chosen(self) -> None:
        """Measure the situation of the options."""
        arguments, connections = self._arguments, self._arguments.connections
        options = {
            "moving offsets": (arguments.offsets, ("--moving",)),
            "busy": (arguments.busy, ("--busy",)),
            f"{connections} connections": (connections, ("--connections", str(connections))),
        }
        names = [name for name, (wanted, _) in options.items() if wanted]
        application = tuple(text for wanted, texts in options.values() if wanted for text in texts)
        nodes = arguments.nodes or 3
        name = ", ".join([f"{nodes} nodes"] * (nodes != 3) + names) or "idle"
        if arguments.elections:
            self.many(arguments.elections, nodes=nodes, application=application)
        elif arguments.rolling:
            self.rolling("rolling" if name == "idle" else f"rolling, {name}", nodes=nodes, application=application)
        else:
            self.failures(name, "SIGKILL", "SIGTERM", "resign", nodes=nodes, application=application)
            self.cold_starts(name, nodes=nodes, application=application)

    def failures(self, name: str, *causes: str, nodes: int = 3, application: tuple[str, ...] = ()) -> None:
        """Measure some causes in one situation, each in a cluster of its own."""
        for cause in causes:
            rounds = self._arguments.hangs if cause == "hang" else self._arguments.rounds
            with failures.cluster(self._situation(nodes, application)) as (running, rotation):
                prepare = rotation.step if self._arguments.rotate else lambda: None
                taken = list(failures.fail(running, rounds, *CAUSES[cause], prepare))
                report = rotation_report(running, rotation, rounds)
            self._table.row(f"{name}: {cause}", taken)
            if self._arguments.rotate:
                print(report, flush=True)

    def cold_starts(self, name: str, *, nodes: int = 3, application: tuple[str, ...] = ()) -> None:
        """Measure the first election of new nodes, and of nodes that were all killed."""
        rounds = min(self._arguments.rounds, COLD_STARTS_MAX)
        for cause, measure in COLD_STARTS.items():
            self._table.row(f"{name}: {cause}", measure(self._situation(nodes, application), rounds))

    def rolling(self, name: str, *, nodes: int = 3, application: tuple[str, ...] = ()) -> None:
        """Measure the crash of a leader while another node returns."""
        with failures.cluster(self._situation(nodes, application)) as (running, _):
            taken = list(failures.roll(running, self._arguments.rounds, Random(0)))
        self._table.row(f"{name}: SIGKILL", taken)

    def many(self, elections: int, *, nodes: int = 3, application: tuple[str, ...] = ()) -> None:
        """Measure a cluster with many elections."""
        rounds = min(self._arguments.rounds, COURSES_MAX)
        situation = self._situation(nodes, application)
        courses = [many_elections.run(situation, elections) for _ in range(rounds)]
        self._table.row(f"{elections} elections: cold start, fresh", [each.cold_start for each in courses])
        self._table.row(f"{elections} elections: SIGKILL", [each.led_again for each in courses])
        for course in courses:
            print(course)

    def _situation(self, nodes: int, application: tuple[str, ...]) -> Situation:
        interval = self._arguments.switch_interval
        options = application if interval is None else (*application, "--switch-interval", str(interval))
        return Situation(nodes=nodes, security=self._arguments.security, application=options)


def parse() -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50, help="number of failures of each kind")
    parser.add_argument("--hangs", type=int, default=10, help="number of SIGSTOPs; each takes a support_duration")
    parser.add_argument("--nodes", type=int)
    parser.add_argument("--offsets", choices=("moving",))
    parser.add_argument("--busy", action="store_true")
    parser.add_argument("--connections", type=int, help="of the application of each node")
    parser.add_argument("--rolling", action="store_true")
    parser.add_argument("--elections", type=int)
    parser.add_argument("--switch-interval", type=float, help="of the interpreter of each node, s")
    parser.add_argument("--security", choices=("none", "key", "tls"), default="none")
    parser.add_argument("--rotate", action="store_true", help="replace keys or certificates between the rounds")
    arguments = parser.parse_args()
    if arguments.rotate and arguments.security == "none":
        parser.error("--rotate needs --security key or tls")
    return arguments


def main() -> None:
    """Measure the failover times, and print a table."""
    arguments = parse()
    measurement = Measurement(arguments, Table())
    measurement.failures("idle", "SIGKILL")
    situations = arguments.nodes, arguments.offsets, arguments.busy, arguments.connections, arguments.rolling
    if any(situations) or arguments.elections:
        measurement.chosen()
    else:
        measurement.all()


if __name__ == "__main__":
    main()
