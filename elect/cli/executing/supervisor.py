"""The process between `elect exec` and its program: it ends the program, and all that the program has started.

`elect exec` runs this file before it starts its node: `python -I -S supervisor.py FD PARENT GRACE_NS CMD…`. It imports
nothing of elect, so that it starts fast and stays small. It ends everything

- at a deadline on the clock of the node, which `elect exec` moves with each renewal of its lease. A process that is
  stopped or hangs moves no deadline;
- when the connection to `elect exec` is closed, or its parent has ended: then `elect exec` was killed.

On Linux it is the subreaper of its descendants: a process whose parent has ended becomes its child, whatever session or
group that is in. So a process without children has no descendants.

Requests, one a line: `until TERM_AT KILL_AT` (ns), `run TERM`, `signal NUMBER`. Reports: `noted` for each `until`, so
that `elect exec` sees that this process works; `killing`; and for each `run` one of `ended STATUS IS_ENDED_HERE`,
`failed ERRNO`, `late`.
"""

import ctypes
import errno
import os
import select
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
"""From <linux/prctl.h>."""

CLOCK_ID = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""The clock of the node, see `elect.clock`."""

TURN_MS = 20
"""The longest wait while a program runs: poll(2) does not count the time in which the machine is suspended."""

KILL_TURN_MS = 2
"""The wait between two rounds of SIGKILL: a process may start another one before it dies."""

NEVER = 1 << 62
REQUEST_BYTES_MAX = 4096
ERRNO_BYTES_MAX = 16
NOT_EXECUTED = 127
ORPHANED = signal.SIGUSR2
"""Sent to this process when its parent ends. SIGTERM comes to a whole control group, when the service is stopped."""

UNHEEDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""Meant for `elect exec`, which acts on them. Not ignored: a program would inherit that."""

RESTORED = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD)
"""Python ignores the first two, and this process handles the third one; a program expects the default."""

Handlers = dict[signal.Signals, signal.Handlers]


