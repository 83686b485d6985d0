"""What happens in the demo: the leader goes, another comes, the old one is back; each time measured."""

import signal
from collections.abc import Callable
from dataclasses import dataclass

from elect.cli.demo.cluster_view import ClusterView
from elect.cli.demo.render import Story
from elect.cli.demo.timings import Kind, Timings, duration
from elect.cli.exit_codes import Failure
from elect.clock import now_ns
from elect.testing.real_processes import ProcessCluster, ProcessEvent, overlaps, tenures
from wire.common.deadline import now_s

PATIENCE_S = 30.0
"""Nothing here takes so long, on any machine; what does has failed."""

FENCE_S = 1.2
"""A node grants nothing for its support duration after its start: here one second, with the drift and a little more."""

LOOK_S = 0.6
"""For people: each state stands for so long."""

SIGNALS = {
    Kind.CRASH: (signal.SIGKILL, "is killed (SIGKILL)"),
    Kind.HANG: (signal.SIGSTOP, "hangs (SIGSTOP)"),
    Kind.RESIGNATION: (signal.SIGTERM, "is told to go (SIGTERM)"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Where the demo plays.

    Attributes:
        cluster: the processes.
        cluster_view: what they do.
        story: what is told.
        say: tells something that is to stay.
        refresh: takes in what has happened and shows it; called often.
    """

    cluster: ProcessCluster
    cluster_view: ClusterView
    story: Story
    say: Callable[[str], None]
    refresh: Callable[[], None]


def play(scenario: Scenario, rounds: int) -> Timings:
    """All rounds, each with every kind of failure.

    Raises:
        Failure: something did not come about, or two leases were held at once.
    """
    scenario.story.headline = "the first election"
    _settle(scenario)
    first = scenario.cluster_view.leader
    assert first is not None
    scenario.say(f"{first.node_id} leads, in term {first.term}")
    for number in range(1, rounds + 1):
        scenario.story.progress = f"round {number} of {rounds}"
        for kind in Kind:
            _fail_over(scenario, kind)
    return scenario.story.measurements


def check_leases(cluster: ProcessCluster) -> int:
    """How many leases there were.

    Raises:
        Failure: two of them at once.
    """
    held = tenures(cluster.events)
    for one, other in overlaps(held):
        raise Failure(f"two leases at once: {one} and {other}")
    return len(held)


def _fail_over(scenario: Scenario, kind: Kind) -> None:
    leader = scenario.cluster_view.leader
    assert leader is not None
    node = scenario.cluster.nodes[leader.node_id]
    number, words = SIGNALS[kind]
    scenario.story.headline = f"{kind}: {node.node_id} {words}"
    since = len(scenario.cluster.events)
    began = node.signal(number)
    elected = _await_leader(scenario, since, leader.term)
    seconds = elected.boottime - began
    scenario.story.measurements.add(kind, seconds)
    sentence = f"{kind}: {node.node_id} {words}; {elected.node} leads in term {elected.term} after {duration(seconds)}"
    scenario.story.headline = sentence
    scenario.say(f"{scenario.story.progress}: {sentence}")
    _look(scenario)
    if kind is Kind.HANG:
        node.signal(signal.SIGCONT)
    else:
        node.wait()
        node.start()
    _settle(scenario)


def _await_leader(scenario: Scenario, since: int, term: int) -> ProcessEvent:
    def found() -> ProcessEvent | None:
        events = scenario.cluster.events[since:]
        return next((event for event in events if event.event == "elected" and (event.term or 0) > term), None)

    _until(scenario, lambda: found() is not None, "no other node came to lead")
    elected = found()
    assert elected is not None
    return elected


def _settle(scenario: Scenario) -> None:
    _until(
        scenario, lambda: scenario.cluster_view.is_settled(now_ns() / 1e9, FENCE_S), "the nodes did not come together"
    )
    _look(scenario)


def _look(scenario: Scenario) -> None:
    end = now_s() + LOOK_S
    _until(scenario, lambda: now_s() > end, "")


def _until(scenario: Scenario, is_so: Callable[[], bool], complaint: str) -> None:
    deadline = now_s() + PATIENCE_S
    scenario.refresh()
    while not is_so():
        if now_s() > deadline:
            raise Failure(f"{complaint} within {PATIENCE_S:g} s")
        scenario.refresh()
