import errno
import logging
import os
import sys
import threading
from contextlib import suppress

import pytest

from elect.cli import streams
from elect.cli.streams import unblocked
from wire.common import log
from wire.common.call_queue import CallQueue

DEADLINE_S = 10.0


class Pipe:
    """A pipe, and what is put in the place of stdout."""

    def __init__(self) -> None:
        self.reader, self.writer = map(os.fdopen, os.pipe(), ("r", "w"))

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Called by the test itself: pytest puts its own there between a test's fixtures and the test."""
        monkeypatch.setattr(sys, "stdout", self.writer)
        monkeypatch.setattr(sys, "stderr", None)  # as where it is closed

    def fill(self) -> int:
        """Fill the pipe; return the number of bytes."""
        descriptor, size = self.writer.fileno(), 0
        os.set_blocking(descriptor, False)
        try:
            while True:
                size += os.write(descriptor, b"x" * 4096)
        except BlockingIOError:
            os.set_blocking(descriptor, True)
            return size

    def close(self) -> None:
        self.reader.close()
        self.writer.close()


class AtOnce:
    """Makes each call at once, in the place of a CallQueue."""

    dropped = 0

    def __init__(self, *_: object, **__: object) -> None: ...

    def put(self, call) -> bool:
        with suppress(OSError):
            call()
        return True

    def flush(self, _timeout: float) -> bool:
        return True


@pytest.fixture
def pipe(monkeypatch):
    # A thread that ends: one that stays is of no use after a test.
    monkeypatch.setattr(streams, "CallQueue", lambda name, told, **_: CallQueue(name, told, calls_max=2))
    made = Pipe()
    yield made
    made.close()


def test_lines_arrive_and_stdout_is_what_it_was(pipe, monkeypatch):
    pipe.install(monkeypatch)
    with unblocked():
        sys.stdout.write("one\n")
        assert sys.stdout is not pipe.writer
        assert sys.stdout.fileno() == pipe.writer.fileno()
    assert pipe.reader.readline() == "one\n"
    assert sys.stdout is pipe.writer
    assert sys.stderr is None


def test_lines_that_the_log_holds_back_arrive_at_the_end(pipe, monkeypatch):
    pipe.install(monkeypatch)
    logger = logging.getLogger("elect.streams")
    monkeypatch.setattr(logger, "level", logging.INFO)
    monkeypatch.setattr(logger, "propagate", False)
    with unblocked():
        monkeypatch.setattr(logger, "handlers", [logging.StreamHandler(sys.stdout)])
        for number in range(5):
            log.Log(logger.name).info("line %d", number)
    pipe.writer.close()
    assert pipe.reader.read() == "line 0\nline 4 (and 3 before it)\n"


def test_a_full_pipe_drops_lines_and_the_log_says_so(pipe, monkeypatch, caplog):
    monkeypatch.setattr(streams, "FLUSH_S", 0.01)
    pipe.install(monkeypatch)
    size = pipe.fill()
    with unblocked():
        for number in range(10):
            sys.stdout.write(f"{number}\n")
    assert len(pipe.reader.read(size)) == size
    assert [pipe.reader.readline() for _ in range(2)] == ["0\n", "1\n"]
    for thread in threading.enumerate():
        if thread.name == "elect-stdout":
            thread.join(DEADLINE_S)
    assert "stdout: " in caplog.text
    assert "lines were dropped" in caplog.text


def test_a_reader_that_has_gone_raises_nothing(pipe, monkeypatch):
    pipe.install(monkeypatch)
    pipe.reader.close()
    before = log.dropped()
    with unblocked():
        sys.stdout.write("one\n")
        sys.stdout.write("two\n")
    assert log.dropped() - before == 2


def test_a_full_disk_costs_lines_until_it_has_room(pipe, monkeypatch):
    """A line of which a part was written is ended before the next one."""
    pipe.install(monkeypatch)
    monkeypatch.setattr(streams, "CallQueue", AtOnce)
    room, write = [4, 0, 100, 100], os.write

    def write_some(descriptor: int, data: bytes) -> int:
        size = room.pop(0)
        if not size:
            raise OSError(errno.ENOSPC, "full")
        return write(descriptor, data[:size])

    monkeypatch.setattr("os.write", write_some)
    with unblocked():
        for line in ("number one\n", "number two\n", "number three\n"):
            sys.stdout.write(line)
    pipe.writer.close()
    assert pipe.reader.read() == "numb\nnumber two\nnumber three\n"


def test_a_stream_without_a_descriptor_stays_as_it_is(capsys):
    with unblocked():
        sys.stdout.write("one\n")
    assert capsys.readouterr().out == "one\n"
