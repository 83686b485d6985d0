"""Signal handlers that use a node in the middle of what the main thread does with it."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.long

DEADLINE_S = 120
"""Far above the usual time; a deadlocked program is killed then."""

LONG = [pytest.param(act, marks=pytest.mark.long) for act in ("resign_node", "pause", "set", "subscribe", "wait")]
ACTS = ("look", "resign", "status", *LONG)


def run(where, act, directory):
    command = [sys.executable, "-m", "tests.fault.interrupted_program", where, act, str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("act", ACTS)
def test_a_handler_may_use_the_node_that_it_interrupts(tmp_path, act):
    """Whatever the main thread was doing, neither it nor the handler waits for the other."""
    assert run("node", act, tmp_path) == (0, "done\n", "")


@pytest.mark.parametrize("act", ("look", "resign", "resign_node", "pause", "set", "subscribe"))
def test_a_handler_may_use_a_fake_election(tmp_path, act):
    """A unit test of an application's handler neither locks itself up nor breaks the cluster."""
    assert run("fake", act, tmp_path) == (0, "done\n", "")
