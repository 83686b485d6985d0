"""A loss has a reason, and a resignation an end, however the node ends."""

import os
import threading

import pytest

from elect import LeadershipLost, LossReason, Stopped
from tests.nodes import DEADLINE_S, eventually, single


@pytest.mark.parametrize("resign", [True, False])
def test_a_stop_is_the_reason_in_on_lost_and_lead(tmp_path, resign):
    heard, is_told = [], threading.Event()
    with single(tmp_path) as node:
        node.subscribe(on_elected=lambda _: is_told.set(), on_lost=lambda leadership: heard.append(leadership.reason))
        assert is_told.wait(DEADLINE_S)
        stopping = threading.Thread(target=node.stop, kwargs={"resign": resign})
        with pytest.raises(LeadershipLost) as caught, node.lead(timeout=DEADLINE_S) as leadership:
            stopping.start()
            assert leadership.lost.wait(DEADLINE_S)
        stopping.join()
        with pytest.raises(LeadershipLost) as checked:
            leadership.check()
    assert heard == [LossReason.STOPPED]
    assert caught.value.reason is checked.value.reason is leadership.reason is LossReason.STOPPED


@pytest.mark.parametrize("resign", [True, False])
def test_a_stop_is_the_reason_that_work_sees(tmp_path, resign):
    heard = []
    with single(tmp_path) as node:

        def work(leadership):
            leadership.lost.wait(DEADLINE_S)
            heard.append(leadership.reason)

        run = node.run(work)
        eventually(lambda: run.is_working)
        assert node.stop(resign=resign)
    assert heard == [LossReason.STOPPED]


def test_a_failure_of_the_node_is_a_stop(tmp_path):
    heard, is_told = [], threading.Event()
    with single(tmp_path) as node:
        node.subscribe(on_elected=lambda _: is_told.set(), on_lost=lambda leadership: heard.append(leadership.reason))
        assert is_told.wait(DEADLINE_S)
        leadership = node.leadership
        node._die("elect-orchestrator", ArithmeticError("one and one is three"))
        with pytest.raises(LeadershipLost) as caught:  # also before `lost` is set
            leadership.check()
        assert caught.value.reason is LossReason.STOPPED
        eventually(lambda: heard == [LossReason.STOPPED])
        assert leadership.reason is LossReason.STOPPED


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_is_a_stop_in_the_child(tmp_path):
    with single(tmp_path) as node:
        leadership = node.leadership
        process_id = os.fork()
        if process_id == 0:
            try:
                leadership.check()
            except LeadershipLost as error:
                os._exit(0 if error.reason is leadership.reason is LossReason.STOPPED else 2)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(process_id, 0)[1]) == 0
        assert leadership.valid()


def test_a_stop_before_the_callbacks_has_a_reason(tmp_path):
    """`stop(timeout=0)` returns at once; the loss follows."""
    with single(tmp_path) as node:
        leadership = node.leadership
        node.stop(timeout=0, resign=False)
        assert leadership.lost.wait(DEADLINE_S)
        assert leadership.reason is LossReason.STOPPED


def test_resign_is_done_when_its_loss_stops_the_node(tmp_path):
    with single(tmp_path) as node:
        is_told = threading.Event()
        node.subscribe(on_elected=lambda _: is_told.set(), on_lost=lambda _: node.stop())
        assert is_told.wait(DEADLINE_S)
        node.resign(timeout=DEADLINE_S)
        assert not node.is_leader
        with pytest.raises(Stopped):
            node.resign(timeout=DEADLINE_S)
