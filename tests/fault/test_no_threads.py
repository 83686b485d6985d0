"""A system that has no thread, no descriptor or no memory to give, for a moment; and Ctrl-C at any moment."""

import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import count

import pytest
from prometheus_client import CollectorRegistry

from elect import BindError, Node, Stopped, StoreError, ThreadError
from elect.storage.store import MemoryStore
from elect.testing import FakeElection
from elect.web.server import HttpServer
from tests.nodes import DEADLINE_S, cluster, configs, eventually, single, status
from wire.common.deadline import Deadline
from wire.protocol.address import Address

pytestmark = pytest.mark.long

THREADS_OF_A_NODE = (
    "elect-stop",
    "elect-http",
    "elect-journal",
    "elect-events",
    "elect-health",
    "elect-listener",
    "elect-clients",
    "elect-dialer-b",
    "elect-dialer-c",
    "elect-orchestrator",
)


@contextmanager
def refusing(*names):
    """Threads whose names begin so can't be started; yields the names of all that were asked for."""
    asked, start = [], threading.Thread.start

    def refuse(thread):
        asked.append(thread.name)
        if thread.name.startswith(names):
            raise RuntimeError("can't start new thread")
        start(thread)

    threading.Thread.start = refuse
    try:
        yield asked
    finally:
        threading.Thread.start = start


def start_and_stop(config, registry):
    with Node(config, metrics=registry, health=lambda: True) as node:
        assert node.is_alive


@pytest.mark.parametrize("refused", THREADS_OF_A_NODE)
def test_a_start_without_a_thread_is_undone(tmp_path, refused):
    """Port, store and metrics are free: for a new node, and for the same one again."""
    config = configs(tmp_path, each={"a": {"http_listen": "127.0.0.1:0"}})["a"]
    registry = CollectorRegistry()
    node = Node(config, metrics=registry, health=lambda: True)
    with refusing(refused) as asked, pytest.raises(ThreadError, match=f"thread {refused} cannot be started") as caught:
        node.start()
    assert refused in asked
    assert "raise the limit" in str(caught.value)
    assert node.state == "new"
    assert not node.is_leader
    start_and_stop(config, registry)
    with node:
        assert node.is_alive
    assert node.state == "stopped"
    start_and_stop(config, registry)


def test_a_join_without_a_thread_is_undone(tmp_path):
    config = configs(tmp_path, "a")["a"]
    node = Node(replace(config, seeds=[config.listen]))
    with refusing("elect-join"), pytest.raises(ThreadError, match="thread elect-join cannot be started"):
        node.start()
    assert (node.state, str(node.lifecycle)) == ("new", "starting")
    with node:
        eventually(lambda: str(node.lifecycle) == "ready")


def test_these_are_all_threads_of_a_node(tmp_path):
    """A new thread of a node has to be added here."""
    config = configs(tmp_path, each={"a": {"http_listen": "127.0.0.1:0"}})["a"]
    with refusing("none") as asked, Node(config, health=lambda: True):
        pass
    assert {name for name in asked if name.startswith("elect-")} == set(THREADS_OF_A_NODE)


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, OSError(24, "Too many open files")])
def test_a_start_that_is_interrupted_anywhere_is_undone(tmp_path, monkeypatch, error):
    """Before each thread's start, and after it."""
    config = configs(tmp_path)["a"]
    registry = CollectorRegistry()
    for place in count():
        left, start, interrupted_in = [place], threading.Thread.start, []

        def raise_in_time(left=left, interrupted_in=interrupted_in):
            left[0] -= 1
            if left[0] == -1:
                interrupted_in.append(threading.current_thread())
                raise error

        def interrupted(thread, start=start, raise_in_time=raise_in_time):
            is_of_a_link = threading.current_thread().name.startswith("elect-dialer")
            if is_of_a_link or thread.name == "wire-log":  # these start at any time, not only in a start
                start(thread)
                return
            raise_in_time()
            start(thread)
            raise_in_time()

        monkeypatch.setattr(threading.Thread, "start", interrupted)
        node = Node(config, metrics=registry)
        try:
            with suppress(KeyboardInterrupt, MemoryError, OSError):
                node.start()
        finally:
            monkeypatch.setattr(threading.Thread, "start", start)
        if left[0] >= 0:
            assert node.stop()
            break
        # The caller's own wait is interrupted where its thread comes second, or later if the others are faster.
        assert node.state == "new" or (place > 0 and interrupted_in == [threading.current_thread()])
        start_and_stop(config, registry)
    assert place == 2 * (len(THREADS_OF_A_NODE) - 2)


