"""Measure the time without a leader after a crash, a hang, a resignation and a cold start.

The nodes are real processes with default timing. Each row is the time from the cause to the next leader's first valid
lease (`elected` of `elect run --events`), on the boot clock that all processes share. The ratio compares the median
with the floor, which the same run measures on the same machine (see floor.py). The events of all nodes are checked for
leases that overlap.

With --rotate one node takes the next step of replacing its keys or certificates before each round (see rotation.py). A
line under each row then says how many terms began without a cause; the right number is 0.

Usage: python bench/failover.py [--rounds 50] [--hangs 10] [--nodes 3] [--security none|key|tls] [--rotate]
"""

import argparse
import signal
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import floor
from rotation import Rotation

from elect.testing.real_processes import Plan, ProcessCluster, overlaps, tenures

SETTLED_S = 1.2
"""Time without an event, s: after it a restarted node is past its boot fence and votes."""


@contextmanager
def cluster(nodes: int, security: str) -> Iterator[tuple[ProcessCluster, Rotation]]:
    """Start a cluster in a new directory; at its end, fail if leases overlapped."""
    with tempfile.TemporaryDirectory(prefix="elect-bench-") as directory:
        ids = tuple("abcdefghi"[:nodes])
        rotation = Rotation(Path(directory), ids, security)
        with ProcessCluster(Plan(directory=Path(directory), nodes=ids, security=rotation.lines)) as running:
            yield running, rotation
        overlapping = overlaps(tenures(running.events))
        if overlapping:
            sys.exit(f"two leases overlap: {overlapping}")


def fail(
    running: ProcessCluster,
    rounds: int,
    number: int,
    mend: Callable[[ProcessCluster, str], None],
    prepare: Callable[[], None],
) -> list[float]:
    """Send the leader a signal, `rounds` times; return the seconds until another node leads."""
    taken = []
    leader = running.wait_for_leader().node
    for _ in range(rounds):
        prepare()
        running.wait_until_quiet(SETTLED_S)
        since = len(running.events)
        at = running.nodes[leader].signal(number)
        elected = running.wait_for_leader(since=since, besides=leader)
        taken.append(elected.boottime - at)
        mend(running, leader)
        leader = elected.node
    return taken


def restart(running: ProcessCluster, node_id: str) -> None:
    """Start an ended node again, and wait until it follows."""
    node = running.nodes[node_id]
    node.wait()
    since = len(running.events)
    node.start()
    wait_until_it_follows(running, node_id, since)


def wait_until_it_follows(running: ProcessCluster, node_id: str, since: int) -> None:
    """Wait until a node knows a leader."""
    running.wait_for(
        lambda event: event.node == node_id and event.event == "leader" and event.leader is not None, since=since
    )


def continue_node(running: ProcessCluster, node_id: str) -> None:
    """Continue a stopped node, and wait until it knows that it lost and follows."""
    since = len(running.events)
    running.nodes[node_id].signal(signal.SIGCONT)
    running.wait_for(lambda event: event.node == node_id and event.event == "lost", since=since)
    wait_until_it_follows(running, node_id, since)


def cold_starts(rounds: int, nodes: int, security: str) -> list[float]:
    """Return the seconds from the `started` that completes a quorum to the first lease, with new data."""
    taken = []
    for _ in range(rounds):
        with cluster(nodes, security) as (running, _):
            elected = running.wait_for_leader()
            for node in running.nodes:  # a slow node starts after the others have elected
                running.wait_for(lambda event, node=node: event.event == "started" and event.node == node)
            started = [event.boottime for event in running.events if event.event == "started"]
            taken.append(elected.boottime - sorted(started)[nodes // 2])
    return taken


def row(name: str, taken: list[float], least: float | None) -> None:
    """Print one row of the table."""
    ordered = sorted(1e3 * each for each in taken)
    median, p95 = statistics.median(ordered), ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    ratio = f"{median / (1e3 * least):6.2f}" if least else "     -"
    print(
        f"{name:<22}{len(ordered):>4}{ordered[0]:>9.2f}{median:>9.2f}{p95:>9.2f}{ordered[-1]:>9.2f}{ratio}", flush=True
    )


def report_rotation(running: ProcessCluster, rotation: Rotation, rounds: int) -> None:
    """Print the number of steps, and the number of terms that neither the start nor a round explains."""
    begun = len({event.term for event in running.events if event.event == "elected"})
    print(f"  {rotation.steps} steps of replacing {rotation.security}: {begun - rounds - 1} more terms", flush=True)


def measure(arguments: argparse.Namespace, least: floor.Floor) -> None:
    """Measure each kind of failure, and print a row for it."""
    plan = arguments.nodes, arguments.security
    resignation = 2.5 * least.round_trip + least.durable_write
    for name, rounds, number, mend, fastest in (
        ("crash (SIGKILL)", arguments.rounds, signal.SIGKILL, restart, least.failover),
        ("resignation (SIGTERM)", arguments.rounds, signal.SIGTERM, restart, resignation),
        ("hang (SIGSTOP)", arguments.hangs, signal.SIGSTOP, continue_node, None),
    ):
        with cluster(*plan) as (running, rotation):
            prepare = rotation.step if arguments.rotate else lambda: None
            row(name, fail(running, rounds, number, mend, prepare), fastest)
            if arguments.rotate:
                report_rotation(running, rotation, rounds)
    row("cold start", cold_starts(5, *plan), None)


def main() -> None:
    """Measure the failover times, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50, help="number of crashes and of resignations")
    parser.add_argument("--hangs", type=int, default=10, help="number of SIGSTOPs; each takes a support_duration")
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--security", choices=("none", "key", "tls"), default="none")
    parser.add_argument("--rotate", action="store_true", help="replace keys or certificates between the rounds")
    arguments = parser.parse_args()
    if arguments.rotate and arguments.security == "none":
        parser.error("--rotate needs --security key or tls")
    least = floor.measure()
    print(least)
    print(f"{'milliseconds':<22}{'n':>4}{'min':>9}{'median':>9}{'p95':>9}{'max':>9} ratio", flush=True)
    measure(arguments, least)
    print(f"after the run: {floor.measure()}")


if __name__ == "__main__":
    main()
