"""A program that mistreats its node: it holds the GIL, blocks callbacks, raises, forks, hangs."""

import ctypes
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from elect import Config, LossReason, Node, Stopped
from elect.clock import now_ns
from elect.core.events import Lost
from elect.runtime import orchestrator
from elect.storage.store import MemoryStore
from elect.testing.real_processes import free_ports
from tests.conftest import open_descriptors
from tests.nodes import DEADLINE_S, cluster, configs, eventually, single, status

pytestmark = pytest.mark.long

GIL_S = 3.0


def hold_the_gil(seconds: float) -> None:
    """A C function that keeps every Python thread from running."""
    ctypes.PyDLL(None).usleep(int(seconds * 1_000_000))


class Others:
    """Two followers in processes of their own, and what they print."""

    def __init__(self, stack: ExitStack, directory: Path) -> None:
        self.addresses = {node_id: f"127.0.0.1:{port}" for node_id, port in zip("abc", free_ports(3), strict=True)}
        self.elected_at: list[int] = []
        self._answers = threading.Semaphore(0)
        self._processes: list[subprocess.Popen] = []
        for node_id in "bc":
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.fault.follower", node_id, str(directory / node_id)]
                + [f"{each}={address}" for each, address in self.addresses.items()],
                cwd=Path(__file__).parent.parent.parent,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(process)
            self._processes.append(process)
            thread = threading.Thread(target=self._read, args=(process,))
            thread.start()
            stack.callback(thread.join)
            stack.callback(process.stdin.close)
        self._await_answers()

    def stand(self) -> None:
        """Make every process a candidate."""
        for process in self._processes:
            process.stdin.write("stand\n")
            process.stdin.flush()
        self._await_answers()

    def _await_answers(self) -> None:
        for _ in self._processes:
            assert self._answers.acquire(timeout=DEADLINE_S)

    def _read(self, process: subprocess.Popen) -> None:
        for line in process.stdout:
            what, *values = line.split()
            if what == "elected":
                self.elected_at.append(int(values[1]))
            else:
                self._answers.release()


def test_a_held_gil_ends_the_lease_and_the_first_is_leader_knows(tmp_path):
    with ExitStack() as stack:
        others = Others(stack, tmp_path)
        config = Config(
            node="a",
            cluster="test",
            listen=others.addresses["a"],
            peers={node_id: others.addresses[node_id] for node_id in "bc"},
            data_dir=tmp_path / "a",
        )
        node = stack.enter_context(Node(config, store=MemoryStore()))
        eventually(lambda: node.is_leader)
        others.stand()
        losses = []
        node.observe(lambda event: losses.append(event) if isinstance(event, Lost) else None)
        before = now_ns()
        hold_the_gil(GIL_S)
        was_leader = node.is_leader
        assert not was_leader
        eventually(lambda: losses)
        assert losses[0].reason is LossReason.LEASE_LAPSED
        assert before < losses[0].at < before + 1_000_000_000
        eventually(lambda: others.elected_at)
        assert losses[0].at < others.elected_at[-1] < before + GIL_S * 1_000_000_000, "while it is held"


def test_a_callback_that_sleeps_delays_no_heartbeat(tmp_path):
    with cluster(tmp_path, support_duration=2.0) as nodes:
        leader = nodes.leader()
        token = leader.leadership.token
        done = threading.Event()

        def sleep(_):
            time.sleep(2.5)
            done.set()

        leader.subscribe(on_elected=sleep)
        ends_at = time.monotonic() + DEADLINE_S
        while not done.is_set():
            assert leader.election().published.leadership.remaining() > 0.5
            assert time.monotonic() < ends_at
            time.sleep(0.01)
        assert leader.leadership.token == token


def test_an_on_elected_that_raises_lets_another_node_lead(tmp_path):
    with cluster(tmp_path) as nodes:
        leader = nodes.leader()
        heard = []

        def fail(leadership):
            heard.append("elected")
            raise RuntimeError("can't lead")

        leader.subscribe(on_elected=fail, on_lost=lambda leadership: heard.append(leadership.reason))
        nodes.leader(besides=leader)
        eventually(lambda: heard == ["elected", LossReason.WORK_FAILED])


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt])
def test_an_on_lost_or_on_leader_that_raises_changes_nothing(tmp_path, error):
    def fail(_):
        raise error

    with single(tmp_path) as node:
        heard = []
        node.subscribe(on_lost=fail, on_leader=fail)
        node.subscribe(on_elected=heard.append, on_lost=heard.append)
        eventually(lambda: heard)
        node.resign(timeout=DEADLINE_S)
        assert heard[0] is heard[1]
        eventually(lambda: node.is_leader)
        assert node.is_alive


def test_work_that_dies_resigns_and_stands_back(tmp_path):
    with cluster(tmp_path) as nodes:
        leader = nodes.leader()
        taken = []

        def die(leadership):
            taken.append(leadership)
            raise SystemExit

        leader.run(die)
        nodes.leader(besides=leader)
        assert taken[0].reason is LossReason.WORK_FAILED
        eventually(lambda: not status(leader).elections["default"].view.is_entered)
        assert len(taken) == 1


def test_late_work_is_reported_and_ends_the_candidacy(tmp_path, caplog):
    end = threading.Event()
    with cluster(tmp_path, grace=0.1) as nodes:
        leader = nodes.leader()
        run = leader.run(lambda _: end.wait(DEADLINE_S))
        eventually(lambda: run.is_working)
        leader.resign(timeout=DEADLINE_S)
        eventually(lambda: "still runs" in caplog.text)
        eventually(lambda: not status(leader).elections["default"].view.is_entered)
        assert run.is_working
        end.set()
        eventually(lambda: status(leader).elections["default"].view.is_entered)