def set_option(option: int, value: int) -> None:
    """Set an option of this process, where the system is Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def inherited_handlers() -> Handlers:
    """Return the handlers with which a program begins. Signals that this process ignored at its start stay ignored."""
    inherited = {number: signal.getsignal(number) for number in (*UNHEEDED, ORPHANED)}
    ignored = {number: signal.SIG_IGN for number, handler in inherited.items() if handler is signal.SIG_IGN}
    return dict.fromkeys((*RESTORED, *inherited), signal.SIG_DFL) | ignored


def descendants() -> list[int]:
    """Return the processes that this one has started, and those that they have, and so on; dead ones too."""
    found, unread = [], [os.getpid()]
    while unread:
        children = list(_children(unread.pop()))
        found += children
        unread += children
    return found


def _children(pid: int) -> Iterator[int]:
    with suppress(OSError):  # it has ended
        for task in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - pathlib is slow to import
            with open(f"/proc/{pid}/task/{task}/children", "rb") as file:  # noqa: PTH123
                yield from map(int, file.read().split())


def end_descendants(until_ns: int = NEVER) -> bool:
    """Kill every descendant until none is left, or the clock shows `until_ns`; return whether none is left."""
    while time.clock_gettime_ns(CLOCK_ID) < until_ns:
        for pid in descendants():
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return True
        time.sleep(KILL_TURN_MS / 1e3)
    return False


def wait_ms(now: int, turn_ms: float, deadlines: Iterable[int]) -> float:
    """Return the time until the next deadline (ns), and at most a turn: a deadline is not missed by one."""
    return min([turn_ms, *((deadline - now) / 1e6 for deadline in deadlines if deadline > now)])


class Supervisor:
    """Runs a program as often as it is told to, one at a time.

    Args:
        control: the descriptor of the connection to `elect exec`.
        grace_ns: the time from SIGTERM to SIGKILL for processes that the program leaves behind.
        command: the program and its arguments.
    """

    def __init__(self, control: int, grace_ns: int, command: Sequence[str]) -> None:
        self._control = control
        self._grace_ns = grace_ns
        self._command = list(command)
        self._unread = b""
        self._is_connected = True
        self._term_at = self._kill_at = 0
        self._program: _Program | None = None
        self._wake, wake_end = os.pipe()
        os.set_inheritable(control, False)  # noqa: FBT003 - positional; its end shows that this process has ended
        for descriptor in (control, self._wake, wake_end):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(wake_end, warn_on_full_buffer=False)
        self._handlers = inherited_handlers()
        for number in UNHEEDED:
            if self._handlers[number] is not signal.SIG_IGN:
                signal.signal(number, lambda *_: None)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # always: the system keeps no exit codes where it is ignored
        signal.signal(ORPHANED, self._disconnect)
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)
        self._poll.register(self._wake, select.POLLIN)

    def _disconnect(self, *_: object) -> None:
        self._is_connected = False

    def run(self) -> None:
        """Serve until the connection is closed."""
        while self._is_connected:
            self._poll.poll(None if self._program is None else self._wait_ms(self._program))
            with suppress(BlockingIOError):
                os.read(self._wake, REQUEST_BYTES_MAX)
            self._receive()
            if self._program is not None:
                self._review(self._program)

    def _wait_ms(self, program: "_Program") -> float:
        now = time.clock_gettime_ns(CLOCK_ID)
        return wait_ms(now, program.turn_ms, (self._term_at, self._kill_at, program.kill_at))

    def kill(self) -> None:
        """Kill the process group of the program, which is all that can be found where there is no /proc."""
        if self._program is not None:
            self._program.signal_group(signal.SIGKILL)

    def _receive(self) -> None:
        try:
            read = os.read(self._control, REQUEST_BYTES_MAX)
        except BlockingIOError:
            return
        except OSError:
            read = b""
        if not read:
            self._is_connected = False
        *lines, self._unread = (self._unread + read).split(b"\n")
        for line in lines:
            name, *numbers = line.decode().split()
            self._obey(name, [int(number) for number in numbers])

    def _obey(self, name: str, numbers: list[int]) -> None:
        if name == "until":
            self._term_at, self._kill_at = numbers
            self._report("noted")
        elif name == "signal" and self._program is not None:
            self._program.signal_group(numbers[0])
        elif name == "run" and self._is_connected:
            self._start(str(numbers[0]))

    def _start(self, term: str) -> None:
        if time.clock_gettime_ns(CLOCK_ID) >= self._term_at:
            self._report("late")
            return
        try:
            variables = {**os.environ, "ELECT_TERM": term, "ELECT_TOKEN": term}
            self._program = _Program(self._command, variables, self._handlers)
        except OSError as error:  # no process can be started
            self._report("failed", error.errno)

    def _review(self, program: "_Program") -> None:
        now = time.clock_gettime_ns(CLOCK_ID)
        if now >= min(self._kill_at, program.kill_at):
            if program.begin_to_kill():
                self._report("killing")
            program.signal_all(signal.SIGKILL)
        elif now >= self._term_at:
            program.terminate()
        if program.reap(now, self._grace_ns):
            self._program = None
            self._report(*program.report())

    def _report(self, *words: object) -> None:
        with suppress(OSError):  # the next read says that the connection is closed
            os.write(self._control, " ".join(map(str, words)).encode() + b"\n")


class _Program:
    """One run of the program, in a session and a process group of its own, until none of its descendants is left.

    Attributes:
        kill_at: the deadline for what the program leaves behind.
        turn_ms: the longest wait until the next review.
    """

    def __init__(self, command: list[str], variables: dict[str, str], handlers: Handlers) -> None:
        self.kill_at = NEVER
        self.turn_ms = TURN_MS
        self._status: int | None = None
        self._is_told = self._is_ended_here = False
        self._failure, failure_end = os.pipe()
        parent = os.getpid()
        # The new process has the handlers of this one at first, and signals that they handle would be lost.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            self._pid = os.fork()
            if self._pid == 0:
                _execute(parent, command, variables, handlers, mask=mask, failure_end=failure_end)
        except OSError:
            os.close(self._failure)
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            os.close(failure_end)

    def begin_to_kill(self) -> bool:
        """Return whether the program is killed for the first time."""
        is_first = self.turn_ms != KILL_TURN_MS
        self.turn_ms = KILL_TURN_MS
        self._is_told = True
        return is_first

    def terminate(self) -> None:
        """Send SIGTERM, once."""
        if not self._is_told:
            self._is_told = True
            self._send_term()

    def _send_term(self) -> None:
        self.signal_all(signal.SIGTERM)
        self.signal_all(signal.SIGCONT)  # a process that is stopped handles no other signal

    def signal_group(self, number: int) -> None:
        """Send a signal to the process group, while the program itself lives: later its number may be another's."""
        if self._status is None:
            for send in (os.killpg, os.kill):  # at first it has no group yet
                with suppress(ProcessLookupError, PermissionError):
                    send(self._pid, number)
                    return

    def signal_all(self, number: int) -> None:
        """Send a signal to the process group, and to every descendant outside it."""
        self.signal_group(number)
        for pid in descendants():
            with suppress(ProcessLookupError, PermissionError):
                if self._status is not None or os.getpgid(pid) != self._pid:
                    os.kill(pid, number)

    def reap(self, now: int, grace_ns: int) -> bool:
        """Reap what has ended; return whether all of it has. What the program leaves behind is ended, too."""
        try:
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == self._pid and self._status is None:
                    self._status = ended[1]
                    self._is_ended_here, self._is_told = self._is_told, True
                    self.kill_at = now + grace_ns
                    self._send_term()
        except ChildProcessError:
            return True
        return False

    def report(self) -> tuple[object, ...]:
        """Return the report of its end."""
        failure = os.read(self._failure, ERRNO_BYTES_MAX)
        os.close(self._failure)
        if failure:
            return "failed", int(failure)
        return "ended", self._status or 0, int(self._is_ended_here)


def _execute(
    parent: int,
    command: list[str],
    variables: dict[str, str],
    handlers: Handlers,
    *,
    mask: set[int | signal.Signals],
    failure_end: int,
) -> None:
    """Become the program, in a new process in which all signals are blocked."""
    try:
        os.setsid()
        set_option(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == parent:  # else it has ended before the option was set
            for number, handler in handlers.items():
                signal.signal(number, handler)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            os.execvpe(command[0], command, variables)  # noqa: S606 - the user's program
    except Exception as error:  # noqa: BLE001 - any other one would be lost with this process
        code = error.errno if isinstance(error, OSError) else None
        os.write(failure_end, str(code or errno.EINVAL).encode())  # a ValueError: the name is empty
    finally:
        os._exit(NOT_EXECUTED)


def main() -> None:
    """Run as the child of `elect exec`, and end everything at the end."""
    control, parent, grace_ns, *command = sys.argv[1:]
    supervisor = Supervisor(int(control), int(grace_ns), command)
    set_option(PR_SET_CHILD_SUBREAPER, 1)
    set_option(PR_SET_PDEATHSIG, ORPHANED)
    try:
        if os.getppid() == int(parent):  # else it has ended before the option was set
            supervisor.run()
    finally:
        supervisor.kill()
        end_descendants()


if __name__ == "__main__":
    main()
