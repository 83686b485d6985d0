"""A leave that is not done leaves the node as it was."""

from contextlib import suppress

import pytest

from elect import LeadershipTimeout, Node
from elect.monitoring.member_phase import MemberLifecycle, MemberPhase
from elect.storage.store import MemoryStore
from tests.nodes import configs, status


@pytest.fixture
def node(tmp_path):
    """A node whose peer does not run: nobody leads, and no change is made."""
    with Node(configs(tmp_path, "ab")["a"], store=MemoryStore()) as node:
        yield node


@pytest.mark.parametrize("is_paused", [False, True])
def test_a_leave_that_fails_restores_the_pause(node, is_paused):
    if is_paused:
        node.pause()
    with pytest.raises(LeadershipTimeout):
        node.leave(0.05)
    assert status(node).to_dict()["is_paused"] is is_paused


def test_a_pause_during_a_leave_stays(node):
    def pause(value: MemberLifecycle) -> None:
        if value.phase is MemberPhase.LEAVING:
            with suppress(LeadershipTimeout):
                node.pause(0)

    node.watch_lifecycle(pause)
    with pytest.raises(LeadershipTimeout):
        node.leave(0.05)
    assert status(node).to_dict()["is_paused"] is True


@pytest.mark.parametrize(("timeout", "error"), [(0, ValueError), (-1, ValueError), ("1", TypeError)])
def test_a_leave_needs_time(node, timeout, error):
    with pytest.raises(error, match="timeout is"):
        node.leave(timeout)
    assert str(node.lifecycle) != "leaving"
    assert status(node).to_dict()["is_paused"] is False
