"""A SignalSafeEvent interrupted by its own calls at every instruction, as signal handlers may do."""

import sys
import threading
from types import SimpleNamespace

import pytest

from elect.bridge import signal_safe_event as module
from elect.bridge.signal_safe_event import SignalSafeEvent


class BlockedError(Exception):
    """The call would wait without an end: the only thread holds the lock."""


class Lock:
    """A lock in a world of one thread."""

    is_waited_for = False

    def __init__(self) -> None:
        self.is_taken = False

    def acquire(self, *, timeout: float = -1) -> None:
        if self.is_taken:
            Lock.is_waited_for = True
            raise BlockedError
        self.is_taken = True

    def release(self) -> None:
        if not self.is_taken:
            raise RuntimeError("release unlocked lock")
        self.is_taken = False


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """Locks of one thread, for the Flags that are made while a call is traced."""
    monkeypatch.setattr(module, "threading", SimpleNamespace(Lock=Lock, TIMEOUT_MAX=threading.TIMEOUT_MAX))
    before = sys.gettrace()
    yield
    sys.settrace(before)


def interrupted(call, then):
    """The flag and the call's result or error, for each instruction of the call before which `then` came in."""
    for at in range(1000):
        flag, places = SignalSafeEvent(), iter(range(at, -1, -1))
        Lock.is_waited_for = False

        def trace(frame, event, _, flag=flag, places=places):
            if frame.f_code.co_filename != module.__file__:
                return None
            frame.f_trace_opcodes = True
            if event == "opcode" and not Lock.is_waited_for and next(places, None) == 0:
                then(flag)
            return trace

        sys.settrace(trace)
        try:
            result = call(flag)
        except (BlockedError, KeyboardInterrupt) as error:
            result = error
        finally:
            sys.settrace(None)
        if next(places, None) is not None:
            assert at > 10
            return
        yield flag, result
    pytest.fail("the call does not end")


def test_a_wait_that_is_interrupted_by_a_set_is_woken():
    results = [result for _, result in interrupted(SignalSafeEvent.wait, SignalSafeEvent.set)]
    assert results == [True] * len(results)


def set_with_waiters(flag):
    flag.waiters = [Lock(), Lock()]
    for waiter in flag.waiters:
        waiter.acquire()
    flag._waiting.extend(flag.waiters)
    flag.set()


def left(flag):
    """The waiters that are not woken."""
    return [waiter for waiter in getattr(flag, "waiters", ()) if waiter in flag._waiting or waiter.is_taken]


def test_a_set_that_is_interrupted_by_a_set_wakes_everybody():
    """The inner one, too: a handler may wait for what a thread does that is to be woken."""
    left_inside = []

    def set_again(flag):
        has_begun = bool(flag._waiting) or flag.is_set()
        flag.set()
        left_inside.extend(left(flag) if has_begun else ())

    assert not any(left(flag) for flag, _ in interrupted(set_with_waiters, set_again))
    assert left_inside == []


def test_a_set_after_one_that_an_exception_ended_wakes_everybody():
    def interrupt(_):
        raise KeyboardInterrupt

    for flag, _ in interrupted(set_with_waiters, interrupt):
        flag.set()
        assert left(flag) == []


@pytest.mark.parametrize("call", [SignalSafeEvent.set, lambda flag: flag.wait(1)])
def test_an_exception_at_any_instruction_leaves_it_usable(call):
    def interrupt(_):
        raise KeyboardInterrupt

    for flag, _ in interrupted(call, interrupt):
        flag.set()
        assert flag.wait()


def test_it_does_what_an_event_does(monkeypatch):
    monkeypatch.setattr(module, "threading", threading)
    flag = SignalSafeEvent()
    assert isinstance(flag, threading.Event)
    assert not flag.is_set()
    assert not flag.wait(0)
    assert not flag.wait(-1)
    assert not flag.wait(0.001)
    flag.set()
    assert flag.wait()
    assert flag.wait(float("inf"))
    flag.clear()
    assert not flag.wait(0)


def test_all_that_wait_are_woken_by_another_thread(monkeypatch):
    monkeypatch.setattr(module, "threading", threading)
    flag, woken = SignalSafeEvent(), []
    threads = [threading.Thread(target=lambda: woken.append(flag.wait(60))) for _ in range(5)]
    for thread in threads:
        thread.start()
    flag.set()
    for thread in threads:
        thread.join()
    assert woken == [True] * 5
    assert not flag._waiting
