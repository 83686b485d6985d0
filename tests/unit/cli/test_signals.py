"""Signals of the command, whatever the process that started it has left: some blocked, some ignored."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from elect.cli.calling.child_process import ChildProcess, Interrupted
from elect.cli.executing.wakeup import Wakeup
from elect.cli.signals import stop_signals

PATIENCE_S = 60.0


@contextmanager
def ignored(number: signal.Signals) -> Iterator[None]:
    before = signal.signal(number, signal.SIG_IGN)
    try:
        yield
        assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, before)


@contextmanager
def blocked(number: signal.Signals) -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [number])
    try:
        yield
        assert number in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    finally:
        with ignored(number):  # one that waits is dropped then
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


HANDLED = [stop_signals, Wakeup.catching, ChildProcess([]).signals]


@pytest.mark.parametrize("handled", HANDLED)
def test_exit_codes_come_back_where_sigchld_was_ignored(handled):
    with ignored(signal.SIGCHLD), handled():
        process = subprocess.Popen([sys.executable, "-I", "-S", "-c", "raise SystemExit(7)"])
        assert process.wait(PATIENCE_S) == 7


@pytest.mark.parametrize("handled", HANDLED)
def test_a_signal_that_is_ignored_stays_ignored(handled):
    with ignored(signal.SIGHUP), handled():
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_a_blocked_signal_stops_a_node():
    with blocked(signal.SIGTERM), stop_signals() as end:
        signal.raise_signal(signal.SIGTERM)
        assert end.wait() == "signal"


def test_a_blocked_signal_wakes_the_loop():
    with blocked(signal.SIGTERM), Wakeup.catching() as wakeup:
        signal.raise_signal(signal.SIGTERM)
        assert wakeup.take() == [signal.SIGTERM]


def test_a_blocked_signal_is_noticed_by_a_call():
    child = ChildProcess([])
    with blocked(signal.SIGUSR1), child.signals():
        signal.raise_signal(signal.SIGUSR1)
        assert signal.SIGUSR1 not in signal.sigpending()


def stops_a_node() -> bool:
    with stop_signals() as end:
        return end.wait() == "signal"


def wakes_the_loop() -> bool:
    with Wakeup.catching() as wakeup:
        return wakeup.take() == [signal.SIGTERM]


def interrupts_a_call() -> bool:
    with pytest.raises(Interrupted), ChildProcess([]).signals():
        return False
    return True


@pytest.mark.parametrize("is_noticed", [stops_a_node, wakes_the_loop, interrupts_a_call])
def test_a_signal_that_waits_is_noticed_at_once(is_noticed: Callable[[], bool]):
    """It arrives as soon as it is not blocked any more, before the block is entered."""
    handler = signal.getsignal(signal.SIGTERM)
    with blocked(signal.SIGTERM):
        signal.raise_signal(signal.SIGTERM)
        assert is_noticed()
        assert signal.getsignal(signal.SIGTERM) is handler
