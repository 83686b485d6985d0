"""The guard of every test can itself fail."""

import fcntl
import os
import threading
from pathlib import Path

import pytest

from tests import conftest


def test_thread_that_stays_is_named(monkeypatch):
    monkeypatch.setattr(conftest, "LEAK_DEADLINE_S", 0.01)
    before, release = set(threading.enumerate()), threading.Event()
    thread = threading.Thread(target=release.wait, name="stays")
    thread.start()
    try:
        assert conftest.leaked_threads(before) == ["stays"]
    finally:
        release.set()
        thread.join()  # with that deadline a slow machine would report it still
    assert conftest.leaked_threads(before) == []


def test_descriptor_that_stays_is_named():
    before = conftest.open_descriptors()
    descriptor = os.open(os.devnull, os.O_RDONLY)
    try:
        assert conftest.leaked_descriptors(before) == {os.devnull: 1}
    finally:
        os.close(descriptor)
    assert not conftest.leaked_descriptors(before)


def may_have(path: Path, how: int) -> bool:
    with path.open() as file:
        try:
            fcntl.flock(file, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@pytest.mark.parametrize("is_alone", [True, False])
def test_test_that_is_alone_has_the_room_for_itself(tmp_path: Path, is_alone: bool):
    with conftest.place(tmp_path, is_alone=is_alone):
        assert may_have(tmp_path / "gate.lock", fcntl.LOCK_EX) is not is_alone
        assert may_have(tmp_path / "room.lock", fcntl.LOCK_SH) is not is_alone
        assert not may_have(tmp_path / "room.lock", fcntl.LOCK_EX)
    assert may_have(tmp_path / "room.lock", fcntl.LOCK_EX)
