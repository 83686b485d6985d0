"""Each state of a node's life has its own sentence, for a caller who needs another state."""

import os
import pickle
import threading

import pytest

from elect import Forked, Node, Stopped
from elect.monitoring.member_phase import MemberLifecycle, MemberPhase
from elect.storage.store import MemoryStore
from elect.testing.fake.fake_election import FakeElection
from tests.nodes import DEADLINE_S, configs, eventually, single

CALLS = {
    "lead": lambda node: node.lead(timeout=0),
    "run": lambda node: node.run(print),
    "wait_for_leader": lambda node: node.wait_for_leader(timeout=0),
    "resign": lambda node: node.resign(timeout=0),
    "pause": lambda node: node.pause(),
    "resume": lambda node: node.resume(),
    "set_offset": lambda node: node.set_offset(1),
    "set_priority": lambda node: node.set_priority(1),
}
"""The calls that need a running node, and raise otherwise."""


def enter(node: Node) -> None:
    with node:
        pytest.fail("a node that does not run was entered")


EARLY_CALLS = {
    "subscribe": lambda node: node.subscribe(print),
    "observe": lambda node: node.observe(print),
    "election": lambda node: node.election("another"),
    "a former election": lambda node: node.election(),
    "be_candidate": lambda node: node.election().be_candidate(),
}
"""The calls that are allowed before the start, but not after the stop."""

WATCH = {"watch": lambda node: node.watch()}
"""The calls that end with the node, and need a started node."""

ALL_CALLS = CALLS | EARLY_CALLS | {"start": Node.start, "with": enter}
FORKED_CALLS = ALL_CALLS | WATCH


@pytest.fixture
def node(tmp_path):
    made = Node(configs(tmp_path, "a")["a"], store=MemoryStore())
    yield made
    made.stop()


def said(call, node: Node) -> str:
    with pytest.raises(Stopped) as caught:
        call(node)
    return str(caught.value)


@pytest.mark.parametrize("call", CALLS | WATCH)
def test_a_node_that_was_not_started_says_so(node, call):
    assert said((CALLS | WATCH)[call], node) == "node a is not started yet; call start() first"


@pytest.mark.parametrize("call", CALLS | WATCH)
def test_an_election_of_a_node_not_started_says_so(node, call):
    assert said((CALLS | WATCH)[call], node.election("jobs")) == "node a is not started yet; call start() first"


@pytest.mark.parametrize("call", EARLY_CALLS)
def test_what_may_come_before_the_start_does(node, call):
    EARLY_CALLS[call](node)
    node.start()


def test_a_node_that_runs_says_so_when_started_again(node):
    node.start()
    assert said(Node.start, node) == "node a is already started; a node starts once"
    assert node.is_alive


@pytest.mark.parametrize("call", ALL_CALLS)
def test_a_node_that_was_stopped_says_so(node, call):
    node.start().stop()
    assert said(ALL_CALLS[call], node) == "node a is stopped; a node starts once: make a new one"


@pytest.mark.parametrize("call", ALL_CALLS | WATCH)
def test_a_node_stopped_before_its_start_says_so(node, call):
    node.stop()
    expected = "node a is stopped (before it was started); a node starts once: make a new one"
    assert said((ALL_CALLS | WATCH)[call], node) == expected


def test_a_node_alone_has_nobody_to_hand_over_to(tmp_path):
    with single(tmp_path) as node, pytest.raises(ValueError, match=r"to is 'zz'; there is no other node$"):
        node.resign(to="zz")


def test_a_stopped_node_keeps_its_last_phase(node):
    """It stays a member; its state says that it is stopped."""
    node.start()
    eventually(lambda: node.lifecycle.phase is MemberPhase.READY)
    node.stop()
    assert (node.state, node.lifecycle.phase) == ("stopped", MemberPhase.READY)
    assert {key: node.status().to_dict()[key] for key in ("state", "lifecycle")} == {
        "state": "stopped",
        "lifecycle": "ready",
    }


def test_watching_a_node_that_has_ended_is_over(node):
    node.start().stop()
    assert list(node.watch()) == []


def test_a_node_that_is_stopping_says_so(node):
    elected, heard = [], []
    node.subscribe(elected.append, lambda _: heard.extend(said(call, node) for call in CALLS.values()))
    node.start()
    eventually(lambda: elected)  # only then is the loss told
    node.stop()
    assert heard == ["node a is stopping; a node starts once: make a new one"] * len(CALLS)


@pytest.mark.parametrize("call", ALL_CALLS)
def test_a_node_of_which_a_thread_died_says_which_and_why(node, call):
    node.start()
    node._die("elect-orchestrator", ArithmeticError("one and one is three"))
    with pytest.raises(Stopped) as caught:
        ALL_CALLS[call](node)
    died = "thread elect-orchestrator died: ArithmeticError('one and one is three')"
    assert str(caught.value) == f"node a has failed ({died}); a node starts once: make a new one"
    assert isinstance(caught.value.__cause__, ArithmeticError)


def test_a_failed_node_ends_while_a_watcher_waits(node):
    is_ended, heard = threading.Event(), []

    def watcher(value: MemberLifecycle) -> None:
        if value.phase is MemberPhase.FAILED:
            heard.append(is_ended.wait(DEADLINE_S))

    node.watch_lifecycle(watcher)
    node.start()
    dying = threading.Thread(target=node._die, args=("elect-health", ArithmeticError("one and one is three")))
    dying.start()
    eventually(lambda: not any(node.threads.values()))
    is_ended.set()
    dying.join()
    assert heard == [True]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("call", FORKED_CALLS)
def test_a_node_in_a_forked_child_says_so(node, call):
    node.start()
    process_id = os.fork()
    if process_id == 0:
        try:
            FORKED_CALLS[call](node)
        except Forked as error:
            os._exit(0 if "runs in the process that this one was forked from" in str(error) else 2)
        finally:
            os._exit(1)
    _, status = os.waitpid(process_id, 0)
    assert os.waitstatus_to_exitcode(status) == 0


@pytest.mark.parametrize("call", [*CALLS, "subscribe"])
def test_a_fake_election_that_was_closed_says_so(call):
    with FakeElection() as election:
        pass
    assert said(ALL_CALLS[call], election) == "node a is stopped; a node starts once: make a new one"


@pytest.mark.parametrize("command", ["elect", "lose", "lapse", "follow"])
def test_a_closed_fake_election_takes_no_command(command):
    with FakeElection() as election:
        pass
    with pytest.raises(Stopped, match="node a is stopped"):
        getattr(election, command)(*(["b"] if command == "follow" else []))


def test_the_error_keeps_its_data_when_pickled():
    error = pickle.loads(pickle.dumps(Stopped("a", "failed", "thread elect-x died: OSError()")))
    assert (error.node_id, error.state, error.detail) == ("a", "failed", "thread elect-x died: OSError()")
