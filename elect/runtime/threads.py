"""A thread of ours: it has a name, and does not die in silence."""

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
"""Told the name of a thread that ended by an error, and the error; on that thread."""


@contextmanager
def starting(name: str) -> Iterator[None]:
    """Start a thread of this name in the block.

    Raises:
        ThreadError: the system has none to give.
    """
    try:
        yield
    except RuntimeError as error:
        raise ThreadError(name, str(error)) from error


class WorkThread(threading.Thread):
    """A thread in which the application's work runs."""


class OwnThread(ReportedThread):
    """A daemon thread whose death is acted on, and then logged: a half-dead elector is the worst state.

    Args:
        target: what it does; it returns when it was asked to.
        name: starts with "elect-".
        on_death: told when the target raises.
    """

    def __init__(self, target: Callable[[], None], *, name: str, on_death: OnDeath) -> None:
        super().__init__(self._live, name=name)
        self._work = target
        self._on_death = on_death
        self._runs = SignalSafeEvent()

    def start(self) -> None:
        """Begin.

        Raises:
            ThreadError: the system has no thread to give.
        """
        with starting(self.name):
            super().start()

    def finish(self, timeout: float, asker: threading.Thread | None = None) -> bool:
        """Wait for its end; whether it has ended, or never began.

        Args:
            timeout: seconds.
            asker: a thread that waits for this call; default: the current one. It is not waited for.
        """
        if self not in threading.enumerate():  # that has each one which is about to begin, too
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