def test_a_node_outlives_the_thread_that_made_it(tmp_path):
    made = []
    with ExitStack() as stack:
        thread = threading.Thread(target=lambda: made.append(stack.enter_context(single(tmp_path))))
        thread.start()
        thread.join()
        node = made[0]
        ends_at = time.monotonic() + 1.5
        while time.monotonic() < ends_at:
            assert node.is_leader
            time.sleep(0.01)


def test_stop_in_a_callback_returns_at_once(tmp_path):
    with single(tmp_path) as node:
        heard = []

        def stop(leadership):
            heard.append(("stopped", node.stop()))

        node.subscribe(on_elected=stop, on_lost=lambda leadership: heard.append(("lost", leadership.reason)))
        eventually(lambda: node.state == "stopped")
        assert heard == [("stopped", False), ("lost", LossReason.STOPPED)]
        assert not node.is_leader


def test_stop_in_a_callback_reports_the_loss_before_a_new_leader(tmp_path):
    with cluster(tmp_path) as nodes:
        leader = nodes.leader()
        others = [node for node in nodes.nodes.values() if node is not leader]
        took, seen = [], []

        def stop(_):
            begun = time.monotonic()
            leader.stop(DEADLINE_S)
            took.append(time.monotonic() - begun)

        leader.subscribe(on_elected=stop, on_lost=lambda _: seen.append([node.is_leader for node in others]))
        eventually(lambda: seen)
        assert seen == [[False, False]]
        assert took[0] < DEADLINE_S / 2, "it waits for its own callback"
        nodes.leader(besides=leader)
        eventually(lambda: leader.state == "stopped")


def test_stop_inside_the_work_returns(tmp_path):
    with single(tmp_path) as node:
        took = []

        def work(leadership):
            begun = time.monotonic()
            node.stop(DEADLINE_S)
            took.append(time.monotonic() - begun)
            assert leadership.lost.is_set()

        node.run(work)
        eventually(lambda: took)
        assert took[0] < DEADLINE_S / 2, "it waits for its own work"


def test_waiters_hear_of_a_stop_at_once(tmp_path):
    config = configs(tmp_path)["a"]
    node = Node(config, store=MemoryStore()).start()
    raised = []

    def wait(wait_for):
        try:
            wait_for()
        except Stopped as error:
            raised.append(error)

    threads = [threading.Thread(target=wait, args=(call,)) for call in (node.wait_for_leader, node.lead().__enter__)]
    for thread in threads:
        thread.start()
    assert node.stop()
    for thread in threads:
        thread.join(DEADLINE_S)
    assert len(raised) == 2


@pytest.mark.parametrize("name", ["elect-orchestrator", "elect-events", "elect-journal", "elect-health"])
def test_a_dead_thread_takes_the_node_down_loudly(tmp_path, name, caplog):
    with single(tmp_path, health=lambda: True) as node:
        heard = []
        node.subscribe(on_elected=lambda _: heard.append("elected"), on_lost=lambda _: heard.append("lost"))
        eventually(lambda: heard)
        leadership = node.leadership
        thread = next(thread for thread in threading.enumerate() if thread.name == name)
        kill(thread)
        if name != "elect-health":  # it is asked for ten times a second; the others wake up when there is work
            node.election("wake")
        eventually(lambda: node.state == "failed")
        assert not node.is_leader
        assert not node.is_alive
        eventually(leadership.lost.is_set)
        assert node.failure is not None
        eventually(lambda: "stops: thread" in caplog.text)
        with pytest.raises(Stopped):
            node.pause()
        if name != "elect-events":
            eventually(lambda: heard == ["elected", "lost"])


def test_a_thread_that_is_gone_without_a_word_is_missed(tmp_path):
    with single(tmp_path) as node:
        assert node._runtime.links._listener.stop(DEADLINE_S)
        eventually(lambda: node.state == "failed")
        assert "elect-listener" in str(node.failure)
        assert not node.is_leader


def test_threads_that_end_at_a_stop_are_not_missed(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(orchestrator, "CHECK_INTERVAL_NS", 0)
    with cluster(tmp_path) as nodes:
        for node in nodes.nodes.values():
            assert node.stop()
            assert node.failure is None
    assert "died" not in caplog.text


def kill(thread: threading.Thread) -> None:
    """Raise an exception in another thread."""
    assert ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(MemoryError)) == 1


def test_200_starts_and_stops_leak_nothing(tmp_path):
    config = configs(tmp_path, "a")["a"]
    with Node(config):  # what is made once in a process is made here
        pass
    threads, descriptors = threading.active_count(), open_descriptors()
    for _ in range(200):
        with Node(config) as node:
            assert node.stop()
    assert threading.active_count() == threads
    assert not open_descriptors() - descriptors


def test_stop_is_quick_with_a_peer_that_never_reads(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the system accepts connections, no program reads them
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        config = Config(
            node="a",
            cluster="test",
            listen="127.0.0.1:0",
            peers={"b": address, "c": "127.0.0.1:9"},
            data_dir=tmp_path / "a",
        )
        node = Node(config, store=MemoryStore()).start()
        connection, _ = silent.accept()
        with connection:
            assert node.stop()
