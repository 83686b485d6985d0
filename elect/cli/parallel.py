"""Calls a function for each of several items at the same time, as far as threads can be started."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

THREADS_MAX = 16


def each(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Return the results in order; items without a thread are done here, one after the other."""
    results: list[Result] = []
    with ThreadPoolExecutor(max(1, min(THREADS_MAX, len(items)))) as pool:
        futures = []
        for item in items:
            try:
                futures.append(pool.submit(work, item))
            except RuntimeError:  # can't start new thread
                break
        if len(futures) < len(items):
            pool.shutdown(cancel_futures=True)
        for place, item in enumerate(items):
            is_done = place < len(futures) and not futures[place].cancelled()
            results.append(futures[place].result() if is_done else work(item))
    return results
