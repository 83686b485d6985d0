"""elect's own threads: each has a name, and its death is reported."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from elect.bridge.signal_safe_event import SignalSafeEvent
from elect.errors import ThreadError
from wire.common.deadline import Deadline
from wire.common.log import Log
from wire.common.reported_thread import ReportedThread

logger = Log(__name__)

OnDeath = Callable[[str, BaseException], None]
"""Called with the name of a thread that died, and the exception; on that thread."""


@contextmanager
def starting(name: str) -> Iterator[None]:
    """Turn the error of a thread that is started in the block into one that names it.

    Raises:
        ThreadError: the system cannot start a thread.
    """
    try:
        yield
    except RuntimeError as error:
        raise ThreadError(name, str(error)) from error


class WorkThread(threading.Thread):
    """A thread that runs the application's work."""


class OwnThread(ReportedThread):
    """A daemon thread whose failure ends the node and is logged: a node must not run on with a part of its threads.

    Args:
        target: the function that it runs, until it is asked to return.
        name: begins with "elect-".
        on_death: called when `target` raises.
    """

    def __init__(self, target: Callable[[], None], *, name: str, on_death: OnDeath) -> None:
        super().__init__(self._live, name=name)
        self._work = target
        self._on_death = on_death
        self._runs = SignalSafeEvent()

    def start(self) -> None:
        """Start the thread.

        Raises:
            ThreadError: the system cannot start a thread.
        """
        with starting(self.name):
            super().start()

    def finish(self, timeout: float, asker: threading.Thread | None = None) -> bool:
        """Wait for the end of the thread; return whether it has ended, or never started.

        Args:
            timeout: seconds.
            asker: a thread that waits for this call, whose end it must not wait for; default: the current one.
        """
        if self not in threading.enumerate():  # which also lists threads that are about to start
            return True
        deadline = Deadline(timeout)
        if (asker or threading.current_thread()) is not self and self._runs.wait(deadline.remaining_s):
            self.join(deadline.remaining_s)
        return self._runs.is_set() and not self.is_alive()

    def _live(self) -> None:
        self._runs.set()
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001 - acted on and logged
            try:
                self._on_death(self.name, error)
            finally:
                logger.critical("! thread %s died: %r", self.name, error, error=error)
