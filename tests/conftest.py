"""Checks around every test: it leaks no thread and no descriptor, and its marks are kept."""

import fcntl
import gc
import logging
import os
import shutil
import signal
import threading
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import configuration, settings

from wire.common import log

LEAK_DEADLINE_S = 60.0
"""As long as any wait of a test: on a busy machine a thread may end much later than `stop` returns."""
DESCRIPTORS = Path("/proc/self/fd")

# A shared machine stalls now and then: a slow example is no failure, and a failure prints how to repeat it.
settings.register_profile("elect", deadline=None, print_blob=True)
settings.load_profile("elect")


def pytest_configure(config: pytest.Config) -> None:
    configuration.set_hypothesis_home_dir(config.rootpath / "build" / "hypothesis")
    # A shell ignores these two for what it runs in the background, and so would every process of a test.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGQUIT, signal.SIG_DFL)


@contextmanager
def place(build: Path, *, is_alone: bool) -> Iterator[None]:
    """Let a test run beside those of other workers, or alone; one that waits to be alone goes before later ones."""
    build.mkdir(exist_ok=True)
    with (build / "gate.lock").open("w") as gate, (build / "room.lock").open("w") as room:
        fcntl.flock(gate, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if is_alone else fcntl.LOCK_SH)
        if not is_alone:
            fcntl.flock(gate, fcntl.LOCK_UN)
        yield


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    with place(item.config.rootpath / "build", is_alone=item.get_closest_marker("alone") is not None):
        return (yield)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("root") and os.geteuid() != 0:
        pytest.skip("needs uid 0")
    if debian := item.get_closest_marker("debian"):
        for command in debian.args:
            if shutil.which(command) is None:
                pytest.skip(f"needs the command {command}, which a package of Debian has")


def open_descriptors() -> Counter[str]:
    """Return the open descriptors of this process by target: a file by name, a socket or a pipe by number."""
    found: Counter[str] = Counter()
    for entry in DESCRIPTORS.iterdir() if DESCRIPTORS.exists() else ():
        try:
            found[str(entry.readlink())] += 1
        except FileNotFoundError:  # the listing's own
            continue
    return found


def leaked_threads(before: set[threading.Thread]) -> list[str]:
    """Names of the threads that are new and don't end by themselves within the deadline."""
    fresh = [thread for thread in threading.enumerate() if thread not in before]
    for thread in fresh:
        if thread.is_alive():  # or its start was interrupted: such a one can't be joined
            thread.join(LEAK_DEADLINE_S)
    return [thread.name for thread in fresh if thread.is_alive()]


def leaked_descriptors(before: Counter[str]) -> Counter[str]:
    """Return the descriptors opened since then, except files in build/: tools keep their own files there."""
    if not open_descriptors() - before:
        return Counter()
    gc.collect()
    build = str(Path(__file__).parent.parent / "build")
    return Counter({name: count for name, count in (open_descriptors() - before).items() if not name.startswith(build)})


@pytest.fixture
def caplog(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> pytest.LogCaptureFixture:
    """The log as it is once the thread that logs has done so with all that came before."""
    handler = type(caplog).handler.fget

    def flushed(capture: pytest.LogCaptureFixture) -> logging.Handler:
        log.flush(LEAK_DEADLINE_S)
        return handler(capture)

    monkeypatch.setattr(type(caplog), "handler", property(flushed))
    return caplog


@pytest.fixture(autouse=True)
def fresh_log() -> None:
    """A test logs each line at once, also one that the test before it has logged."""
    log.forget_held()


@pytest.fixture(autouse=True)
def no_leaks() -> Iterator[None]:
    """Fail a test that leaves a thread or a descriptor behind."""
    threads, descriptors = set(threading.enumerate()), open_descriptors()
    yield
    assert not leaked_threads(threads), "the test leaked threads"
    assert not leaked_descriptors(descriptors), "the test leaked descriptors"
