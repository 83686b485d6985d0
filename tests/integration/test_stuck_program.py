"""A program of `elect exec` that cannot be killed, as it waits in the kernel."""

import os
import signal
import threading

import pytest

from elect import Node
from elect.cli.executing.program_runner import ExecutionPlan, ProgramRunner
from elect.cli.executing.supervised_program import Margins, ProgramEnd
from elect.cli.executing.wakeup import Wakeup
from elect.storage.store import MemoryStore
from tests.nodes import DEADLINE_S, configs, eventually


class StuckProgram:
    """Runs; is to end when the test sets `is_overdue`, and ends when it sets `is_dead`."""

    def __init__(self) -> None:
        self.idle, self.terms = threading.Event(), []
        self.idle.set()
        self.is_overdue = self.is_dead = False
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
            return [ProgramEnd(is_ended_here=True)]
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


def test_node_with_a_stuck_program_is_no_candidate(tmp_path, program, wakeup):
    plan = ExecutionPlan(
        name="stuck",
        is_once=False,
        is_restarting=False,
        is_terminated=True,
        try_ns=None,
        grace_ns=0,
        margins=Margins(term_ns=0, kill_ns=0),
    )
    codes = []
    config = configs(tmp_path, "a", grace=0.0)["a"]
    with Node(config, store=MemoryStore()) as node:
        runner = ProgramRunner(node, node.election(), program, wakeup, plan)
        thread = threading.Thread(target=lambda: codes.append(runner.run()))
        thread.start()
        eventually(lambda: program.terms)
        program.is_overdue = True
        node.resign(timeout=DEADLINE_S)
        eventually(lambda: not node.candidacy._holds)
        program.is_dead = True
        eventually(lambda: len(program.terms) == 2)
        assert node.candidacy._holds
        os.write(wakeup._write_end, bytes([signal.SIGTERM]))
        thread.join(DEADLINE_S)
    assert codes == [0]
    assert program.terms[0] < program.terms[1]
