"""A test of a user's that freezes time: waits go on, and a node elects."""

import queue
from collections.abc import Iterator

import pytest
import time_machine
from freezegun import freeze_time

from elect import LeadershipTimeout
from elect.testing.fake.fake_election import FakeElection
from tests.nodes import DEADLINE_S, cluster, single, status
from wire.common.deadline import Deadline


@pytest.fixture(params=["freezegun", "time-machine"])
def frozen(request: pytest.FixtureRequest) -> Iterator[None]:
    moment = "2031-02-03 04:05:06"
    with freeze_time(moment) if request.param == "freezegun" else time_machine.travel(moment, tick=False):
        yield


def test_lacks_a_fake_election_end_in_frozen_time(frozen):
    """Each kind of wait of an election ends by its timeout."""
    with FakeElection() as election:
        with pytest.raises(LeadershipTimeout), election.lead(timeout=0.01):
            pass
        with pytest.raises(LeadershipTimeout):
            election.wait_for_leader(timeout=0.01)
        with pytest.raises(LeadershipTimeout):
            election.elect(timeout=0.01)


def test_a_deadline_passes_in_frozen_time(frozen):
    """An operation with a deadline ends at the deadline."""
    deadline = Deadline(0.01)
    with pytest.raises(queue.Empty):
        queue.Queue[None]().get(timeout=deadline.remaining_s)
    while not deadline.is_over:
        pass
    assert not deadline.remaining_s


def test_nodes_elect_hand_over_and_stop_in_frozen_time(frozen, tmp_path):
    """Nodes that are started in frozen time lead, time out and stop as ever."""
    with cluster(tmp_path) as nodes:
        leader = nodes.leader()
        follower = nodes.followers()[0]
        with pytest.raises(LeadershipTimeout), follower.lead(timeout=0.01):
            pass
        nodes.hand_over(leader)
    assert all(node.state == "stopped" for node in nodes.nodes.values())


@pytest.mark.parametrize("moment", ["2001-01-01", "2051-01-01"])
def test_a_node_keeps_its_lease_when_time_is_frozen_later(tmp_path, moment):
    """Time that is moved while a node leads ends no lease."""
    with single(tmp_path) as node, node.lead(timeout=DEADLINE_S) as leadership:
        for travel in (freeze_time(moment), time_machine.travel(moment, tick=False)):
            with travel:
                assert leadership.valid()
                assert status(node).elections["default"].why_no_leader is None
