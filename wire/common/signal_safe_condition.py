"""A Condition whose `wait` an exception of a signal handler may end."""

import threading
from contextlib import suppress


class SignalSafeCondition(threading.Condition):
    """A threading.Condition for threads of the application, which Ctrl-C may interrupt anywhere.

    A threading.Condition releases its lock one step before the `try` that takes it again. KeyboardInterrupt between the
    two leaves the lock released, and the end of the `with` around the wait raises RuntimeError instead.

    Args:
        lock: to be held during `wait`. Enter it by `with` of the lock: that is a single step, as `with` of a Condition
            is not.
    """

    def __init__(self, lock: "threading.RLock") -> None:
        super().__init__(lock)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for a notice; return whether there was one in time (seconds). The lock is held again in the end."""
        try:
            return super().wait(timeout)
        except BaseException:
            with suppress(RuntimeError):  # it is not held
                self.release()
            self.acquire()
            raise
