"""ChildProcess: one program after another, which get the signals of this process and end at a deadline."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

from elect.cli.signals import handled_signals

FORWARDED = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
ENDING = frozenset(FORWARDED) - {signal.SIGUSR1, signal.SIGUSR2}

OF_TERMINAL = {signal.SIGINT, signal.SIGQUIT}
"""A terminal sends these to its whole group of processes."""

KILL_AFTER_S = 2.0
"""From SIGTERM to SIGKILL: for a program to remove its temporary files."""

BY_SIGNAL = 128
"""A shell reports a program that a signal ended as this plus the number of the signal."""


class Interrupted(Exception):  # noqa: N818 - a signal is no fault
    """A signal came while no program ran.

    Attributes:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class ChildProcess:
    """Runs a program, as often as it is asked to. Belongs to the main thread, which handles the signals.

    Args:
        command: the program and its arguments.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command = list(command)
        self._process: subprocess.Popen[bytes] | None = None
        self._group: int | None = None
        self._is_interruptible = False
        self._pending: list[int] = []
        self.is_ending = False

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Forward the signals to the program; while none runs, raise Interrupted. Ignored signals stay ignored."""
        self._is_interruptible = True  # first: a signal that was blocked arrives before the block is entered
        with handled_signals(FORWARDED, self._catch):
            try:
                yield
            finally:
                self._is_interruptible = False

    def run(self, environ: Mapping[str, str], timeout_s: float) -> int | None:
        """Run the program until it ends.

        Args:
            environ: its environment.
            timeout_s: after these seconds it gets SIGTERM, and SIGKILL after KILL_AFTER_S more.

        Returns:
            Its exit code, 128 and more for a signal; None: it did not end in time.

        Raises:
            OSError: it cannot be started.
        """
        # A group of its own is ended as a whole. At a terminal the group must be that of the terminal, to read from it.
        is_alone = not os.isatty(0)
        self._is_interruptible = False
        with subprocess.Popen(self._command, env=dict(environ), process_group=0 if is_alone else None) as process:  # noqa: S603 - the user's program
            self._process, self._group = process, process.pid if is_alone else None
            try:
                while self._pending:
                    self._send(self._pending.pop())
                code = self._wait(process, timeout_s)
            finally:
                if process.poll() is None:
                    self._send(signal.SIGKILL)
                self._process = None
        self._is_interruptible = True
        return code

    def _wait(self, process: subprocess.Popen[bytes], timeout_s: float) -> int | None:
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._send(signal.SIGTERM)
            self._send(signal.SIGCONT)  # a program that is stopped handles no other signal
            with suppress(subprocess.TimeoutExpired):
                process.wait(KILL_AFTER_S)
            self._send(signal.SIGKILL)  # for the rest of its group, too
            return None
        return code if code >= 0 else BY_SIGNAL - code

    def _send(self, number: int) -> None:
        process, group = self._process, self._group
        with suppress(ProcessLookupError):
            if group is not None:
                os.killpg(group, number)
            elif process is not None:
                process.send_signal(number)

    def _catch(self, number: int, _frame: FrameType | None) -> None:
        self.is_ending = self.is_ending or number in ENDING
        if self._is_interruptible:
            if number in ENDING:
                raise Interrupted(number)
        elif self._process is None:
            self._pending.append(number)
        elif self._group is not None or number not in OF_TERMINAL:
            self._send(number)


def flush() -> None:
    """Write what this process has printed, before a program prints."""
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
