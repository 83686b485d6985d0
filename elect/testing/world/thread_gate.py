"""The simulated threads of a process, and its inbox.

While a process is stopped (SIGSTOP, or with its machine), each thread keeps its work in order; afterwards the threads
run in a random order. While the orchestrator thread alone is stalled, the other threads run, and fill the inbox.
"""

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVarTuple

from elect.bridge.inbox import Input

if TYPE_CHECKING:
    from elect.testing.world.process import Process

Arguments = TypeVarTuple("Arguments")


class ThreadGate:
    """Decides which threads of a process run: all, all except the orchestrator thread, or none.

    Attributes:
        is_paused: stopped by a signal.
        is_halted: stopped with its machine.
        is_stalled: the orchestrator thread does not run.
    """

    __slots__ = (
        "_inbox",
        "_is_stepping",
        "_is_tick_due",
        "_process",
        "_threads",
        "is_halted",
        "is_paused",
        "is_stalled",
    )

    def __init__(self, process: "Process") -> None:
        self._process = process
        self._threads: list[tuple[object, Callable[[], None]]] = []
        self._inbox: deque[Input] = deque()
        self._is_stepping = False
        self._is_tick_due = False
        self.is_paused = False
        self.is_halted = False
        self.is_stalled = False

    @property
    def is_running(self) -> bool:
        """Return whether the process is not stopped."""
        return not (self.is_paused or self.is_halted)

    @property
    def is_idle(self) -> bool:
        """Return whether the inbox is empty."""
        return not self._inbox

    def close(self) -> None:
        """Drop all work, at the end of the process."""
        self._threads.clear()
        self._inbox.clear()
        self._is_tick_due = False

    def run(self, source: object, action: Callable[[*Arguments], None], *arguments: *Arguments) -> None:
        """Run the work of a thread, now or when the process continues."""
        if not self._process.is_alive:
            return
        if self.is_running:
            action(*arguments)
        else:
            self._threads.append((source, partial(action, *arguments)))

    def enqueue(self, item: Input) -> None:
        """Put an input into the inbox, on a thread that runs."""
        self._inbox.append(item)
        self._drain()

    def tick(self) -> None:
        """Wake the orchestrator thread; it ticks once its inbox is empty."""
        self._is_tick_due = True
        self._drain()

    def set_stopped(self, *, is_paused: bool | None = None, is_halted: bool | None = None) -> None:
        """Stop every thread, or continue them, in a random order of threads, once neither cause is left."""
        was_running = self.is_running
        self.is_paused = self.is_paused if is_paused is None else is_paused
        self.is_halted = self.is_halted if is_halted is None else is_halted
        if self.is_running is was_running:
            return
        for dialer in self._process.links.dialers.values():
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
        """Stop or continue the orchestrator thread."""
        self.is_stalled = is_stalled
        self._drain()

    def _drain(self) -> None:
        """Run the orchestrator's steps while its thread runs; a step never runs inside another."""
        if self._is_stepping:
            return
        process = self._process
        self._is_stepping = True
        try:
            while self.is_running and not self.is_stalled:
                if self._inbox:
                    process.step(self._inbox.popleft())
                elif self._is_tick_due:
                    self._is_tick_due = False
                    if process.now >= process.orchestrator.wake_at:
                        process.step(None)
                else:
                    break
        finally:
            self._is_stepping = False
