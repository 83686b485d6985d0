"""A call waits for its end up to its timeout; its command is done all the same."""

import threading
from contextlib import contextmanager

import pytest

from elect import LeadershipTimeout
from tests.nodes import DEADLINE_S, cluster, eventually, single

CALLS = {
    "pause": (lambda election, timeout: election.pause(timeout), "the pause"),
    "resume": (lambda election, timeout: election.resume(timeout), "the end of the pause"),
}


@contextmanager
def held(node):
    """Block the orchestrator thread before its next input."""
    is_held, go_on = threading.Event(), threading.Event()

    def hold(elector, now):
        is_held.set()
        go_on.wait(DEADLINE_S)
        return elector.tick(now)

    node._context.post(hold)
    assert is_held.wait(DEADLINE_S)
    try:
        yield
    finally:
        go_on.set()


@pytest.mark.parametrize("timeout", [0, 0.01])
@pytest.mark.parametrize("call", CALLS)
def test_what_was_not_done_in_time_raises(tmp_path, call, timeout):
    ask, awaited = CALLS[call]
    with single(tmp_path) as node, held(node):
        for each in (node, node.election()):
            with pytest.raises(LeadershipTimeout, match=f"^{awaited}.* did not come within {timeout} s") as caught:
                ask(each, timeout)
            assert (caught.value.awaited, caught.value.timeout) == (awaited, timeout)


def test_what_was_begun_goes_on_after_the_timeout(tmp_path):
    with single(tmp_path) as node:
        with held(node), pytest.raises(LeadershipTimeout):
            node.pause(timeout=0)
        eventually(lambda: not node.is_leader)
        node.resume(timeout=DEADLINE_S)
        eventually(lambda: node.is_leader)


def test_a_standing_is_set_while_the_orchestrator_thread_is_busy(tmp_path):
    with single(tmp_path) as node:
        with held(node):
            depth = len(node._context.inbox)
            node.set_offset(4)
            node.set_priority(7)
            node.set_offset(5)
            assert len(node._context.inbox) == depth
        standings = []
        node._context.call(
            lambda elector, now: standings.append((elector.state.priority, elector.state.offset)) or elector.tick(now)
        )
        assert standings == [(7, 5)]


def test_a_wrong_priority_or_offset_changes_nothing(tmp_path):
    with single(tmp_path) as node:
        for wrong in (1.5, "5", True, -1, 2**63):
            with pytest.raises((TypeError, ValueError), match=r"^offset is "):
                node.set_offset(wrong)
        assert node.is_leader
        assert node.is_alive


def test_a_failed_hand_over_names_the_leader(tmp_path):
    with cluster(tmp_path) as nodes:
        leader, (_, paused) = nodes.leader(), nodes.followers()
        paused.pause()
        to = paused.config.node
        with pytest.raises(LeadershipTimeout, match=rf"^leadership of {to} \([^{to}] leads\) .* did not come$"):
            leader.resign(to=to)
