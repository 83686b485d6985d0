import _thread
import threading

import pytest

from elect.cli.parallel import each
from tests.nodes import DEADLINE_S


@pytest.mark.parametrize("threads", [0, 1, 2, 9])
def test_what_gets_no_thread_is_done_all_the_same(monkeypatch, threads):
    """The results are in order, each once."""
    start, started, done = threading.Thread.start, [], []

    def refuse(thread):
        if len(started) == threads:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    def work(item):
        done.append(item)
        return -item

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert each(work, range(5)) == [0, -1, -2, -3, -4]
    assert sorted(done) == [0, 1, 2, 3, 4]


def test_an_error_is_the_caller_s():
    with pytest.raises(ZeroDivisionError):
        each(lambda item: 1 // item, [1, 0])


def test_nothing_is_done_for_nobody():
    assert each(str, []) == []


def test_ctrl_c_does_not_wait_for_the_threads():
    """A node that hangs holds up each of them for seconds."""
    released, ended = threading.Event(), []

    def work(item):
        _thread.interrupt_main()
        released.wait(DEADLINE_S)
        ended.append(item)

    with pytest.raises(KeyboardInterrupt):
        each(work, [0])
    assert ended == []
    released.set()
    for thread in threading.enumerate():
        if thread.name.startswith("elect-item"):
            thread.join(DEADLINE_S)
    assert ended == [0]
