"""SIGINT and SIGTERM end a long run early, with the summary of what ran and the status 128 + the signal's number.

`run` starts a program's main function. From then on a signal raises nothing by itself: it is noted, and acted on
where the results so far are kept. Before that, while Python starts and imports, a signal ends the process as usual.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn, TypeVar

SIGNALS = (signal.SIGINT, signal.SIGTERM)
_FOUND = 1
"""The status of a run that found a fault. It has priority over the status of an interrupted run."""

AGAIN_S = 0.01
"""Time until a signal is sent again: any destructor has ended by then."""

Result = TypeVar("Result")


class _Interrupted(BaseException):
    """Ends the function that `attempt` calls; `except Exception` does not catch it."""


class Interruption:
    """The first SIGINT or SIGTERM of this process.

    Attributes:
        number: of the signal; 0 until one came.
    """

    def __init__(self) -> None:
        self.number = 0
        self._is_attempting = False
        self._again: threading.Timer | None = None

    def attempt(self, act: Callable[[], Result]) -> Result | None:
        """Return the result of `act`; None if a signal came before it or ended it. For the main thread."""
        try:
            try:
                self._is_attempting = True
                return None if self.number else act()
            finally:
                self._is_attempting = False
                if self._again is not None:
                    self._again.cancel()
        except _Interrupted:
            return None

    def status(self, status: int) -> int:
        """Return the status to end with, where `status` is that of a run to the end."""
        return 128 + self.number if self.number and status != _FOUND else status

    def catch(self) -> None:
        """Note signals from now on, except ignored ones: a shell ignores SIGINT for a program in the background."""
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._note)
        sys.unraisablehook = self._repeat

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Note signals until the end of the block."""
        before, hook = [(number, signal.getsignal(number)) for number in SIGNALS], sys.unraisablehook
        self.catch()
        try:
            yield
        finally:
            for number, handler in before:
                signal.signal(number, handler)
            sys.unraisablehook = hook
            self.number = 0

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.number = self.number or number
        if self._is_attempting:
            self._is_attempting = False  # a second signal must not end the handling of the first
            raise _Interrupted

    def _repeat(self, unraisable: "sys.UnraisableHookArgs") -> None:
        """Send the signal again if it came inside a destructor, where Python drops the exception."""
        if unraisable.exc_type is not _Interrupted:
            sys.__unraisablehook__(unraisable)
            return
        self._is_attempting = True
        self._again = threading.Timer(AGAIN_S, os.kill, (os.getpid(), self.number))
        self._again.daemon = True
        self._again.start()


interruption = Interruption()
"""One for the process, as signals are."""


def run(main: Callable[[], int]) -> NoReturn:
    """Call a program's main function in the main thread, and end the process with the status that it returns."""
    interruption.catch()
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Not by sys.exit(): while Python shuts down, a signal would end the process in another way.
    os._exit(interruption.status(status))
