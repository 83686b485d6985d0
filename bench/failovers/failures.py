"""Clusters of node_program.py whose leader fails, and the seconds until another node leads."""

import signal
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from failovers.recorded_leases import leases
from rotation import Rotation

from elect.testing.real_processes import Plan, ProcessCluster, ProcessEvent, overlaps

PROGRAM = Path(__file__).with_name("node_program.py")

SETTLED_S = 1.2
"""Time without an event, s: after it a restarted node is past its boot fence and votes."""

ROLLING_S = 2.0
"""A rolling restart goes on to the next node within this time, s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """A kind of cluster.

    Attributes:
        application: the options of node_program.py.
    """

    nodes: int = 3
    security: str = "none"
    application: tuple[str, ...] = ()


@contextmanager
def cluster(situation: Situation, *options: str) -> Iterator[tuple[ProcessCluster, Rotation]]:
    """Start a cluster in a new directory; at its end, fail if leases overlapped."""
    with tempfile.TemporaryDirectory(prefix="elect-bench-") as directory:
        ids = tuple("abcdefghi"[: situation.nodes])
        rotation = Rotation(Path(directory), ids, situation.security)
        command = (sys.executable, str(PROGRAM), *situation.application, *options)
        plan = Plan(directory=Path(directory), nodes=ids, security=rotation.lines, command=command)
        with ProcessCluster(plan) as running:
            yield running, rotation
        for held in leases(running).values():
            if overlapping := overlaps(held):
                sys.exit(f"two leases overlap: {overlapping}")


def leader_of(running: ProcessCluster) -> str:
    """Return the node that was elected last; wait for the first."""
    running.wait_for(lambda event: event.event == "on_elected")
    elected = [event for event in running.events if event.event == "on_elected"]
    return max(elected, key=lambda event: event.boottime).node


def fail_once(running: ProcessCluster, leader: str, number: int) -> float:
    """Send the leader a signal; return the seconds until an application is told that it leads.

    After a resignation that may be the same one: it stays a candidate.
    """
    since = len(running.events)
    at = running.nodes[leader].signal(number)
    if number == signal.SIGUSR1:
        at = running.wait_for(lambda event: event.event == "resigning", since=since).boottime
    elected = running.wait_for(lambda event: event.event == "on_elected" and event.boottime > at, since=since)
    return elected.boottime - at


def fail(
    running: ProcessCluster,
    rounds: int,
    number: int,
    mend: Callable[[ProcessCluster, str], None],
    prepare: Callable[[], None] = lambda: None,
) -> Iterator[float]:
    """Send the leader of a settled cluster a signal, `rounds` times; yield each time without a leader, s."""
    for _ in range(rounds):
        prepare()
        leader_of(running)
        running.wait_until_quiet(SETTLED_S)
        leader = leader_of(running)
        yield fail_once(running, leader, number)
        mend(running, leader)


def restart(running: ProcessCluster, node_id: str) -> None:
    """Start an ended node again, and wait until it follows."""
    since = start_again(running, node_id)
    wait_until_it_follows(running, node_id, since)


def start_again(running: ProcessCluster, node_id: str) -> int:
    """Start the process of an ended node again; return the number of events before."""
    node = running.nodes[node_id]
    node.wait()
    since = len(running.events)
    node.start()
    return since


def wait_until_it_follows(running: ProcessCluster, node_id: str, since: int) -> None:
    """Wait until a node knows a leader."""
    running.wait_for(
        lambda event: event.node == node_id and event.event == "leader" and event.leader is not None, since=since
    )


def continue_node(running: ProcessCluster, node_id: str) -> None:
    """Continue a stopped node, and wait until it knows that it lost and follows."""
    since = len(running.events)
    running.nodes[node_id].signal(signal.SIGCONT)
    wait_for_its(running, "lost", node_id, since)
    wait_until_it_follows(running, node_id, since)


def do_nothing(_running: ProcessCluster, _node_id: str) -> None:
    """Leave a node that resigned as it is."""


def roll(running: ProcessCluster, rounds: int, rng: Random) -> Iterator[float]:
    """Kill the leader soon after the restart of the one killed before; yield each time without a leader, s."""
    leader_of(running)
    running.wait_until_quiet(SETTLED_S)
    killed = leader_of(running)
    fail_once(running, killed, signal.SIGKILL)
    for _ in range(rounds):
        wait_for_its(running, "started", killed, start_again(running, killed))
        time.sleep(rng.uniform(0, ROLLING_S))
        killed = leader_of(running)
        yield fail_once(running, killed, signal.SIGKILL)


def begin(running: ProcessCluster, nodes: Collection[str], since: int = 0) -> float:
    """Start the nodes of held processes; return when the last of them had started, s of the boot clock."""
    for node_id in nodes:
        wait_for_its(running, "ready", node_id, since)
    for node_id in nodes:
        running.nodes[node_id].signal(signal.SIGUSR1)
    return max(wait_for_its(running, "started", node_id, since).boottime for node_id in nodes)


def wait_for_its(running: ProcessCluster, name: str, node_id: str, since: int) -> ProcessEvent:
    """Return a node's first event of this name."""
    return running.wait_for(lambda event: event.event == name and event.node == node_id, since=since)


def cold_start(running: ProcessCluster, since: int = 0) -> float:
    """Return the seconds from the last `started` to the first lease; 0 if the lease came first."""
    started = begin(running, running.nodes, since)
    elected = running.wait_for(lambda event: event.event == "on_elected", since=since)
    return max(0.0, elected.boottime - started)


def fresh_starts(situation: Situation, rounds: int) -> Iterator[float]:
    """Yield the seconds of each cold start of nodes without data."""
    for _ in range(rounds):
        with cluster(situation, "--held") as (running, _):
            yield cold_start(running)


def restarts_of_all(situation: Situation, rounds: int) -> Iterator[float]:
    """Yield the seconds of each cold start of nodes that were all killed."""
    with cluster(situation, "--held") as (running, _):
        begin(running, running.nodes)
        for _ in range(rounds):
            leader_of(running)
            running.wait_until_quiet(SETTLED_S)
            for node in running.nodes.values():
                node.signal(signal.SIGKILL)
            for node in running.nodes.values():
                node.wait()
            since = len(running.events)
            for node in running.nodes.values():
                node.start()
            yield cold_start(running, since)
