"""Calls that may block or raise, on a thread of their own."""

import os
import threading

import pytest

from wire.common.call_queue import CallQueue

DEADLINE_S = 10.0


class Bench:
    """A queue of two places, whose thread waits in a first call until it is let go."""

    def __init__(self, calls_max: int = 2) -> None:
        self.made: list[object] = []
        self.told: list[int] = []
        self.is_blocked, self.go_on = threading.Event(), threading.Event()
        self.queue = CallQueue("test-calls", self.told.append, calls_max=calls_max)

    def block(self) -> None:
        def wait() -> None:
            self.is_blocked.set()
            assert self.go_on.wait(DEADLINE_S)

        assert self.queue.put(wait)
        assert self.is_blocked.wait(DEADLINE_S)

    def put(self, value: object) -> bool:
        return self.queue.put(lambda: self.made.append(value))

    def thread(self) -> threading.Thread | None:
        return next((thread for thread in threading.enumerate() if thread.name == "test-calls"), None)


def test_calls_are_made_in_order_on_one_other_thread() -> None:
    bench = Bench(1000)
    idents: set[int] = set()
    for number in range(100):
        assert bench.put(number)
        bench.queue.put(lambda: idents.add(threading.get_ident()))
    assert bench.queue.flush(DEADLINE_S)
    assert bench.made == list(range(100))
    assert len(idents) == 1
    assert threading.get_ident() not in idents


def test_a_full_queue_drops_counts_and_says_so_once() -> None:
    bench = Bench()
    bench.block()
    assert [bench.put(number) for number in range(5)] == [True, True, False, False, False]
    assert not bench.queue.flush(0)
    assert bench.told == []
    bench.go_on.set()
    assert bench.queue.flush(DEADLINE_S)
    thread = bench.thread()
    if thread is not None:  # it says so before it ends
        thread.join(DEADLINE_S)
    assert (bench.made, bench.told, bench.queue.dropped) == ([0, 1], [3], 3)


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt])
def test_a_call_that_raises_costs_only_itself(error: type[BaseException]) -> None:
    bench = Bench(1000)

    def fail() -> None:
        raise error

    bench.queue.put(fail)
    bench.put("after")
    assert bench.queue.flush(DEADLINE_S)
    assert (bench.made, bench.queue.dropped, bench.told) == (["after"], 1, [])


def test_an_idle_thread_ends_and_another_takes_its_place() -> None:
    bench = Bench()
    bench.put(1)
    thread = bench.thread()
    assert thread is not None
    thread.join(DEADLINE_S)
    assert not thread.is_alive()
    bench.put(2)
    assert bench.queue.flush(DEADLINE_S)
    assert bench.made == [1, 2]


def test_without_a_thread_calls_are_dropped_until_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        assert not bench.put(1)
        assert bench.queue.flush(DEADLINE_S)
    assert bench.put(2)
    thread = bench.thread()
    assert thread is not None
    thread.join(DEADLINE_S)
    assert (bench.made, bench.queue.dropped, bench.told) == ([2], 1, [1])


def test_a_call_may_flush_and_put_itself() -> None:
    bench = Bench()
    flushed: list[bool] = []
    bench.queue.put(lambda: (flushed.append(bench.queue.flush(DEADLINE_S)), bench.put("nested")))
    assert bench.queue.flush(DEADLINE_S)
    assert bench.queue.flush(DEADLINE_S)
    assert (bench.made, flushed) == (["nested"], [False])


def test_a_forked_child_begins_anew() -> None:
    bench = Bench()
    bench.block()
    bench.put("the parent's")
    child = os.fork()
    if child == 0:
        is_good = bench.put("the child's") and bench.queue.flush(DEADLINE_S) and bench.made == ["the child's"]
        os._exit(0 if is_good else 1)
    _, status = os.waitpid(child, 0)
    bench.go_on.set()
    assert bench.queue.flush(DEADLINE_S)
    assert os.waitstatus_to_exitcode(status) == 0
    assert bench.made == ["the parent's"]
