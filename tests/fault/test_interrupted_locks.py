"""Ctrl-C at any moment leaves no lock locked: the threads that go on would wait for it without end."""

import gc
import threading
from contextlib import suppress

import pytest

from elect import Client, LeaderUnavailable
from tests.fault.test_ctrl_c import interrupt
from wire.common.call_queue import CallQueue
from wire.common.deadline import now_s

# Thread.start is not safe from interrupts: its event may be left half set. The thread then ends before it begins, and
# Python reports that.
THREADS = "ignore:Exception ignored in thread started by.*_bootstrap:pytest.PytestUnraisableExceptionWarning"
pytestmark = [pytest.mark.long, pytest.mark.filterwarnings(THREADS)]

ROUNDS = 4_000
LOST_S = 2.0


def interrupt_calls(after_s, call):
    """Call again and again, until KeyboardInterrupt is raised in the main thread after some seconds.

    Python only reports one that comes in a finalizer, or while a thread starts: the calls end some seconds later then.
    """
    ends_at = now_s() + after_s + LOST_S

    def call_on():
        while now_s() < ends_at:
            call()

    gc.disable()
    try:
        interrupt(after_s, call_on)
    finally:
        gc.enable()


@pytest.mark.parametrize("verb", ["put", "flush"])
def test_an_interrupted_log_queue_is_open_to_other_threads(verb):
    queue = CallQueue("test-calls", lambda _: None)
    call = {"put": lambda: queue.put(bool), "flush": lambda: queue.flush(0)}[verb]
    for place in range(ROUNDS):
        interrupt_calls(1e-5 + place % 100 * 1e-6, call)
        thread = threading.Thread(target=call, daemon=True)
        thread.start()
        thread.join(20)
        assert not thread.is_alive(), f"the lock is lost after {place} interrupts"


def test_a_client_that_was_interrupted_closes():
    for place in range(200):
        client = Client(["127.0.0.1:9"], cluster="c")

        def call(client=client):
            with suppress(LeaderUnavailable):
                client.leader(timeout=0)

        call()
        interrupt_calls(1e-4 + place * 1e-6, call)
        thread = threading.Thread(target=client.close, daemon=True)
        thread.start()
        thread.join(20)
        assert not thread.is_alive(), f"the lock is lost after {place} interrupts"


def test_a_survey_that_was_interrupted_lets_others_ask():
    with Client(["127.0.0.1:9"], cluster="c") as client:
        client.status()
        for place in range(200):
            interrupt_calls(1e-4 + place * 1e-5, client.status)
            asked = []
            thread = threading.Thread(target=lambda asked=asked: asked.extend(client.status(20)), daemon=True)
            thread.start()
            thread.join(30)
            assert [each.error for each in asked] != ["not asked in time"], f"nobody may ask after {place} interrupts"
