"""An Event without a lock, which a signal handler may set, read and wait for."""

import threading
from collections import deque
from contextlib import suppress


class SignalSafeEvent(threading.Event):
    """A threading.Event that also works in a signal handler that interrupts a call of the same event.

    A threading.Event has a lock, and a handler runs on the main thread in the middle of any call: a handler that sets
    an Event whose `wait` it interrupted waits for itself. Here each step is one operation of a deque, or of a lock that
    only one waiter has. So an exception from a handler, such as KeyboardInterrupt, leaves nothing locked either, and a
    forked child can use it.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._waiting: deque[threading.Lock] = deque()

    def is_set(self) -> bool:
        """Return whether it is set."""
        return self._is_set

    def set(self) -> None:
        """Set it, and wake all waiting threads."""
        self._is_set = True
        with suppress(IndexError):  # no waiter is left
            while True:
                waiter = self._waiting[0]
                # A handler that interrupts this may wait for the thread of the waiter: it wakes that as well.
                with suppress(RuntimeError):
                    waiter.release()
                with suppress(ValueError):
                    self._waiting.remove(waiter)

    def clear(self) -> None:
        """Unset the event, so that `wait` blocks again."""
        self._is_set = False

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set; return whether it is.

        Args:
            timeout: seconds; None waits without limit, 0 or less not at all.
        """
        if not self._is_set and (timeout is None or timeout > 0):
            waiter = threading.Lock()
            waiter.acquire()
            self._waiting.append(waiter)
            try:
                if not self._is_set:  # or it was set before this waiter could be woken
                    waiter.acquire(timeout=-1 if timeout is None else min(timeout, threading.TIMEOUT_MAX))
            finally:
                with suppress(ValueError):
                    self._waiting.remove(waiter)
        return self._is_set
