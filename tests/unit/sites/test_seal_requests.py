"""Each seal adds a line to the audit file of the node that was asked for it."""

from dataclasses import replace
from queue import SimpleQueue

import pytest

from elect import ChangeRefused, LeadershipTimeout, Stopped
from elect.api.members import Members
from elect.bridge.node_context import Lifecycle
from elect.core.changes import Change, ChangeRefusal, Seal
from elect.core.configuration import ClusterState, Configuration
from elect.observing.mirror_messages import SealAnswer
from elect.sites.seal_requests import SealRequests
from tests.unit.sites.promoted_nodes import PlayedNode
from wire.common.reported_thread import ReportedThread

SEALED = replace(Configuration.initial("abc"), state=ClusterState.SEALED, successor="x:1", term=3)


class SealedNode(PlayedNode):
    """A node whose cluster is asked to seal itself.

    Attributes:
        failure: raised by the change.
    """

    def __init__(self, directory) -> None:
        super().__init__(directory)
        self.failure: BaseException | None = None
        self.members = Members(self.context, self.change, lambda: None, lambda: None)
        self.requests = SealRequests(self.context, self.change)

    def change(self, change: Change, timeout: float | None) -> Configuration:
        assert change == Seal(successor="x:1")
        if self.failure is not None:
            raise self.failure
        return SEALED

    def ask(self) -> SealAnswer:
        """Return the answer to a mirror."""
        answers = SimpleQueue[SealAnswer]()
        self.requests.ask("mirror/x", "x:1", answers.put)
        answer = answers.get(timeout=60)
        assert self.requests.stop(60)
        return answer


@pytest.fixture
def node(tmp_path) -> SealedNode:
    return SealedNode(tmp_path)


def test_a_seal_for_an_operator_is_in_the_audit_file(node):
    node.members.seal("x:1")
    assert "node b sealed for an operator: the cluster is sealed, and refers to x:1" in node.audit


def test_a_seal_for_a_mirror_is_in_the_audit_file(node):
    assert node.ask().outcome == "sealed"
    assert node.audit.count("node b sealed for mirror/x: the cluster is sealed, and refers to x:1") == 1


def test_a_node_without_a_thread_answers_at_once(node, monkeypatch):
    """The mirror asks again; without an answer its time would run out."""

    def fail(_) -> None:
        raise RuntimeError("can't start new thread")

    answers = list[SealAnswer]()
    with monkeypatch.context() as patch:
        patch.setattr(ReportedThread, "start", fail)
        node.requests.ask("mirror/x", "x:1", answers.append)
    assert [(each.outcome, "no thread" in each.text) for each in answers] == [("failed", True)]
    assert node.ask().outcome == "sealed"


def test_a_seal_in_doubt_is_in_the_audit_file(node):
    node.failure = LeadershipTimeout("", "the seal of the cluster", 3.0)
    with pytest.raises(LeadershipTimeout):
        node.members.seal("x:1")
    assert node.ask().outcome == "failed"
    assert node.audit.count("which is not known to be complete") == 2


@pytest.mark.parametrize("failure", [Stopped("b", "stopping"), KeyboardInterrupt()])
def test_a_seal_that_is_cut_off_is_in_the_audit_file(node, failure):
    """The change may be with the other nodes already."""
    node.failure = failure
    with pytest.raises(type(failure)) as caught:
        node.members.seal("x:1")
    assert "may be made all the same" in caught.value.__notes__[0]
    assert node.audit.count("was asked to seal for an operator, which is not known to be complete: ") == 1


def test_a_node_that_does_not_run_is_in_no_doubt(node):
    """Nobody was asked, so the seal is not made all the same."""
    node.context.state = Lifecycle.NEW
    with pytest.raises(Stopped) as caught:
        node.members.seal("x:1")
    assert not hasattr(caught.value, "__notes__")
    assert node.audit == ""


def test_a_refused_seal_is_not_in_the_audit_file(node):
    node.failure = ChangeRefused(ChangeRefusal.STANDBY, "it stands by")
    with pytest.raises(ChangeRefused):
        node.members.seal("x:1")
    assert node.audit == ""
