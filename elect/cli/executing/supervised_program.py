"""The program of `elect exec` as its node sees it: run, signal and end it, through the process that supervises it."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from elect.bridge.signal_safe_event import SignalSafeEvent
from elect.cli.calling.child_process import BY_SIGNAL
from elect.cli.executing import supervisor
from elect.cli.executing.supervisor import NEVER
from elect.clock import NS_PER_S, now_ns
from wire.common.log import Log

logger = Log(__name__)

READ_BYTES_MAX = 4096
END_S = 2.0
"""The supervisor ends within milliseconds of the connection, unless it hangs."""

START_NS = 10 * NS_PER_S
"""The time for the supervisor to start, on a busy machine. Until then it has started no program."""

FOREIGN = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
"""Variables of the service manager that are for this process alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Margins:
    """The times before the end of a lease at which the program gets SIGTERM and SIGKILL, ns.

    Attributes:
        term_ns: for the program to stop by itself.
        kill_ns: for the supervisor to be scheduled, and the processes to die.
    """

    term_ns: int
    kill_ns: int

    @property
    def silence_ns(self) -> int:
        """The time for an answer of the supervisor: half of the support_duration, as heartbeats may be S/3 apart."""
        return 5 * self.kill_ns

    @property
    def question_ns(self) -> int:
        """The longest time between two questions to the supervisor: S/3, as a lease is renewed more often."""
        return 10 * self.kill_ns // 3

    @classmethod
    def of(cls, support_duration_ns: int, *, is_terminated: bool) -> "Margins":
        """Return the margins of a support_duration. A heartbeat or two may be late before the first one begins."""
        kill_ns = support_duration_ns // 10
        return cls(term_ns=support_duration_ns // 3 if is_terminated else kill_ns, kill_ns=kill_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndTimes:
    """The times of SIGTERM and SIGKILL, ns of the node's clock."""

    term_at: int = 0
    kill_at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramEnd:
    """The end of one run of the program.

    Attributes:
        code: its exit code, 128 and more for a signal.
        is_started: it was started. If not, the request to run it came after the end of the lease.
        is_ended_here: it was told to end, or not started, as the lease ran out or was lost.
        error: the errno of a program that cannot be executed; 0: it was executed.
    """

    code: int = 0
    is_started: bool = True
    is_ended_here: bool = False
    error: int = 0


class SupervisorDied(Exception):  # noqa: N818 - it is what happened
    """The supervising process has ended. All that it ran is dead."""


class SupervisedProgram:
    """Runs a program in leaderships, one run at a time.

    Make it before threads and sockets: the supervisor notices the end of this process by a connection whose descriptor
    is closed before later ones, such as those of a node. `stop` and `kill` may be called on any thread.

    Args:
        command: the program and its arguments.
        variables: its environment.
        margins: before the end of a lease.
        grace_ns: the time from SIGTERM to SIGKILL while the lease goes on.

    Attributes:
        idle: set while no process of the program lives.
    """

    def __init__(
        self, command: Sequence[str], variables: Mapping[str, str], *, margins: Margins, grace_ns: int
    ) -> None:
        self._margins = margins
        self._lock = threading.Lock()
        self._lease_until = self._sent_at = 0
        self._limits = self._sent = EndTimes()
        self._is_killing = self._is_asked = False
        self._asked_at = self._checked_at = self._silence_ns = 0
        self._silence_max_ns = max(START_NS, margins.silence_ns)
        self._unread = b""
        self.idle = SignalSafeEvent()
        self.idle.set()
        self._connection, theirs = socket.socketpair()
        with theirs:
            theirs.set_inheritable(True)
            numbers = [str(number) for number in (theirs.fileno(), os.getpid(), grace_ns)]
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-I", "-S", supervisor.__file__, *numbers, *command],
                env={name: value for name, value in variables.items() if name not in FOREIGN},
                close_fds=False,  # a program may be given descriptors; none of this process's own is inheritable
                start_new_session=True,
            )
        self._connection.settimeout(0)

    def fileno(self) -> int:
        """Return the descriptor that is readable when `receive` has something to return."""
        return self._connection.fileno()

    def run(self, term: int, lease_until: int) -> None:
        """Run the program in a term whose lease lasts until then (ns)."""
        with self._lock:
            self.idle.clear()
            self._limits, self._is_killing = EndTimes(term_at=NEVER, kill_at=NEVER), False
            self._lease_until = lease_until
            self._send_deadlines()
            self._send(f"run {term}")

    def extend(self, lease_until: int) -> None:
        """Note that the lease lasts until then (ns)."""
        with self._lock:
            self._lease_until = lease_until
            self._send_deadlines()

    def forward(self, number: int) -> None:
        """Send a signal to the process group of the program."""
        with self._lock:
            self._send(f"signal {number}")

    def stop(self, grace_ns: int, *, is_terminated: bool = True) -> None:
        """Send the program SIGTERM unless it is not to be `is_terminated`, and SIGKILL after the grace.

        If its lease ends sooner, SIGKILL comes sooner.
        """
        now = now_ns()
        self._limit(now if is_terminated else NEVER, now + grace_ns)

    def kill(self) -> None:
        """Kill the program at once."""
        self._limit(0, 0)

    def check(self) -> bool:
        """Kill the supervisor if it hangs; return whether the program lives although its time is over.

        A supervisor that hangs is found before the lease ends, while this process can still end what it runs.
        """
        if self.idle.is_set():
            return False
        now = now_ns()
        is_overdue = now > max(self._sent.kill_at, self._sent_at) + self._margins.kill_ns
        if self._is_silent(now):
            logger.warning("! the process that supervises the program does not answer; both are killed")
            self.kill()  # it is overdue then, if it cannot be killed
            self._process.kill()
        elif is_overdue and not self._is_killing:
            logger.warning("! the process that supervises the program hangs; both are killed")
            self._process.kill()
        return is_overdue

    def _is_silent(self, now: int) -> bool:
        """Return whether the supervisor has not answered for too long, and ask it again if it has."""
        # A check that comes late says nothing of the supervisor: this process, or the whole machine, did not run.
        passed = min(now - self._checked_at, self._margins.kill_ns)
        self._checked_at = now
        if self._is_asked:
            self._silence_ns += passed
            return self._silence_ns > self._silence_max_ns
        if now - self._asked_at > self._margins.question_ns:
            with self._lock:
                self._ask()
        return False

    def receive(self) -> list[ProgramEnd]:
        """Return the ends of the program that were reported.

        Raises:
            SupervisorDied: the supervisor has ended, and with it the program.
        """
        try:
            read = self._connection.recv(READ_BYTES_MAX)
        except BlockingIOError:
            return []
        except OSError:
            read = b""
        if not read:
            self.close()
            raise SupervisorDied
        *lines, self._unread = (self._unread + read).split(b"\n")
        ends = [end for line in lines if (end := self._parse(*line.decode().split())) is not None]
        if ends:
            self.idle.set()
        return ends

    def close(self) -> None:
        """End the program and the supervisor."""
        self._connection.close()
        try:
            is_ended = self._process.wait(END_S) == 0
        except subprocess.TimeoutExpired:
            is_ended = False
        if not is_ended:  # it was killed, or hangs
            self._process.kill()
            is_ended = supervisor.end_descendants(now_ns() + int(END_S * NS_PER_S))
            self._process.poll()
        if is_ended:
            self.idle.set()
        else:
            logger.warning("! processes of the program are still alive, and cannot be killed")

    def _parse(self, name: str, *numbers: str) -> ProgramEnd | None:
        match name:
            case "ended":
                code = os.waitstatus_to_exitcode(int(numbers[0]))
                return ProgramEnd(code=code if code >= 0 else BY_SIGNAL - code, is_ended_here=numbers[1] == "1")
            case "failed":
                return ProgramEnd(error=int(numbers[0]))
            case "late":
                return ProgramEnd(is_started=False, is_ended_here=True)
            case "noted":
                self._is_asked, self._silence_ns = False, 0
                self._silence_max_ns = self._margins.silence_ns
                return None
            case _:
                self._is_killing = True
                return None

    def _limit(self, term_at: int, kill_at: int) -> None:
        with self._lock:
            limits = self._limits
            self._limits = EndTimes(term_at=min(limits.term_at, term_at), kill_at=min(limits.kill_at, kill_at))
            self._send_deadlines()

    def _send_deadlines(self) -> None:
        """Send the deadlines that follow from the lease, within the limits."""
        deadlines = EndTimes(
            term_at=min(self._limits.term_at, self._lease_until - self._margins.term_ns),
            kill_at=min(self._limits.kill_at, self._lease_until - self._margins.kill_ns),
        )
        if deadlines != self._sent:
            self._sent, self._sent_at = deadlines, now_ns()
            self._ask()

    def _ask(self) -> None:
        """Send the deadlines; the supervisor notes them at once, which shows that it works."""
        self._is_asked, self._asked_at = True, now_ns()
        self._send(f"until {self._sent.term_at} {self._sent.kill_at}")

    def _send(self, line: str) -> None:
        try:
            self._connection.send(f"{line}\n".encode())
        except OSError:  # it has ended, or has not read for minutes
            self._process.kill()
