"""A program that gevent or eventlet has patched: a node works there, or says why it does not start."""

import subprocess
import sys
from pathlib import Path

import pytest

from wire.common.native import ADVICE

pytestmark = pytest.mark.long

ROOT = Path(__file__).parent.parent.parent
BEGIN = "import faulthandler; faulthandler.dump_traceback_later(60, exit=True)\n"
GEVENT, EVENTLET = "from gevent import monkey; monkey", "import eventlet; eventlet"

MODULES = {"gevent": "monkey", "eventlet": "patcher"}

REFUSED = {
    f"{GEVENT}.patch_all()": "gevent has replaced threading, socket, queue, select",
    f"{GEVENT}.patch_all(thread=False)": "gevent has replaced socket, queue, select",
    f"{GEVENT}.patch_all(thread=False, socket=False)": "gevent has replaced queue, select",
    f"{GEVENT}.patch_thread()": "gevent has replaced threading",
    f"{GEVENT}.patch_socket()": "gevent has replaced socket",
    f"{GEVENT}.patch_queue()": "gevent has replaced queue",
    f"{GEVENT}.patch_select()": "gevent has replaced select",
    f"{EVENTLET}.monkey_patch()": "eventlet has replaced threading, socket, select",
    f"{EVENTLET}.monkey_patch(thread=True)": "eventlet has replaced threading",
    f"{EVENTLET}.monkey_patch(thread=False)": "eventlet has replaced socket, select",
}
"""The code that patches a module which a node needs, and the error about it."""

WORKING = [f"import {library}, {library}.{module}; {ADVICE[library]}" for library, module in MODULES.items()]
"""The advice of the errors, as code: it patches time, ssl, os, signal and subprocess."""

START = """
from elect import Config, Node
from elect.storage.store import MemoryStore
node = Node(Config(node="a", cluster="test", listen="127.0.0.1:0", data_dir="."), store=MemoryStore())
try:
    node.start()
except RuntimeError as error:
    print(error)
print(node.state)
"""

ELECT = """
import tempfile
from pathlib import Path
from tests.integration.test_node_security import certified
from tests.nodes import DEADLINE_S, cluster
with tempfile.TemporaryDirectory() as directory:
    path = Path(directory)
    with cluster(path, each=certified(path), http_listen="127.0.0.1:0", health={"a": lambda: True}) as nodes:
        leader = nodes.leader()
        with leader.lead(timeout=DEADLINE_S):
            pass
        nodes.leader(besides=leader).resign(timeout=DEADLINE_S)
print("elected")
"""

FAKE = """
import threading
from elect import LeadershipTimeout
from elect.testing import FakeElection
heard, led, worked = [], [], threading.Event()
def lead():
    with election.lead() as leadership:
        led.append(leadership.token)
with FakeElection() as election:
    election.subscribe(on_elected=lambda each: heard.append(each.token), on_lost=lambda each: heard.append(-each.token))
    election.elect()
    election.lose()
    try:
        with election.lead(timeout=0.01):
            print("nobody granted this")
    except LeadershipTimeout:
        pass
    thread = threading.Thread(target=lead)
    thread.start()
    election.elect()
    thread.join()
    election.run(lambda leadership: worked.set())
    election.elect()
    assert worked.wait(30)
print(heard[:2], led)
"""


def run(*parts: str) -> str:
    """Run a program and return its output."""
    call = [sys.executable, "-W", "ignore", "-c", "\n".join([BEGIN, *parts])]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("patch", REFUSED)
def test_a_node_refuses_to_start_where_it_could_not_work(patch):
    """The error says what was replaced and what to do; nothing was begun."""
    said = run(patch, START)
    assert said.startswith(f"{REFUSED[patch]} in this process")
    assert any(f"patch with {advised}, or run this" in said for advised in ADVICE.values())
    assert said.endswith("\nnew\n")


@pytest.mark.parametrize("patch", [f"{GEVENT}.patch_all()", f"{EVENTLET}.monkey_patch()"])
def test_a_patch_that_comes_after_the_import_is_noticed(patch):
    """The order of patch and import makes no difference."""
    assert run("import elect, wire", patch, START).startswith(f"{REFUSED[patch]} in this process")


@pytest.mark.parametrize("patch", [WORKING[0], *(pytest.param(each, marks=pytest.mark.slow) for each in WORKING[1:])])
def test_nodes_elect_where_the_rest_is_patched(patch):
    """With certificates, HTTP and a health hook, all of what a node has threads and sockets for."""
    assert run(patch, ELECT).endswith("elected\n")


@pytest.mark.parametrize("patch", [f"{GEVENT}.patch_all()", f"{EVENTLET}.monkey_patch()"])
def test_a_fake_election_works_under_any_patch(patch):
    """A unit test of a patched program has no sockets, and needs no threads of the system's."""
    assert run(patch, FAKE) == "[1, -1] [2]\n"
