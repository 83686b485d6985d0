"""The course of the demo: the leader fails, another one is elected, the first one comes back; each time is measured."""

import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from elect.cli.demo.cluster_view import ClusterView
from elect.cli.demo.demo_progress import DemoProgress, LeaderFailure, duration
from elect.cli.exit_codes import Failure
from elect.clock import now_ns
from elect.testing.real_processes import ProcessCluster, ProcessEvent, overlaps, tenures
from wire.common.deadline import now_s

Found = TypeVar("Found")

STEP_TIMEOUT_S = 30.0
"""More than a step takes on the slowest machine."""

FENCE_S = 1.2
"""A node grants no vote for its support duration after its start: one second here, with the drift and a margin."""

VIEWING_S = 0.6
"""The least time for which a viewer sees each state."""

SIGNALS = {
    LeaderFailure.CRASH: (signal.SIGKILL, "is killed (SIGKILL)"),
    LeaderFailure.HANG: (signal.SIGSTOP, "hangs (SIGSTOP)"),
    LeaderFailure.RESIGNATION: (signal.SIGTERM, "is told to resign (SIGTERM)"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """The parts of a running demo.

    Attributes:
        cluster: the processes.
        cluster_view: their state.
        progress: the words of the picture.
        say: prints a sentence that stays.
        refresh: applies new events and draws; called often.
    """

    cluster: ProcessCluster
    cluster_view: ClusterView
    progress: DemoProgress
    say: Callable[[str], None]
    refresh: Callable[[], None]


def play(scenario: Scenario, rounds: int) -> None:
    """Play all rounds, each with every failure.

    Raises:
        Failure: a step took longer than STEP_TIMEOUT_S.
    """
    scenario.progress.headline = "the first election"
    _await_agreement(scenario)
    first = scenario.cluster_view.leader
    assert first is not None
    scenario.say(f"{first.node_id} leads, in term {first.term}")
    for number in range(1, rounds + 1):
        scenario.progress.round = f"round {number} of {rounds}"
        for failure in LeaderFailure:
            _fail_over(scenario, failure)


def check_leases(cluster: ProcessCluster) -> int:
    """Return the number of leases.

    Raises:
        Failure: two of them were held at once.
    """
    held = tenures(cluster.events)
    for one, other in overlaps(held):
        raise Failure(f"two leases at once: {one} and {other}")
    return len(held)


def _fail_over(scenario: Scenario, failure: LeaderFailure) -> None:
    leader = scenario.cluster_view.leader
    assert leader is not None
    node = scenario.cluster.nodes[leader.node_id]
    number, words = SIGNALS[failure]
    scenario.progress.headline = f"{failure}: {node.node_id} {words}"
    since = len(scenario.cluster.events)
    began = node.signal(number)
    elected = _await_leader(scenario, since, leader.term)
    seconds = elected.boottime - began
    scenario.progress.times.add(failure, seconds)
    scenario.progress.headline += f"; {elected.node} leads in term {elected.term} after {duration(seconds)}"
    scenario.say(f"{scenario.progress.round}: {scenario.progress.headline}")
    _show(scenario)
    if failure is LeaderFailure.HANG:
        node.signal(signal.SIGCONT)
    else:
        node.wait()
        node.start()
    _await_agreement(scenario)


def _await_leader(scenario: Scenario, since: int, term: int) -> ProcessEvent:
    def find() -> ProcessEvent | None:
        events = scenario.cluster.events[since:]
        return next((event for event in events if event.event == "elected" and (event.term or 0) > term), None)

    return _await(scenario, find, "no other node was elected")


def _await_agreement(scenario: Scenario) -> None:
    view = scenario.cluster_view
    _await(scenario, lambda: view.is_settled(now_ns() / 1e9, FENCE_S) or None, "the nodes did not agree on a leader")
    _show(scenario)


def _show(scenario: Scenario) -> None:
    end = now_s() + VIEWING_S
    _await(scenario, lambda: now_s() > end or None, "")


def _await(scenario: Scenario, find: Callable[[], Found | None], complaint: str) -> Found:
    deadline = now_s() + STEP_TIMEOUT_S
    while now_s() < deadline:
        scenario.refresh()
        if (found := find()) is not None:
            return found
    raise Failure(f"{complaint} within {STEP_TIMEOUT_S:g} s")
