"""A wait that is interrupted, at each of its steps that take or release the lock."""

import threading

import pytest

from wire.common.signal_safe_condition import SignalSafeCondition


@pytest.mark.parametrize("step", ["_release_save", "_acquire_restore"])
@pytest.mark.parametrize("is_done", [True, False])
def test_an_interrupted_wait_holds_its_lock_again(monkeypatch, step, is_done):
    lock = threading.RLock()
    changed = SignalSafeCondition(lock)
    original = getattr(changed, step)

    def interrupted(*arguments):
        if is_done:
            original(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(changed, step, interrupted)
    with pytest.raises(KeyboardInterrupt), lock:
        changed.wait(0.001)
    assert is_free(lock)


def is_free(lock):
    """Return whether another thread can take the lock."""
    taken = []

    def take():
        if lock.acquire(timeout=5):
            taken.append(True)
            lock.release()

    thread = threading.Thread(target=take)
    thread.start()
    thread.join()
    return bool(taken)


def test_a_wait_ends_with_a_notice_or_its_time():
    lock = threading.RLock()
    changed = SignalSafeCondition(lock)
    with lock:
        assert not changed.wait(0.001)
        thread = threading.Thread(target=notify, args=(lock, changed))
        thread.start()
        assert changed.wait(20)
    thread.join()


def notify(lock, changed):
    with lock:
        changed.notify_all()
