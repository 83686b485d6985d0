"""EventSender: one thread sends to all listeners of a server, however many there are and however slowly they read.

The sockets do not block. A listener has at most one block of bytes that is not sent yet, and gets nothing more before
that is sent; what it missed meanwhile is then in its next block, or that is a fresh state. The thread that elects is
never waited for: it notes an event, and wakes this thread.
"""

import contextlib
import socket
import threading
from collections import deque
from collections.abc import Iterator

from elect.errors import Forked, Stopped
from elect.web.events.event_source import EventSource
from elect.web.events.event_stream import SETTLE_S, EventStream
from wire.common.deadline import Deadline, now_s
from wire.common.log import Log
from wire.common.reported_thread import ReportedThread
from wire.io.sockets import shut, stop_writing, tune

LOG = Log(__name__)

STALL_S = 30.0
"""A listener that reads nothing for this time is closed."""

RETRY_S = 0.05
"""The interval at which bytes are offered again to a listener that did not take them."""

END_S = 5.0
"""After the node has ended, its server is stopped within this time."""


class _Listener:
    """One socket; `rest` is what it did not take yet."""

    def __init__(self, sock: socket.socket, stream: EventStream) -> None:
        self._socket = sock
        self._stream = stream
        self._progress_s = now_s()
        self.rest = memoryview(b"")

    def serve(self) -> bool:
        """Send what can be sent; return whether the listener is still there."""
        try:
            if not self.rest:
                self.rest = memoryview(self._stream.take())
            self._send()
        except OSError:
            return False
        except Exception:
            LOG.exception("an event could not be made")
            return False
        return not self.rest or now_s() - self._progress_s < STALL_S

    def end(self) -> None:
        """Send the last event, if the listener reads, and close."""
        with contextlib.suppress(OSError):
            self._send()
            if not self.rest:
                self.rest = memoryview(self._stream.end())
                self._send()
            stop_writing(self._socket)
        self.close()

    def close(self) -> None:
        """Close the socket, and give the place back."""
        self._stream.close()
        shut(self._socket)

    def _send(self) -> None:
        if self.rest:
            with contextlib.suppress(BlockingIOError):
                self.rest = self.rest[self._socket.send(self.rest) :]
                self._progress_s = now_s()
        else:
            self._progress_s = now_s()


class EventSender:
    """Sends to the listeners of one server. The thread starts with the first one.

    Args:
        source: of all streams.
        name: of the thread.
    """

    def __init__(self, source: EventSource, name: str) -> None:
        self._source = source
        self._thread = ReportedThread(self._run, name=name)
        self._arrived: deque[_Listener] = deque()
        self._woken, self._stopping = threading.Event(), threading.Event()

    def start(self) -> None:
        """Start the thread.

        Raises:
            RuntimeError: the system has no thread to give.
        """
        self._thread.start()

    def add(self, sock: socket.socket, stream: EventStream) -> None:
        """Send this stream's events on that socket from now on, the first ones at once, and close both in the end."""
        tune(sock, STALL_S)
        sock.settimeout(0)
        listener = _Listener(sock, stream)
        if not listener.serve():
            listener.close()
            return
        self._arrived.append(listener)
        self._woken.set()
        if self._stopping.is_set():
            self._end_all([])  # the thread may have ended

    def stop(self, timeout: float) -> bool:
        """Send the last event to each listener, and close it; return whether that was done in time (seconds)."""
        deadline = Deadline(timeout)
        self._stopping.set()
        self._woken.set()
        self._thread.join(deadline.remaining_s)
        self._end_all([])
        return not self._thread.is_alive()

    def _run(self) -> None:
        listeners: list[_Listener] = []
        while not self._stopping.is_set():
            after = self._source.last
            listeners = self._serve(listeners)
            if listeners:
                self._wait(after, is_busy=any(each.rest for each in listeners))
            else:
                self._woken.wait()
                self._woken.clear()
            listeners.extend(self._take_arrived())
        self._end_all(listeners)

    def _take_arrived(self) -> Iterator[_Listener]:
        """Yield the listeners that have arrived; each goes to one of the threads that take at the same time."""
        with contextlib.suppress(IndexError):
            while True:
                yield self._arrived.popleft()

    def _serve(self, listeners: list[_Listener]) -> list[_Listener]:
        """Return the listeners that are still there."""
        kept = []
        for each in listeners:
            if each.serve():
                kept.append(each)
            else:
                each.close()
        return kept

    def _wait(self, after: int, *, is_busy: bool) -> None:
        try:
            if self._source.wait(after, RETRY_S if is_busy else None):
                self._stopping.wait(SETTLE_S)
        except (Stopped, Forked):
            self._stopping.wait(END_S)

    def _end_all(self, listeners: list[_Listener]) -> None:
        for each in listeners:
            each.end()
        for each in self._take_arrived():
            each.end()
