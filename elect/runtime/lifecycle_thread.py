"""The thread that starts a node and ends it. In between it waits, as a stop may find that no thread can be started.

A caller of `start` or `stop` may be interrupted by Ctrl-C at any instruction, or be a signal handler. A thread that
dies ends the node, perhaps when no other thread can be started. So the work is done here, and the callers wait.
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

AGAIN_S = 1.0
"""After an attempt in which something still ran: until the next one, and for it. No caller has to come back for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRequest:
    """A request to end the node.

    Attributes:
        deadline: of the whole attempt.
        is_resigning: resign first.
        asker: the thread that made the request; the attempt does not wait for its end.
        over: set when the attempt is over.
    """

    deadline: Deadline
    is_resigning: bool
    asker: threading.Thread = field(default_factory=threading.current_thread)
    over: SignalSafeEvent = field(default_factory=SignalSafeEvent)


class LifecycleThread:
    """Starts the node, then tries to end it at each request, and from the first one on until everything has ended.

    Args:
        begin: starts the node; if it raises, it has undone everything.
        attempt: tries to end the node, and returns whether everything has ended. May be called any number of times.

    Attributes:
        begun: set when `begin` has returned or raised.
        error: the exception of `begin`, or None.
        is_done: everything has ended.
    """

    def __init__(self, begin: Callable[[], None], attempt: Callable[[StopRequest], bool]) -> None:
        self._begin = begin
        self._attempt = attempt
        self._requests: queue.SimpleQueue[StopRequest] = queue.SimpleQueue()
        self.begun = SignalSafeEvent()
        self.error: BaseException | None = None
        self.is_done = False

    def request_stop(self, request: StopRequest) -> None:
        """Request an attempt. Never waits."""
        self._requests.put(request)
        if self.is_done:
            request.over.set()

    def cancel(self, timeout: float) -> None:
        """Undo an interrupted start; wait at most twice `timeout` (seconds)."""
        self.begun.wait(timeout)
        request = StopRequest(deadline=Deadline(timeout), is_resigning=False)
        self.request_stop(request)
        request.over.wait(timeout)

    def close(self) -> None:
        """End this thread: there is nothing left to stop."""
        self.is_done = True
        self.request_stop(StopRequest(deadline=Deadline(0), is_resigning=False))

    def run(self) -> None:
        """Start the node, then wait for requests; on a thread of its own."""
        try:
            self._begin()
        except BaseException as error:  # noqa: BLE001 - `start` raises it
            self.error = error
        finally:
            self.begun.set()
        again_s = None
        while not self.is_done:
            request = self._next_request(again_s)
            try:
                self.is_done = self._attempt(request)
                again_s = AGAIN_S
            except BaseException:
                again_s = None
                logger.exception("the node was not stopped; call stop() again")
            finally:
                request.over.set()
        with suppress(queue.Empty):
            while True:
                self._requests.get_nowait().over.set()

    def _next_request(self, again_s: float | None) -> StopRequest:
        try:
            return self._requests.get(timeout=again_s)
        except queue.Empty:
            return StopRequest(deadline=Deadline(AGAIN_S), is_resigning=False)
