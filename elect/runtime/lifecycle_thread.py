"""The thread that starts a node and ends it: it waits in between, for who stops a node may get no thread any more.

Who calls `start` or `stop` may be interrupted by Ctrl-C at any instruction, or be a signal handler; a thread that dies
takes the node down while no other thread can be had. So none of them does the work: it is done here, and they wait.
"""

import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from elect.bridge.signal_safe_event import SignalSafeEvent
from wire.common.deadline import Deadline
from wire.common.log import Log

logger = Log(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRequest:
    """One wish to end the node.

    Attributes:
        deadline: of all that is waited for.
        is_resigning: tell the others first.
        asker: the thread that asks, and may wait: it does not end before.
        over: set when the attempt is over.
    """

    deadline: Deadline
    is_resigning: bool
    asker: threading.Thread = field(default_factory=threading.current_thread)
    over: SignalSafeEvent = field(default_factory=SignalSafeEvent)


class LifecycleThread:
    """Begins, then makes an attempt to end the node for each request, until one has ended it all.

    Args:
        begin: starts the node; when it raises, nothing of it is left.
        attempt: makes one; whether everything has ended. May be made any number of times.

    Attributes:
        begun: set when `begin` has returned or raised.
        error: what it raised.
        is_done: everything has ended.
    """

    def __init__(self, begin: Callable[[], None], attempt: Callable[[StopRequest], bool]) -> None:
        self._begin = begin
        self._attempt = attempt
        self._requests: queue.SimpleQueue[StopRequest] = queue.SimpleQueue()
        self.begun = SignalSafeEvent()
        self.error: BaseException | None = None
        self.is_done = False

    def ask(self, request: StopRequest) -> None:
        """Have an attempt made. Never waits."""
        self._requests.put(request)
        if self.is_done:
            request.over.set()

    def cancel(self, timeout: float) -> None:
        """The caller of `start` was interrupted: let what it began come to nothing; wait at most twice `timeout` s."""
        self.begun.wait(timeout)
        request = StopRequest(deadline=Deadline(timeout), is_resigning=False)
        self.ask(request)
        request.over.wait(timeout)

    def close(self) -> None:
        """There is nothing to end any more."""
        self.is_done = True
        self.ask(StopRequest(deadline=Deadline(0), is_resigning=False))

    def run(self) -> None:
        """Begin, and wait for requests; on a thread of its own."""
        try:
            self._begin()
        except BaseException as error:  # noqa: BLE001 - it is raised where the start was asked for
            self.error = error
        finally:
            self.begun.set()
        while not self.is_done:
            request = self._requests.get()
            try:
                if self._attempt(request):
                    self.is_done = True
            except BaseException:
                logger.exception("the node was not stopped; stop() may be called again")
            finally:
                request.over.set()
        with suppress(queue.Empty):
            while True:
                self._requests.get_nowait().over.set()
