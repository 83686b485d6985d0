"""The supervisor of `elect exec` and a program that it runs, without a node: the test says when the lease ends."""

import errno
import fcntl
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from elect.cli.executing.supervised_program import Margins, ProgramEnd, SupervisedProgram, SupervisorDied
from elect.cli.executing.supervisor import NEVER
from elect.clock import NS_PER_S, now_ns
from tests.nodes import eventually

PROGRAM = Path(__file__).with_name("exclusive_program.py")
MARGINS = Margins(term_ns=NS_PER_S // 10, kill_ns=NS_PER_S // 20)
SHORT_NS = NS_PER_S // 2
LONG_NS = 3600 * NS_PER_S
SOON_S = 5.0
"""Long before the buffer of the connection to a stopped supervisor is full."""
STANDARD = (1 << 31) - 1
"""The mask of the standard signals: a C library keeps real-time signals for itself, and may ignore one."""


class Supervised:
    """A supervised program with its journal."""

    def __init__(self, directory: Path, kind: str, grace_ns: int) -> None:
        self.journal, self.lock = directory / "journal", directory / "lock"
        command = [sys.executable, "-I", "-S", str(PROGRAM), str(self.journal), str(self.lock), kind]
        variables = {**os.environ, "ELECT_NODE": "a"}
        self.program = SupervisedProgram(command, variables, margins=MARGINS, grace_ns=grace_ns)

    def start(self, lease_ns: int = LONG_NS, term: int = 1) -> int:
        """Run it, and return its process id."""
        self.program.run(term, now_ns() + lease_ns)
        return int(
            eventually(lambda: [line for line in self.lines() if line[0] == "start" and line[2] == str(term)])[0][3]
        )

    def lines(self) -> list[list[str]]:
        return [line.split() for line in self.journal.read_text().splitlines()] if self.journal.exists() else []

    def end(self) -> ProgramEnd:
        """The end of the program, once it is reported. No process of it lives then."""
        ends = eventually(self.program.receive)
        assert self.program.idle.is_set()
        assert not self.is_locked()
        return ends[0]

    def is_locked(self) -> bool:
        """Whether a process of the program lives."""
        with self.lock.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            return False


Make = Callable[..., Supervised]


@contextmanager
def supervised(directory: Path, kind: str, grace_ns: int = LONG_NS) -> Iterator[Supervised]:
    made = Supervised(directory, kind, grace_ns)
    try:
        yield made
    finally:
        made.program.close()


def test_lease_that_is_not_extended_ends_the_whole_family(tmp_path):
    """The program, a grandchild and a daemon ignore SIGTERM. Here `elect exec` would be stopped, or hang."""
    with supervised(tmp_path, "family") as made:
        made.start()
        made.program.extend(now_ns() + SHORT_NS)
        assert made.end() == ProgramEnd(code=128 + signal.SIGKILL, is_ended_here=True)


def test_program_has_time_to_stop_before_its_lease_ends(tmp_path):
    with supervised(tmp_path, "plain") as made:
        made.start()
        made.program.extend(now_ns() + SHORT_NS)
        assert made.end() == ProgramEnd(code=128 + signal.SIGTERM, is_ended_here=True)


def test_lease_that_is_extended_lets_the_program_run(tmp_path):
    with supervised(tmp_path, "plain") as made:
        pid = made.start()
        made.program.extend(now_ns() + SHORT_NS)
        made.program.extend(now_ns() + LONG_NS)
        with pytest.raises(AssertionError, match="in time"):
            eventually(made.program.receive, 2 * SHORT_NS / NS_PER_S)
        os.kill(pid, signal.SIGKILL)
        assert made.end() == ProgramEnd(code=128 + signal.SIGKILL)


def test_exit_code_is_reported_where_sigchld_was_ignored(tmp_path):
    """The supervisor inherits that; the system would keep no exit code then."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        program = SupervisedProgram(["sh", "-c", "exit 7"], os.environ, margins=MARGINS, grace_ns=0)
    finally:
        signal.signal(signal.SIGCHLD, before)
    try:
        program.run(1, now_ns() + LONG_NS)
        assert eventually(program.receive) == [ProgramEnd(code=7)]
    finally:
        program.close()


def test_late_request_starts_nothing(tmp_path):
    with supervised(tmp_path, "plain") as made:
        made.program.run(1, now_ns() + MARGINS.kill_ns)
        assert eventually(made.program.receive) == [ProgramEnd(is_started=False, is_ended_here=True)]
        assert made.lines() == []


@pytest.mark.parametrize(("kind", "code"), [("plain", signal.SIGTERM), ("family", signal.SIGKILL)])
def test_stop_terminates_and_then_kills(tmp_path, kind, code):
    with supervised(tmp_path, kind) as made:
        made.start()
        made.program.stop(NS_PER_S // 10)
        made.program.extend(now_ns() + 2 * LONG_NS)  # changes nothing: the program was told to stop
        assert made.end() == ProgramEnd(code=128 + code, is_ended_here=True)


def test_kill_waits_for_nothing(tmp_path):
    with supervised(tmp_path, "family") as made:
        made.start()
        made.program.kill()
        made.program.check()  # the supervisor has had no time yet
        made.program.extend(now_ns() + 2 * LONG_NS)
        assert made.end() == ProgramEnd(code=128 + signal.SIGKILL, is_ended_here=True)
        made.start(term=2)
        assert [line[0] for line in made.lines()] == ["start", "start"]


def test_what_the_program_leaves_behind_is_ended(tmp_path):
    with supervised(tmp_path, "leaving", NS_PER_S // 10) as made:
        made.start()
        assert made.end() == ProgramEnd(code=0)


def test_stopped_process_is_ended(tmp_path):
    with supervised(tmp_path, "plain") as made:
        os.kill(made.start(), signal.SIGSTOP)
        made.program.stop(LONG_NS)
        assert made.end().code == 128 + signal.SIGTERM


def test_signals_reach_the_program(tmp_path):
    with supervised(tmp_path, "signals") as made:
        made.start()
        for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH, signal.SIGTERM):
            made.program.forward(number)
            eventually(lambda number=number: ["signal", number.name] in made.lines())
        made.program.forward(signal.SIGINT)
        assert made.end() == ProgramEnd(code=5)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGUSR2])
def test_signal_before_the_program_is_executed_ends_it(tmp_path, number):
    """It comes with the request to run: the new process still is a copy of the supervisor."""
    with supervised(tmp_path, "plain") as made:
        for term in range(1, 6):
            made.program.run(term, now_ns() + LONG_NS)
            made.program.forward(number)
            assert made.end().code == 128 + number


def test_stop_before_the_program_is_executed_ends_it(tmp_path):
    with supervised(tmp_path, "plain") as made:
        for term in range(1, 6):
            made.program.run(term, now_ns() + LONG_NS)
            made.program.stop(LONG_NS)
            assert made.end() == ProgramEnd(code=128 + signal.SIGTERM, is_ended_here=True)


def test_program_inherits_which_signals_are_ignored(tmp_path):
    """And blocks none of them."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGHUP, signal.SIGUSR2)}
    command = ["sh", "-c", f"grep -E '^Sig(Blk|Ign)' /proc/self/status > {tmp_path}/signals"]
    try:
        program = SupervisedProgram(command, os.environ, margins=MARGINS, grace_ns=0)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    try:
        program.run(1, now_ns() + LONG_NS)
        assert eventually(program.receive) == [ProgramEnd()]
    finally:
        program.close()
    masks = [int(line.split()[1], 16) & STANDARD for line in (tmp_path / "signals").read_text().splitlines()]
    assert masks == [0, sum(1 << (number - 1) for number in before)]


def test_close_ends_the_whole_family(tmp_path):
    with supervised(tmp_path, "family") as made:
        made.start()
    assert not made.is_locked()
    assert made.program.idle.is_set()


def test_program_that_cannot_be_executed_is_reported(tmp_path):
    for path, error in ((tmp_path / "none", errno.ENOENT), (tmp_path, errno.EACCES), ("", errno.EINVAL)):
        program = SupervisedProgram([str(path)], os.environ, margins=MARGINS, grace_ns=0)
        try:
            program.run(1, now_ns() + LONG_NS)
            assert eventually(program.receive) == [ProgramEnd(error=error)]
        finally:
            program.close()


def test_supervisor_that_is_killed_takes_the_program_with_it(tmp_path):
    with supervised(tmp_path, "plain") as made:
        pid = made.start()
        parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(parent, signal.SIGKILL)
        with pytest.raises(SupervisorDied):
            eventually(made.program.receive)
        eventually(lambda: not made.is_locked())


def test_supervisor_that_hangs_is_killed(tmp_path):
    with supervised(tmp_path, "plain") as made:
        pid = made.start()
        parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(parent, signal.SIGSTOP)
        made.program.extend(now_ns())
        with pytest.raises(SupervisorDied):
            eventually(lambda: made.program.check() and made.program.receive())
        eventually(lambda: not made.is_locked())


def renewed() -> int:
    """Return the end of a lease that is renewed ten times a second."""
    tenth = NS_PER_S // 10
    return now_ns() // tenth * tenth + LONG_NS


def review(program: SupervisedProgram, lease_until: int) -> None:
    """Do what `elect exec` does in a turn."""
    program.receive()
    program.extend(lease_until)
    program.check()


@pytest.mark.parametrize("is_renewed", [True, False])
def test_stopped_supervisor_is_killed_while_the_lease_goes_on(tmp_path, is_renewed):
    """Else its program would outlive `elect exec` and the lease. A lease without an end is never renewed."""
    with supervised(tmp_path, "plain") as made:
        pid = made.start()
        parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(parent, signal.SIGSTOP)
        with pytest.raises(SupervisorDied):
            eventually(lambda: review(made.program, renewed() if is_renewed else NEVER), SOON_S)
        eventually(lambda: not made.is_locked())


def test_supervisor_that_works_is_left_alone(tmp_path):
    """Also after the time in which this process did not run, such as a suspension of the machine."""
    with supervised(tmp_path, "plain") as made:
        pid = made.start()
        for _ in range(3):
            made.program.extend(now_ns() + LONG_NS)
            time.sleep(2 * MARGINS.silence_ns / NS_PER_S)
            made.program.check()  # before the answer is read
        until = now_ns() + 3 * MARGINS.silence_ns
        while now_ns() < until:
            review(made.program, NEVER)
            time.sleep(MARGINS.kill_ns / 5 / NS_PER_S)
        os.kill(pid, signal.SIGKILL)
        assert made.end() == ProgramEnd(code=128 + signal.SIGKILL)
