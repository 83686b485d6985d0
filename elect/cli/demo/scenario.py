"""What happens in the demo: the leader goes, another comes, the old one is back; each time measured."""

import signal
from collections.abc import Callable
from dataclasses import dataclass

from elect.cli.demo.cluster_view import ClusterView
from elect.cli.demo.render import Story
from elect.cli.demo.timings import Kind, Measurements, duration
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
class Stage:
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


def play(stage: Stage, rounds: int) -> Measurements:
    """All rounds, each with every kind of failure.

    Raises:
        Failure: something did not come about, or two leases were held at once.
    """
    stage.story.headline = "the first election"
    _settle(stage)
    first = stage.cluster_view.leader
    assert first is not None
    stage.say(f"{first.node_id} leads, in term {first.term}")
    for number in range(1, rounds + 1):
        stage.story.progress = f"round {number} of {rounds}"
        for kind in Kind:
            _fail_over(stage, kind)
    return stage.story.measurements


def check_leases(cluster: ProcessCluster) -> int:
    """How many leases there were.

    Raises:
        Failure: two of them at once.
    """
    held = tenures(cluster.events)
    for one, other in overlaps(held):
        raise Failure(f"two leases at once: {one} and {other}")
    return len(held)


def _fail_over(stage: Stage, kind: Kind) -> None:
    leader = stage.cluster_view.leader
    assert leader is not None
    node = stage.cluster.nodes[leader.node_id]
    number, words = SIGNALS[kind]
    stage.story.headline = f"{kind}: {node.node_id} {words}"
    since = len(stage.cluster.events)
    began = node.signal(number)
    elected = _await_leader(stage, since, leader.term)
    seconds = elected.boottime - began
    stage.story.measurements.add(kind, seconds)
    sentence = f"{kind}: {node.node_id} {words}; {elected.node} leads in term {elected.term} after {duration(seconds)}"
    stage.story.headline = sentence
    stage.say(f"{stage.story.progress}: {sentence}")
    _look(stage)
    if kind is Kind.HANG:
        node.signal(signal.SIGCONT)
    else:
        node.wait()
        node.start()
    _settle(stage)


def _await_leader(stage: Stage, since: int, term: int) -> ProcessEvent:
    def found() -> ProcessEvent | None:
        events = stage.cluster.events[since:]
        return next((event for event in events if event.event == "elected" and (event.term or 0) > term), None)

    _until(stage, lambda: found() is not None, "no other node came to lead")
    elected = found()
    assert elected is not None
    return elected


def _settle(stage: Stage) -> None:
    _until(stage, lambda: stage.cluster_view.is_settled(now_ns() / 1e9, FENCE_S), "the nodes did not come together")
    _look(stage)


def _look(stage: Stage) -> None:
    end = now_s() + LOOK_S
    _until(stage, lambda: now_s() > end, "")


def _until(stage: Stage, is_so: Callable[[], bool], complaint: str) -> None:
    deadline = now_s() + PATIENCE_S
    stage.refresh()
    while not is_so():
        if now_s() > deadline:
            raise Failure(f"{complaint} within {PATIENCE_S:g} s")
        stage.refresh()
