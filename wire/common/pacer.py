"""Pacer: has a thread that has much to do let the others have the interpreter now and then."""

import threading

from wire.common.deadline import now_s

WORK_S = 0.001
PAUSE_S = 0.0002
"""A thread that waits for the interpreter takes it in a pause, so after a millisecond at most."""


class Pacer:
    """The pauses of one thread, which calls it; it works for WORK_S, then it pauses for PAUSE_S.

    Args:
        stopped: once it is set, there are no pauses.
    """

    def __init__(self, stopped: threading.Event) -> None:
        self._stopped = stopped
        self._works_until_s = 0.0

    def note_wait(self, begin_s: float) -> None:
        """Note that the thread waited for something until now; a wait of some length is a pause."""
        if now_s() - begin_s >= PAUSE_S:
            self._works_until_s = now_s() + WORK_S

    def pause_if_due(self) -> None:
        """Pause, if the thread has worked for long enough."""
        if now_s() >= self._works_until_s:
            self._stopped.wait(PAUSE_S)
            self._works_until_s = now_s() + WORK_S
