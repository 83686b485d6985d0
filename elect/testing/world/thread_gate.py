"""Which of a process's threads run: all, all but the one that owns the Elector, or none.

What comes meanwhile is kept by each thread as its own, in order. A process that was stopped (SIGSTOP, or with its
machine) goes on with its threads racing each other; one whose protocol's thread alone was late finds its inbox in the
order in which it was filled, while readers, listener, journal and application did their part in the meantime.
"""

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVarTuple

if TYPE_CHECKING:
    from elect.testing.world.process import Process

Arguments = TypeVarTuple("Arguments")


class ThreadGate:
    """Stands before a process's inputs.

    Attributes:
        is_open: every input is handled when it comes; asked for at each one, so it is kept and not computed.
        is_paused: stopped by a signal.
        is_halted: stopped with its machine.
        is_stalled: the protocol's thread alone does not run.
    """

    __slots__ = ("_inbox", "_process", "_threads", "is_halted", "is_open", "is_paused", "is_stalled")

    def __init__(self, process: "Process") -> None:
        self._process = process
        self._threads: list[tuple[object, Callable[[], None]]] = []
        self._inbox: deque[Callable[[], None]] = deque()
        self.is_paused = False
        self.is_halted = False
        self.is_stalled = False
        self.is_open = True

    @property
    def is_running(self) -> bool:
        """Whether any thread runs."""
        return not (self.is_paused or self.is_halted)

    def close(self) -> None:
        """Nothing is handled any more."""
        self.is_open = False
        self._threads.clear()
        self._inbox.clear()

    def settle(self) -> None:
        """Note whether inputs are handled when they come."""
        process = self._process
        self.is_open = self.is_running and not self.is_stalled and process.is_alive and process.reader is None

    def run(self, source: object, action: Callable[[*Arguments], None], *arguments: *Arguments) -> None:
        """Do what a thread of its own does, once threads run."""
        if not self._process.is_alive:
            return
        if self.is_running:
            action(*arguments)
        else:
            self._threads.append((source, partial(action, *arguments)))

    def put(self, source: object, action: Callable[[*Arguments], None], *arguments: *Arguments) -> None:
        """Have a thread put something into the inbox."""
        self.run(source, self._put, partial(action, *arguments))

    def _put(self, action: Callable[[], None]) -> None:
        if self.is_stalled:
            self._inbox.append(action)
        else:
            self._process.step(action)

    def set_stopped(self, *, is_paused: bool | None = None, is_halted: bool | None = None) -> None:
        """Stop every thread, or let them go on when nothing stops them any more: in any order across sources."""
        was_running = self.is_running
        self.is_paused = self.is_paused if is_paused is None else is_paused
        self.is_halted = self.is_halted if is_halted is None else is_halted
        self.settle()
        if self.is_running is was_running:
            return
        for dialer in self._process.dialers.values():
            if dialer.link is not None:
                if was_running:
                    dialer.link.freeze(is_lost=False)
                else:
                    dialer.link.thaw()
        if not was_running:
            self._drain()
            self._race()

    def _race(self) -> None:
        threads, self._threads = self._threads, []
        queues: dict[object, list[Callable[[], None]]] = {}
        for source, action in reversed(threads):
            queues.setdefault(source, []).append(action)
        while queues:
            source = self._process.world.rng.choice(list(queues))
            action = queues[source].pop()
            if not queues[source]:
                del queues[source]
            self.run(source, action)

    def set_stalled(self, *, is_stalled: bool) -> None:
        """Let the protocol's thread alone stop, or go on with its inbox."""
        self.is_stalled = is_stalled
        self.settle()
        self._drain()

    def _drain(self) -> None:
        while self._inbox and self.is_running and not self.is_stalled:
            self._process.step(self._inbox.popleft())
