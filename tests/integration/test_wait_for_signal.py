"""A program that a NodeProcess runs waits for a signal, or for the end of the program that started it."""

import signal
import subprocess
import sys

PROGRAM = """
import signal, sys
from elect.testing.real_processes import wait_for_signal

signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR1])
print(wait_for_signal([signal.SIGTERM], 0.01), flush=True)
print(wait_for_signal([signal.SIGUSR1, signal.SIGTERM]), flush=True)
print(wait_for_signal([signal.SIGUSR1, signal.SIGTERM]), flush=True)
"""

STARTER = """
import subprocess, sys, time

subprocess.Popen([sys.executable, "-c", sys.argv[1]])
time.sleep(60)
"""


def test_it_returns_a_signal_or_none_in_time():
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout.readline() == "None\n"
        for number in (signal.SIGUSR1, signal.SIGTERM):
            program.send_signal(number)
            assert program.stdout.readline() == f"{number:d}\n"
        assert program.wait(60) == 0


def test_it_returns_sigterm_when_the_starter_is_killed():
    with subprocess.Popen([sys.executable, "-c", STARTER, PROGRAM], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout.readline() == "None\n"
        starter.kill()
        assert [*starter.stdout] == [f"{signal.SIGTERM:d}\n"] * 2
