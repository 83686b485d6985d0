"""Measure the time that a fresh node needs to join a cluster, beside the time for which a learner has to be ready.

A cluster of three real processes with default timing. Each join is that of a new process with a new data directory:
from just before its `Node.start` to the phase `ready`, in which it is a voter. Both moments are those of the joining
process, so its start by the system and its imports do not count. After that the node is removed and ended.

A learner becomes a voter when a quorum has supported it for ten heartbeat intervals. That time is set, not measured;
the rest is what a join itself takes.

Usage: python bench/join.py [--rounds 20] [--security none|key|tls]
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from growing.cluster_changes import remove, start_joining, wait_for_phase
from rotation import Rotation

from elect import Config
from elect.core.rules.membership import READY_INTERVALS
from elect.testing.real_processes import Plan, ProcessCluster

VOTERS = ("a", "b", "c")

LIMIT_S = 1.0
"""A join may take this time besides the ten intervals."""


def join_once(running: ProcessCluster, node_id: str) -> float:
    """Let a new node join and leave; return the seconds from its start to its vote."""
    node = start_joining(running, node_id, [*VOTERS])
    took = wait_for_phase(running, node_id, "ready") - wait_for_phase(running, node_id, "starting")
    remove(running, node_id, VOTERS)
    node.close()
    return took


def measure(rounds: int, security: str) -> list[float]:
    """Return the seconds of each join."""
    with tempfile.TemporaryDirectory(prefix="elect-bench-") as directory:
        joining = [f"n{number:02}" for number in range(rounds)]
        rotation = Rotation(Path(directory), (*VOTERS, *joining), security)
        plan = Plan(
            directory=Path(directory), nodes=VOTERS[:1], seeds=VOTERS[:1], with_http=True, security=rotation.lines
        )
        with ProcessCluster(plan) as running:
            wait_for_phase(running, VOTERS[0], "ready")
            for node_id in VOTERS[1:]:
                running.add(node_id, VOTERS[:1]).start()
                wait_for_phase(running, node_id, "ready")
            return [join_once(running, node_id) for node_id in joining]


def main() -> None:
    """Measure, and print the times with their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20, help="number of joins")
    parser.add_argument("--security", choices=("none", "key", "tls"), default="none")
    arguments = parser.parse_args()
    taken = sorted(measure(arguments.rounds, arguments.security))
    interval_s = Config(node="a", cluster="x", listen="127.0.0.1:0", data_dir="x").heartbeat_interval_ns / 1e9
    shown = READY_INTERVALS * interval_s
    median = statistics.median(taken)
    print(f"{'seconds':<24}{'n':>4}{'min':>8}{'median':>8}{'p95':>8}{'max':>8}{'shown':>8}{'/shown':>8}")
    p95 = taken[min(len(taken) - 1, int(0.95 * len(taken)))]
    numbers = "".join(f"{each:>8.3f}" for each in (taken[0], median, p95, taken[-1], shown, median / shown))
    print(f"{'join of a fresh node':<24}{len(taken):>4}{numbers}")
    print(f"a learner shows for {shown:.1f} s that it is ready; a join takes {median - shown:.3f} s besides")
    if median > shown + LIMIT_S:
        sys.exit(f"the median is above {LIMIT_S:g} s and the time that a learner shows")


if __name__ == "__main__":
    main()
