"""Kill a node that joins, or the leader that lets it join, at each step of the join and at random moments.

A cluster of three real processes with default timing. In each round a fresh node starts to join. At one moment it is
killed with SIGKILL, or the leader is, and started again at once. In the end the fresh node has to vote, under the store
that it had from the start, and the members have to have changed exactly twice: it was added once, and became a voter
once. After that it is removed, and loses its data.

One more round: all seeds are dead when the node starts, for 20 s, and then alive again.

Printed is the time of each kind of round from the start of the fresh node to its vote, and how many rounds were good.
The program fails if one was not.

Usage: python bench/interrupted_joins.py [--rounds 30] [--repeat 2] [--dead 20] [--seed 0]
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from random import Random

from growing.cluster_changes import remove
from growing.join_kills import STEPS, JoinKill
from growing.shown_members import ShownMembers, kill, shared_terms, wait_for_voters, wipe

from elect.testing.real_processes import Plan, ProcessCluster, overlaps, tenures
from wire.common.deadline import now_s

VOTERS = ("a", "b", "c")
NEWCOMER = "d"

RANDOM_WITHIN_S = 5.0
"""A join that nobody disturbs takes less."""


class Interruptions:
    """A cluster that a node joins again and again.

    Args:
        running: the processes.
    """

    def __init__(self, running: ProcessCluster) -> None:
        self._running = running
        running.add(NEWCOMER, VOTERS)
        self._before = wait_for_voters(running, VOTERS)

    def interrupt(self, interruption: JoinKill) -> float:
        """Play one round with a kill; return the seconds from the start to the vote."""
        running, leader, since, began = self._running, str(self._before.leader), len(self._running.events), now_s()
        running.nodes[NEWCOMER].start()
        killed = interruption.wait(running, NEWCOMER, leader, since)
        kill(running, killed)
        running.nodes[killed].start()
        return self._end(began)

    def leave_alone(self, seconds: float) -> float:
        """Play the round in which all seeds are dead for some seconds."""
        running, began = self._running, now_s()
        for node in VOTERS:
            kill(running, node)
        running.nodes[NEWCOMER].start()
        time.sleep(seconds)
        for node in VOTERS:
            running.nodes[node].start()
        return self._end(began)

    def _end(self, began: float) -> float:
        """Wait for the vote, check what led to it, and let the node go again."""
        running = self._running
        after = wait_for_voters(running, (*VOTERS, NEWCOMER))
        took = now_s() - began
        remove(running, NEWCOMER, VOTERS)
        wipe(running, NEWCOMER)
        before, self._before = self._before, wait_for_voters(running, VOTERS)
        check(before, after)
        assert not overlaps(tenures(running.events)), "two leaders at one time"
        assert not shared_terms(running.events), "two leaders in one term"
        return took


def check(before: ShownMembers, after: ShownMembers) -> None:
    """Check that the newcomer was added once, and promoted once."""
    versions = after.order[1] - before.order[1]
    assert versions == 2, f"{versions} changes of the members, and not 2"
    assert after.voters.count(NEWCOMER) == 1, f"the voters are {after.voters}"
    assert after.cluster_id == before.cluster_id, "it is in another cluster"


def kills(rounds: int, repeat: int, rng: Random) -> Iterator[tuple[str, JoinKill]]:
    """Yield each kill, with the kind of its round."""
    for victim, is_leader in (("newcomer", False), ("leader", True)):
        for step, shows in STEPS.items():
            for _ in range(repeat):
                yield f"{victim}: {step}", JoinKill(is_leader=is_leader, shows=shows)
    for _ in range(rounds):
        is_leader = rng.random() < 0.5
        kind = f"{'leader' if is_leader else 'newcomer'}: random moment"
        yield kind, JoinKill(is_leader=is_leader, delay_s=rng.uniform(0, RANDOM_WITHIN_S))


def main() -> None:
    """Play the rounds, and print the times of each kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30, help="number of kills at random moments")
    parser.add_argument("--repeat", type=int, default=2, help="number of kills at each step, of each of the two")
    parser.add_argument("--dead", type=float, default=20.0, help="seconds for which all seeds are dead")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    arguments = parser.parse_args()
    times: dict[str, list[float]] = defaultdict(list)
    bad = 0
    with tempfile.TemporaryDirectory(prefix="elect-bench-") as directory:
        plan = Plan(directory=Path(directory), nodes=VOTERS, seeds=VOTERS, with_http=True)
        with ProcessCluster(plan) as running:
            joins = Interruptions(running)
            for kind, interruption in kills(arguments.rounds, arguments.repeat, Random(arguments.seed)):
                try:
                    times[kind].append(joins.interrupt(interruption))
                except AssertionError as error:
                    bad += 1
                    print(f"{kind}, after {interruption.delay_s:.3f} s: {error}", flush=True)
            times["all seeds dead"].append(joins.leave_alone(arguments.dead))
    print(f"{'seconds':<34}{'n':>5}{'median':>9}{'longest':>9}")
    for kind, taken in times.items():
        print(f"{kind:<34}{len(taken):>5}{statistics.median(taken):>9.2f}{max(taken):>9.2f}")
    print(f"{sum(map(len, times.values()))} rounds ended in one vote, after exactly two changes; {bad} did not")
    if bad:
        sys.exit(1)


if __name__ == "__main__":
    main()
