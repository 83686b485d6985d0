"""KeyboardInterrupt at any moment of a call, in a program that continues."""

import gc
import signal
import threading
from contextlib import suppress

import pytest
from prometheus_client import CollectorRegistry

from elect import Node
from tests.nodes import DEADLINE_S, configs, eventually, single

# Thread.start is not safe from interrupts: its event may be left half set. The thread then ends before it begins, and
# Python reports that. What the node does then is what these tests are about.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in thread started by.*_bootstrap:pytest.PytestUnraisableExceptionWarning"
)

MOMENTS = 80


def interrupt(after_s, call):
    """Raise KeyboardInterrupt in the main thread `after_s` seconds after the call began, if it is still running."""

    def raise_it(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, raise_it)
    with suppress(KeyboardInterrupt):
        try:
            signal.setitimer(signal.ITIMER_REAL, after_s)
            call()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_a_stop_that_is_interrupted_goes_on(tmp_path):
    """Another call, of another thread too, waits for its end; then port, store and metrics are free."""
    config = configs(tmp_path, "a", http_listen="127.0.0.1:0")["a"]
    registry = CollectorRegistry()
    for moment in range(MOMENTS):
        node = Node(config, metrics=registry).start()
        interrupt(1e-6 + moment * 0.0002, node.stop)
        ends = []
        if moment % 2:
            thread = threading.Thread(target=lambda node=node, ends=ends: ends.append(node.stop(DEADLINE_S)))
            thread.start()
            thread.join()
        else:
            ends.append(node.stop(DEADLINE_S))
        assert ends == [True]
        assert node.state == "stopped"


def test_a_start_that_is_interrupted_is_undone(tmp_path):
    """Or it is complete, when the interrupt comes at its last step, and then it can be stopped."""
    config = configs(tmp_path, "a", http_listen="127.0.0.1:0")["a"]
    registry = CollectorRegistry()
    for moment in range(MOMENTS):
        node = Node(config, metrics=registry)
        interrupt(1e-6 + moment * 0.0002, node.start)
        assert node.state in ("new", "stopped", "running")
        assert node.stop(DEADLINE_S)
        with Node(config, metrics=registry):
            pass


@pytest.fixture(autouse=True)
def _uncollected():
    """Keep interrupts out of the test library's hook at each collection of garbage."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def unrested(monkeypatch):
    """Make a node that resigns in a loop a candidate again at once."""
    monkeypatch.setattr("elect.core.rules.leading.rest", lambda *_: None)


@pytest.mark.usefixtures("unrested")
def test_leading_that_is_interrupted_is_given_up(tmp_path):
    """At the entry, in the body and at the exit."""

    def lead():
        with node.lead(timeout=DEADLINE_S) as leadership:
            leadership.lost.wait(0.001)

    with single(tmp_path) as node:
        lead()  # from now on it stands only to lead in a block
        for moment in range(MOMENTS):
            interrupt(1e-6 + moment * 0.00005, lead)
            eventually(lambda: not node.is_leader)
        with node.lead(timeout=DEADLINE_S):
            assert node.is_leader


@pytest.mark.long
@pytest.mark.usefixtures("unrested")
@pytest.mark.parametrize("call", ["resign", "pause"])
def test_an_interrupted_call_leaves_the_node_usable(tmp_path, call):
    with single(tmp_path) as node:
        for moment in range(MOMENTS):
            eventually(lambda: node.is_leader)
            interrupt(1e-6 + moment * 0.00002, getattr(node, call))
            node.resume()
        node.election().be_candidate()
        eventually(lambda: node.is_leader)
