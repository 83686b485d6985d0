"""Ordinary courses of real nodes, in which nothing is wrong: no line above INFO."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from elect import Config, Node
from elect.monitoring.member_phase import MemberPhase
from elect.storage.store import MemoryStore
from tests.nodes import DEADLINE_S, Cluster, configs, eventually
from wire.common import log

pytestmark = pytest.mark.long

QUICK = {"heartbeat_interval": 0.05, "support_duration": 0.4}


class Course(Cluster):
    """Nodes that come and go."""

    def __init__(self, every: dict[str, Config], stack: ExitStack) -> None:
        super().__init__({})
        self.every = every
        self.stack = stack

    def start(self, node_ids: str, store: MemoryStore | None = None) -> None:
        """Start nodes, and wait until all are ready and have their links."""
        for node_id in node_ids:
            self.nodes[node_id] = self.stack.enter_context(Node(self.every[node_id], store=store or MemoryStore()))
        for node in self.nodes.values():
            eventually(lambda node=node: node.lifecycle.phase is MemberPhase.READY)
        self.settle()

    def wait_for_dismissal(self, node_id: str) -> None:
        """Wait until no member dials a former one any more, and take that out."""
        del self.nodes[node_id]
        for node in self.nodes.values():
            eventually(lambda node=node: f"elect-dialer-{node_id}" not in node.threads)
        self.settle()


@pytest.fixture
def course(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Course]:
    """Three nodes that formed a cluster, and a fourth one that is not started; at the end nothing was said."""
    listed = configs(tmp_path, "abcd", **QUICK)
    seeds = [listed[each].listen for each in "abc"]
    every = {each: replace(config, peers={}, seeds=seeds) for each, config in listed.items()}
    with ExitStack() as stack:
        course = Course(every, stack)
        course.start("abc")
        yield course
    assert log.flush(DEADLINE_S)
    records = [record for when in ("setup", "call", "teardown") for record in caplog.get_records(when)]
    assert [record.getMessage() for record in records if record.levelno > logging.INFO] == []


def test_a_join_is_no_warning(course: Course):
    course.start("d")


def test_a_demotion_and_a_promotion_are_no_warning(course: Course):
    one = course.followers()[0].config.node
    course.leader().members.demote(one, timeout=DEADLINE_S)
    course.leader().members.promote(one, timeout=DEADLINE_S)


def test_a_removal_is_no_warning(course: Course):
    gone = course.followers()[0]
    course.leader().members.remove(gone.config.node, timeout=DEADLINE_S)
    course.wait_for_dismissal(gone.config.node)
    eventually(lambda: gone.lifecycle.phase is MemberPhase.REMOVED)
    gone.stop()


def test_a_leave_is_no_warning(course: Course):
    for leaver in (course.followers()[0], course.leader()):
        assert leaver.leave(DEADLINE_S)
        course.wait_for_dismissal(leaver.config.node)


def test_a_rolling_restart_is_no_warning(course: Course):
    for each in "abc":
        node = course.nodes.pop(each)
        assert node.stop()
        course.start(each, node._store)


def test_a_rolling_replacement_is_no_warning(course: Course):
    """Each node comes back without its data; then another one takes the place of the first."""
    for each in "abc":
        assert course.nodes.pop(each).stop()
        course.start(each)
    course.start("d")
    assert course["a"].leave(DEADLINE_S)
    course.wait_for_dismissal("a")
