"""Let a cluster grow and shrink while its leaders are killed, and replace all of its machines one by one.

The nodes are real processes with default timing, whose application writes its token while it leads
(growing/token_writer.py). Two runs:

- growth: from one node to three, to five, and down to one again. While three or more vote, the leader is killed at a
  random moment within 3 s of each change, which is the time that a change takes, and started again.
- replacement: five machines. One by one a new one joins, and an old one hands over, is removed and stopped.

Printed are the times without a leader, by cause; the leaderships that were lost without a crash or a hand-over; and
whether a token went down. The program fails if one was lost so, if a token went down, or if leases overlapped.

Usage: python bench/members.py [--rounds 1] [--seed 0]
"""

import argparse
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from growing.account import Account, account
from growing.cluster_changes import leader_of, remove, start_joining, wait_for_phase

from elect.testing.real_processes import Plan, ProcessCluster

PROGRAM = Path(__file__).parent / "growing" / "token_writer.py"

KILLED_WITHIN_S = 3.0
VOTERS_MIN = 3
"""Below this number of voters a crash leaves no majority, and no member can lead until the killed one is back."""

QUIET_S = 1.2
"""Time without an event, s: after it every node knows the leader and all members."""


class Growing:
    """A cluster whose members change.

    Args:
        running: the processes.
        rng: draws the moments of the kills.
    """

    def __init__(self, running: ProcessCluster, rng: Random) -> None:
        self.running = running
        self._rng = rng
        self.members = [*running.nodes]

    def grow(self, node_id: str) -> None:
        """Add a node, and wait until it votes."""
        with self._killing():
            start_joining(self.running, node_id, [*self.members])
            wait_for_phase(self.running, node_id, "ready")
        self.members.append(node_id)

    def shrink(self, node_id: str) -> None:
        """Remove a node, and stop it."""
        self.members.remove(node_id)
        with self._killing(besides=node_id):
            remove(self.running, node_id, self.members)
        self.running.nodes[node_id].close()

    def replace(self, old: str, new: str) -> None:
        """Add one node and remove another, without a kill."""
        start_joining(self.running, new, [*self.members])
        wait_for_phase(self.running, new, "ready")
        self.members = [*(each for each in self.members if each != old), new]
        remove(self.running, old, self.members)
        self.running.nodes[old].close()
        self.running.wait_until_quiet(QUIET_S)

    @contextmanager
    def _killing(self, besides: str = "") -> Iterator[None]:
        """Kill the leader meanwhile, and start it again; then wait until the cluster is quiet."""
        if len(self.members) < VOTERS_MIN:
            yield
        else:
            thread = threading.Thread(target=self._kill, args=(self._rng.uniform(0, KILLED_WITHIN_S), besides))
            thread.start()
            try:
                yield
            finally:
                thread.join()
        self.running.wait_until_quiet(QUIET_S)

    def _kill(self, after_s: float, besides: str) -> None:
        time.sleep(after_s)
        leader = leader_of(self.running)
        if leader in ("", besides):
            return
        since = len(self.running.events)
        node = self.running.nodes[leader]
        node.signal(signal.SIGKILL)
        node.wait()
        self.running.wait_for_leader(since=since, besides=leader)
        node.start()
        wait_for_phase(self.running, leader, "ready", since=since)


@contextmanager
def cluster(first: str, rng: Random) -> Iterator[tuple[Growing, Path]]:
    """Start a cluster of one node."""
    with tempfile.TemporaryDirectory(prefix="elect-bench-") as directory:
        store = Path(directory) / "tokens"
        command = (sys.executable, str(PROGRAM), str(store))
        plan = Plan(directory=Path(directory), nodes=(first,), seeds=(first,), with_http=True, command=command)
        with ProcessCluster(plan) as running:
            wait_for_phase(running, first, "ready")
            running.wait_for_leader()
            yield Growing(running, rng), store


def growth(rng: Random) -> Account:
    """Grow from one node to five, and shrink to one again, under kills."""
    with cluster("a", rng) as (growing, store):
        for node_id in "bcde":
            growing.grow(node_id)
        for node_id in rng.sample("abcde", 4):
            growing.shrink(node_id)
        return account(growing.running.events, store)


def replacement(rng: Random) -> Account:
    """Replace five machines, one by one."""
    with cluster("a", rng) as (growing, store):
        for node_id in "bcde":
            start_joining(growing.running, node_id, [*growing.members])
            wait_for_phase(growing.running, node_id, "ready")
            growing.members.append(node_id)
        growing.running.wait_until_quiet(QUIET_S)
        since = time.clock_gettime(time.CLOCK_BOOTTIME)
        for old, new in zip("abcde", "fghij", strict=True):
            growing.replace(old, new)
        return account(growing.running.events, store, since=since)


def main() -> None:
    """Run both, print the accounts, and fail if one is bad."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1, help="of each run")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    is_good = True
    for number in range(arguments.rounds):
        for name, run in (("1 to 5 to 1 nodes, under kills", growth), ("replacement of 5 machines", replacement)):
            found = run(Random(arguments.seed + number))
            print(f"{name}:\n{found}", flush=True)
            is_good &= found.is_good
    if not is_good:
        sys.exit("a leadership was lost, a token went down, or leases overlapped")


if __name__ == "__main__":
    main()
