"""Programs of `elect exec` that end in rare ways, such as one that cannot be killed as it waits in the kernel."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from elect import Node
from elect.cli.executing.program_runner import ExecutionPlan, ProgramRunner
from elect.cli.executing.supervised_program import Margins, ProgramEnd
from elect.cli.executing.wakeup import Wakeup
from elect.cli.exit_codes import Failure
from elect.monitoring.member_phase import MemberPhase
from elect.runtime.service_manager import WATCHDOG_PID_VARIABLE, WATCHDOG_VARIABLE
from elect.storage.store import MemoryStore
from tests.nodes import DEADLINE_S, configs, eventually


class StuckProgram:
    """Runs; is to end when the test sets `is_overdue`, and ends when it sets `is_dead`."""

    def __init__(self) -> None:
        self.idle, self.terms = threading.Event(), []
        self.idle.set()
        self.is_overdue = self.is_dead = False
        self.end = ProgramEnd(is_ended_here=True)
        self._read_end, self._write_end = os.pipe()

    def fileno(self):
        return self._read_end

    def run(self, term, _lease_until):
        self.terms.append(term)
        self.is_overdue = self.is_dead = False
        self.idle.clear()

    def extend(self, _lease_until): ...

    def stop(self, _grace_ns, **_options): ...

    def kill(self): ...

    def forward(self, _number):
        self.is_dead = True

    def check(self):
        return self.is_overdue and not self.idle.is_set()

    def receive(self):
        if self.is_dead and not self.idle.is_set():
            self.idle.set()
            return [self.end]
        return []

    def close(self):
        os.close(self._read_end)
        os.close(self._write_end)


@pytest.fixture
def program():
    made = StuckProgram()
    yield made
    made.close()


@pytest.fixture
def wakeup():
    made = Wakeup()
    yield made
    made.close()


def die(node: Node) -> None:
    node._die("elect-health", ArithmeticError("one and one is three"))


PLAN = ExecutionPlan(
    name="stuck",
    is_once=False,
    is_restarting=False,
    is_terminated=True,
    try_ns=None,
    grace_ns=0,
    margins=Margins(term_ns=0, kill_ns=0),
)


@contextmanager
def running(directory: Path, program: StuckProgram, wakeup: Wakeup) -> Iterator[tuple[Node, list[int]]]:
    """A node that leads, and a list that has the exit code at the end."""
    codes: list[int] = []
    config = configs(directory, "a", grace=0.0)["a"]
    with Node(config, store=MemoryStore()) as node:
        runner = ProgramRunner(node, node.election(), program, wakeup, PLAN)
        thread = threading.Thread(target=lambda: codes.append(runner.run()))
        thread.start()
        eventually(lambda: program.terms)
        yield node, codes
        os.write(wakeup._write_end, bytes([signal.SIGTERM]))
        thread.join(DEADLINE_S)


def test_node_with_a_stuck_program_is_no_candidate(tmp_path, program, wakeup):
    with running(tmp_path, program, wakeup) as (node, codes):
        program.is_overdue = True
        node.resign(timeout=DEADLINE_S)
        eventually(lambda: not node.candidacy._holds)
        program.is_dead = True
        eventually(lambda: len(program.terms) == 2)
        assert node.candidacy._holds
    assert codes == [0]
    assert program.terms[0] < program.terms[1]


@pytest.mark.parametrize("is_running", [True, False])
def test_waits_end_when_a_sign_of_life_is_due(tmp_path, program, wakeup, monkeypatch, is_running):
    """Also while no program runs, as on a node that does not lead."""
    monkeypatch.setenv(WATCHDOG_VARIABLE, "40000")
    monkeypatch.delenv(WATCHDOG_PID_VARIABLE, raising=False)
    with Node(configs(tmp_path, "a")["a"], store=MemoryStore()) as node:
        runner = ProgramRunner(node, node.election(), program, wakeup, PLAN)
        if is_running:
            program.idle.clear()
        runner._check_node()
        assert 0 < runner._wait_ms() <= 10


def test_signal_that_meets_a_late_start_ends_the_wait(tmp_path, program, wakeup):
    """The supervisor has not started the program, as its lease was over: the exit code is not one of the program."""
    program.end = ProgramEnd(is_started=False, is_ended_here=True)
    with running(tmp_path, program, wakeup) as (_, codes):
        pass
    assert codes == [128 + signal.SIGTERM]


def test_a_failure_kills_the_program_before_the_links_close(tmp_path, program, wakeup):
    """Another node leads as soon as they are closed. The main thread may be late, and a watcher may hang."""
    order: list[str] = []
    program.kill = lambda: order.append("killed")
    node = Node(configs(tmp_path, "a")["a"], store=MemoryStore())
    ProgramRunner(node, node.election(), program, wakeup, PLAN)
    node.watch_lifecycle(lambda value: value.phase is MemberPhase.FAILED and order.append("told"))
    with node:
        request_stop = node._lifecycle.request_stop
        node._lifecycle.request_stop = lambda request: order.append("closed") or request_stop(request)
        die(node)
        eventually(lambda: order == ["killed", "closed", "told"])


def test_a_program_that_starts_while_its_node_fails_is_killed(tmp_path, program, wakeup):
    order: list[str] = []
    run = program.run

    def start(*values):
        dying.start()
        eventually(lambda: not node.is_alive)
        order.append("started")
        run(*values)

    program.run, program.kill = start, lambda: order.append("killed")
    node = Node(configs(tmp_path, "a", grace=0.0)["a"], store=MemoryStore())
    dying = threading.Thread(target=die, args=(node,))
    runner = ProgramRunner(node, node.election(), program, wakeup, PLAN)
    with node, pytest.raises(Failure, match="the node has failed"):
        runner.run()
    dying.join(DEADLINE_S)
    assert order[:2] == ["started", "killed"]
