"""Processes that share the work of one program, and end when it does."""

import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from multiprocessing import Pipe, get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from traceback import format_exc
from typing import Generic, Self, TypeVar

from elect.testing.soak.interruption import SIGNALS, interruption

LOOK_S = 0.1
"""Time between two checks for a signal while all workers are busy."""

Given = TypeVar("Given")
Result = TypeVar("Result")
Answer = tuple[list[Result], str]
"""One result and no error, or no result and the traceback."""


class Workers(Generic[Given, Result]):
    """Calls a function for many values, on a few processes.

    The processes ignore SIGINT and SIGTERM, which a terminal sends to all of them. They are killed at the end of the
    `with` block, and end by themselves when the program is gone.

    Args:
        work: the function; it, the values and the results are pickled.
        count: number of processes.
    """

    def __init__(self, work: Callable[[Given], Result], count: int) -> None:
        self._work = work
        self._count = count
        self._processes: dict[Connection[Given, Answer[Result]], BaseProcess] = {}

    def __enter__(self) -> Self:
        resource_tracker.ensure_running()  # it unblocks both signals when it starts
        # A process inherits what is blocked, and so has it blocked from its first instruction on.
        unblocked = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            for _ in range(self._count):
                self._start()
        except BaseException:
            self._end()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)
        return self

    def _start(self) -> None:
        ours, theirs = Pipe()
        process = get_context("spawn").Process(target=_serve, args=(self._work, theirs))
        process.start()
        theirs.close()
        self._processes[ours] = process

    def __exit__(self, *_: object) -> None:
        self._end()

    def _end(self) -> None:
        for process in self._processes.values():
            process.kill()
        for connection, process in self._processes.items():
            process.join()
            process.close()
            connection.close()

    def each(self, values: Iterable[Given]) -> Iterator[tuple[int, Result]]:
        """Yield the index of each value and its result, as they come; stop when a signal comes.

        Raises:
            RuntimeError: the function raised in a process, or the process is gone.
        """
        left = enumerate(values)
        busy: dict[Connection[Given, Answer[Result]], int] = {}
        ready = list(self._processes)
        while not interruption.number:
            for connection, (place, value) in zip(ready, left, strict=False):
                with suppress(ConnectionError):  # the process is gone; `_receive` raises
                    connection.send(value)
                busy[connection] = place
            if not busy:
                return
            answered = wait(busy, LOOK_S)
            ready = [connection for connection in busy if connection in answered]
            for connection in ready:
                yield busy.pop(connection), self._receive(connection)

    def _receive(self, connection: "Connection[Given, Answer[Result]]") -> Result:
        try:
            results, problem = connection.recv()
        except (EOFError, ConnectionError):
            raise RuntimeError(f"a worker process is gone: {self._processes[connection]}") from None
        if problem:
            raise RuntimeError(problem)
        return results[0]


def in_order(found: Iterable[tuple[int, Result]]) -> Iterator[Result]:
    """Yield the results in the order of their indexes, each as soon as those before it are there."""
    waiting: dict[int, Result] = {}
    following = 0
    for place, result in found:
        waiting[place] = result
        while following in waiting:
            yield waiting.pop(following)
            following += 1


def _serve(work: Callable[[Given], Result], connection: "Connection[Answer[Result], Given]") -> None:
    """Answer each value, until the program has ended."""
    with suppress(EOFError, ConnectionError):
        while True:
            value = connection.recv()
            try:
                answer = [work(value)], ""
            except Exception:  # noqa: BLE001 - it is raised in the program
                answer = [], format_exc()
            connection.send(answer)
