"""The log of a listener, which every accepted link uses on a thread of its own."""

import sys
import threading
from dataclasses import replace

import pytest

from wire.common.log import Log
from wire.links import listener_log
from wire.links.listener_log import ListenerLog
from wire.protocol.handshake import Hello

HELLO = Hello(
    version_min=1,
    version_max=1,
    cluster="test",
    node="a",
    to="b",
    incarnation=1,
    counter=1,
    store=bytes(16),
    kind="peer",
    local="127.0.0.1:1",
    remote="127.0.0.1:2",
)


@pytest.fixture
def switching_often():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_links_beyond_the_bound_are_logged_from_many_threads(switching_often, monkeypatch):
    monkeypatch.setattr(listener_log, "LOGS_MAX", 8)
    log, errors = ListenerLog(Log(__name__)), []

    def serve(thread: int) -> None:
        try:
            for number in range(5_000):
                log.of_links(replace(HELLO, node=f"n{thread}-{number}"))
        except RuntimeError as error:
            errors.append(error)

    threads = [threading.Thread(target=serve, args=(number,)) for number in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert errors == []
    assert len(log._logs) == 8