@pytest.mark.parametrize(
    "what",
    [
        "elect.storage.sqlite.sync_directory",
        "elect.storage.sqlite.sqlite3.connect",
        "elect.storage.data_lock.os.open",
        "elect.storage.data_lock.os.pread",
        "elect.api.node.fork.register",
        "wire.links.listener.listen",
        "elect.web.server.listen",
        "elect.api.node.warn_of_exposure",
    ],
)
@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError(), OSError(24, "Too many open files")])
def test_a_start_that_lacks_anything_is_undone(tmp_path, monkeypatch, what, error):
    """A descriptor, memory, or the patience of a person at the terminal."""
    config = configs(tmp_path, each={"a": {"http_listen": "127.0.0.1:0"}})["a"]
    registry = CollectorRegistry()
    node = Node(config, metrics=registry, health=lambda: True)

    def fail(*_, **__):
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(what, fail)
        with pytest.raises((BindError, StoreError, type(error))):
            node.start()
    assert node.state == "new"
    start_and_stop(config, registry)
    with node:
        assert node.is_alive


def test_a_node_stops_when_no_thread_can_be_had(tmp_path):
    """The thread that ends it was there from the start."""
    config = configs(tmp_path, "a")["a"]
    with single(tmp_path) as node:
        with refusing(""):
            assert node.stop()
        assert node.state == "stopped"
    start_and_stop(config, None)


def test_a_node_goes_down_when_no_thread_can_be_had(tmp_path, monkeypatch):
    """A thread's death is reported without another thread."""
    with single(tmp_path) as node:
        address = node.config.listen_address
        with refusing(""):
            node._runtime.journal.stop(DEADLINE_S)
            eventually(lambda: node.state == "failed")
            assert not node.is_leader
            assert node.stop(DEADLINE_S)
        with socket.create_server((address.host, address.port)):
            pass


def test_run_without_a_thread_raises_and_holds_nothing(tmp_path):
    with single(tmp_path) as node:
        with refusing("elect-run"), pytest.raises(ThreadError, match="elect-run-default"):
            node.run(lambda leadership: None)
        with node.lead(timeout=DEADLINE_S):
            pass


def test_work_without_a_thread_failed_and_is_tried_again(tmp_path):
    """Its leadership is passed on, and the node lives."""
    with single(tmp_path) as node:
        done = threading.Event()
        with refusing("elect-work") as asked:
            run = node.run(lambda leadership: done.set())
            eventually(lambda: "elect-work-default" in asked and not node.is_leader)
        assert done.wait(DEADLINE_S)
        run.stop()
        assert node.is_alive


def test_links_come_when_there_are_threads_again(tmp_path):
    with cluster(tmp_path) as nodes:
        leader = nodes.leader()
        with refusing("elect-handshake"):
            follower = nodes.followers()[0]
            follower._runtime.links._dialers.redial(leader.config.node)
            eventually(lambda: not _is_heard(leader, follower))
        eventually(lambda: _is_heard(leader, follower))


def _is_heard(node, other):
    return {peer["node"]: peer["is_supported"] for peer in status(node).to_dict()["peers"]}[other.config.node]


def test_a_member_is_dialed_when_there_are_threads_again(tmp_path):
    every = configs(tmp_path, "ab")
    with single(tmp_path) as leader:
        with refusing("elect-dialer"):
            leader.members.add("b", every["b"].listen, timeout=DEADLINE_S)
            assert leader.is_alive
            assert leader.is_leader
        eventually(lambda: "elect-dialer-b" in leader.threads)


def test_a_fake_election_without_a_thread_says_so():
    with refusing("elect-events"), pytest.raises(ThreadError):
        FakeElection()


