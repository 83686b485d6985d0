import threading

from elect.runtime import lifecycle_thread
from elect.runtime.lifecycle_thread import LifecycleThread, StopRequest
from tests.nodes import DEADLINE_S
from wire.common.deadline import Deadline


def request() -> StopRequest:
    return StopRequest(deadline=Deadline(0), is_resigning=True)


def test_what_still_runs_is_ended_later_without_another_call(monkeypatch):
    """A callback that outlasts `stop` kept a thread for good."""
    monkeypatch.setattr(lifecycle_thread, "AGAIN_S", 0.01)
    results, resigning = [False, False, True], []

    def attempt(asked: StopRequest) -> bool:
        resigning.append(asked.is_resigning)
        return results.pop(0)

    lifecycle = LifecycleThread(lambda: None, attempt)
    thread = threading.Thread(target=lifecycle.run)
    thread.start()
    first = request()
    lifecycle.request_stop(first)
    assert first.over.wait(DEADLINE_S)
    thread.join(DEADLINE_S)
    assert not thread.is_alive()
    assert lifecycle.is_done
    assert resigning == [True, False, False]


def test_nothing_is_ended_unasked_or_after_an_error(monkeypatch, caplog):
    monkeypatch.setattr(lifecycle_thread, "AGAIN_S", 0.01)
    asked = []

    def attempt(each: StopRequest) -> bool:
        asked.append(each)
        if len(asked) == 1:
            raise OSError
        return True

    lifecycle = LifecycleThread(lambda: None, attempt)
    thread = threading.Thread(target=lifecycle.run)
    thread.start()
    thread.join(0.1)
    assert asked == []
    requests = [request(), request()]
    for each in requests:
        lifecycle.request_stop(each)
        assert each.over.wait(DEADLINE_S)
        thread.join(0.1 if each is requests[0] else DEADLINE_S)
    assert asked == requests
    assert not thread.is_alive()
    assert "call stop() again" in caplog.text
