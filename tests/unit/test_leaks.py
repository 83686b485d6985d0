"""The guard of every test can itself fail."""

import os
import threading

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
    assert conftest.leaked_threads(before) == []


def test_descriptor_that_stays_is_named():
    before = conftest.open_descriptors()
    descriptor = os.open(os.devnull, os.O_RDONLY)
    try:
        assert conftest.leaked_descriptors(before) == {os.devnull: 1}
    finally:
        os.close(descriptor)
    assert not conftest.leaked_descriptors(before)