def test_the_http_server_serves_the_next_request():
    def application(environ, start_response):
        start_response("200 OK", [])
        return [b"done"]

    def ask(server):
        place = (server.address.host, server.address.port)
        with suppress(ConnectionResetError), socket.create_connection(place, timeout=10) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return b"".join(iter(lambda: client.recv(1000), b""))
        return b""

    server = HttpServer(Address("127.0.0.1", 0), application)
    with refusing("elect-http"), pytest.raises(ThreadError):
        server.start()
    assert server.stop(DEADLINE_S)
    server = HttpServer(Address("127.0.0.1", 0), application)
    server.start()
    with refusing("elect-http-peer"):
        assert ask(server) == b""
    assert ask(server).endswith(b"done")
    assert server.stop(DEADLINE_S)


@pytest.mark.parametrize(
    ("timeout", "error"),
    [("1", TypeError), (True, TypeError), (1j, TypeError), (-1, ValueError), (float("nan"), ValueError)],
)
def test_an_odd_timeout_ends_before_anything_is_done(tmp_path, timeout, error):
    with single(tmp_path) as node:
        with pytest.raises(error, match="timeout is"):
            node.stop(timeout=timeout)
        assert node.is_leader


@pytest.mark.parametrize("timeout", [None, float("inf"), 1e300, 10])
def test_a_long_timeout_lacks_the_end(tmp_path, timeout):
    with single(tmp_path) as node:
        assert node.stop(timeout=timeout)
        assert node.state == "stopped"


def test_a_timeout_of_0_begins_and_does_not_wait(tmp_path):
    with single(tmp_path) as node:
        may_end = threading.Event()
        node.subscribe(on_lost=lambda leadership: may_end.wait(DEADLINE_S))
        eventually(lambda: node._dispatcher.backlog == 0)
        assert not node.stop(timeout=0)
        eventually(lambda: not node.is_leader)
        may_end.set()
        assert node.stop(DEADLINE_S)


def test_a_stop_that_was_not_all_done_is_tried_again(tmp_path):
    with single(tmp_path) as node:
        is_told, may_end = threading.Event(), threading.Event()
        node.subscribe(on_elected=lambda leadership: (is_told.set(), may_end.wait(DEADLINE_S)))
        assert is_told.wait(DEADLINE_S)
        assert not node.stop(timeout=0.05)
        may_end.set()
        assert node.stop(DEADLINE_S)


def test_stop_is_tried_again_while_the_orchestrator_is_busy(tmp_path):
    """Its request to end is not lost with what else waits in the inbox."""
    with single(tmp_path) as node:
        is_busy, may_go_on = threading.Event(), threading.Event()

        def act(elector, now):
            is_busy.set()
            may_go_on.wait(DEADLINE_S)
            return elector.tick(now)

        node._context.post(act)
        assert is_busy.wait(DEADLINE_S)
        assert not node.stop(timeout=0.05)
        may_go_on.set()
        assert node.stop(DEADLINE_S)


def test_resigning_ends_when_the_orchestrator_ends_first(tmp_path):
    """A resignation behind the request to end is never carried out, and nobody waits for it."""
    with single(tmp_path) as node:
        may_go_on = threading.Event()

        def act(elector, now):
            may_go_on.wait(DEADLINE_S)
            return elector.tick(now)

        node._context.post(act)
        node._runtime.orchestrator.stop()
        resigning = threading.Thread(target=node._runtime.resign, args=(Deadline(10 * DEADLINE_S),))
        resigning.start()
        eventually(lambda: len(node._context.inbox) >= 2)
        may_go_on.set()
        resigning.join(DEADLINE_S)
        assert not resigning.is_alive()


@pytest.mark.parametrize("step", ["links.stop", "journal.stop", "orchestrator.stop", "publisher.close", "resign"])
def test_a_stop_whose_step_fails_can_be_called_again(tmp_path, monkeypatch, step):
    with single(tmp_path) as node:
        *parts, name = step.split(".")
        part = getattr(node._runtime, parts[0]) if parts else node._runtime

        def interrupt(*_, **__):
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(part, name, interrupt)
            assert not node.stop()
        assert node.stop(DEADLINE_S)
        assert node.state == "stopped"


def test_a_stopped_node_cannot_be_started(tmp_path):
    config = configs(tmp_path, "a")["a"]
    node = Node(config, store=MemoryStore())
    assert node.stop()
    with pytest.raises(Stopped):
        node.start()
