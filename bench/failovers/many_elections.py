"""A cluster with many elections: a cold start, the death of a node, and its return."""

import signal
import time
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

from failovers.failures import Situation, begin, cluster, start_again
from failovers.recorded_leases import count, events, leases

from elect.clock import now_ns
from elect.testing.real_processes import ProcessCluster

QUIET_S = 3.0
"""Time without a change, s, after which the cluster is settled: longer than a support duration and a campaign."""

TIMEOUT_S = 180.0

RETURN_S = 20.0
"""Time after a restart, s, in which the elections are shared again: a failback waits for 10 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """The result of one cluster.

    Attributes:
        cold_start: seconds from the last `started` until each election had a leader.
        led_again: seconds from the kill of a node until each of its elections had a leader again.
        killed: the number of its elections.
        shares: the elections of each node, RETURN_S after the restart.
        changes: the most new leaders that one election had in that time.
        gap: the longest time for which an election had no lease in that time, s.
    """

    cold_start: float
    led_again: float
    killed: int
    shares: dict[str, int]
    changes: int
    gap: float

    def __str__(self) -> str:
        total = sum(self.shares.values())
        shares = ", ".join(f"{node} {100 * number / total:.1f} %" for node, number in sorted(self.shares.items()))
        return (
            f"  {self.killed} elections of the killed node; {RETURN_S:g} s after its restart of {total} led: {shares};"
            f" at most {self.changes} changes of an election, at most {1e3 * self.gap:.1f} ms without a lease"
        )


def run(situation: Situation, elections: int) -> Course:
    """Start a cluster, kill the node that leads the most elections, and start it again."""
    with cluster(situation, "--held", "--elections", str(elections)) as (running, _):
        began = begin(running, running.nodes)
        wait_until_all_are_led(running, elections)
        cold_start = last_led(running, began) - began
        time.sleep(RETURN_S)  # the nodes did not start at the same moment, so some elections are handed back
        wait_until_all_are_led(running, elections)
        node_id, number = Counter(led(running).values()).most_common(1)[0]
        killed = running.nodes[node_id].signal(signal.SIGKILL)
        wait_until_all_are_led(running, elections)
        led_again = last_led(running, killed) - killed
        returned = begin(running, [node_id], start_again(running, node_id))
        time.sleep(RETURN_S)
        wait_until_all_are_led(running, elections)
        shares = Counter(led(running, returned + RETURN_S).values())
        changes, gap = disturbance(running, returned)
        return Course(
            cold_start=cold_start,
            led_again=led_again,
            killed=number,
            shares={node: shares[node] for node in running.nodes},
            changes=changes,
            gap=gap,
        )


def led(running: ProcessCluster, at: float = float("inf")) -> dict[str, str]:
    """Return the leader of each election that has one at this time, by default now."""
    return {
        election: lease.node
        for election, held in leases(running).items()
        for lease in held
        if lease.begins <= at <= lease.ends
    }


def wait_until_all_are_led(running: ProcessCluster, elections: int) -> None:
    """Wait until each election has a leader, and none changes."""
    deadline = now_ns() / 1e9 + TIMEOUT_S
    known, quiet_since = -1, 0.0
    while True:
        now = now_ns() / 1e9
        if known != (known := count(running)):
            quiet_since = now
        elif now - quiet_since >= QUIET_S and len(led(running)) == elections:
            return
        if now > deadline:
            raise TimeoutError(f"{TIMEOUT_S:g} s passed; {len(led(running))} of {elections} elections are led")
        time.sleep(QUIET_S / 4)


def last_led(running: ProcessCluster, since: float) -> float:
    """Return the moment, s, at which the last election got its first leader after this one."""
    first: dict[str, float] = {}
    for event in events(running):
        if event.event == "on_elected" and event.boottime >= since:
            first[event.election or ""] = min(event.boottime, first.get(event.election or "", event.boottime))
    return max(first.values())


def disturbance(running: ProcessCluster, since: float) -> tuple[int, float]:
    """Return the most new leaders of one election since a moment, and the longest time without a lease, s."""
    changes, gap = 0, 0.0
    for held in leases(running).values():
        changes = max(changes, sum(lease.begins > since for lease in held))
        gap = max(gap, *(after.begins - lease.ends for lease, after in pairwise(held) if lease.ends > since), 0.0)
    return changes, gap
