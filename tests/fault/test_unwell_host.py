"""A program whose health hook returns False, raises or hangs."""

import threading

import pytest

from elect import LossReason
from tests.nodes import DEADLINE_S, IN_TURN, cluster, eventually, single, status

pytestmark = pytest.mark.long


class Hook:
    """A health hook that does what it is told."""

    def __init__(self) -> None:
        self.answer = lambda: True

    def __call__(self) -> object:
        return self.answer()


def raise_error() -> bool:
    raise RuntimeError("not well")


@pytest.mark.parametrize("kind", ["no", "raises", "hangs"])
def test_an_unwell_application_resigns_until_it_is_well_again(tmp_path, kind):
    hook, release = Hook(), threading.Event()
    answers = {"no": lambda: False, "raises": raise_error, "hangs": lambda: release.wait(DEADLINE_S)}
    with cluster(tmp_path, health={"a": hook}, **IN_TURN) as nodes:
        nodes["a"].set_priority(5)
        first = nodes.leader()
        if first is not nodes["a"]:
            eventually(lambda: status(nodes["a"]).to_dict()["is_healthy"])
            first.resign(to="a", timeout=DEADLINE_S)
        leadership = eventually(lambda: nodes["a"].leadership)
        hook.answer = answers[kind]
        assert leadership.lost.wait(DEADLINE_S)
        assert leadership.reason is LossReason.UNHEALTHY
        assert not nodes["a"].healthy
        second = nodes.leader(besides=nodes["a"])
        assert not nodes["a"].is_leader
        hook.answer = lambda: True
        release.set()
        eventually(lambda: nodes["a"].healthy)
        eventually(lambda: status(nodes["a"]).to_dict()["is_willing"])
        second.resign(to="a", timeout=DEADLINE_S)
        eventually(lambda: nodes["a"].is_leader)


def test_a_hanging_hook_does_not_hold_up_stop(tmp_path):
    release = threading.Event()
    hook = Hook()
    with single(tmp_path, health=hook) as node:
        hook.answer = lambda: release.wait(DEADLINE_S)
        eventually(lambda: not node.healthy)
        assert not node.stop(timeout=0.5)
        release.set()
