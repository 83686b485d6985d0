"""Calls a function for each of several items at the same time, as far as threads can be started."""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from wire.common.reported_thread import ReportedThread

Item = TypeVar("Item")
Result = TypeVar("Result")

THREADS_MAX = 16


def each(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Return the results in order; items without a thread are done here, one after the other.

    Ctrl-C does not wait for the threads: a node that hangs would hold up the end of the command.

    Raises:
        Exception: that of the first item whose work raised one.
    """
    left = deque(enumerate(items))
    results: dict[int, Result] = {}
    errors: dict[int, Exception] = {}

    def take() -> None:
        with suppress(IndexError):
            while True:
                place, item = left.popleft()
                try:
                    results[place] = work(item)
                except Exception as error:  # noqa: BLE001 - raised below, in the caller's thread
                    errors[place] = error

    threads = [ReportedThread(take, name=f"elect-item-{place}") for place in range(min(THREADS_MAX, len(items)))]
    started = []
    for thread in threads:
        try:
            thread.start()
        except RuntimeError:  # the system has no thread to give
            take()
            break
        started.append(thread)
    for thread in started:
        thread.join()
    if errors:
        raise errors[min(errors)]
    return [results[place] for place in range(len(items))]
