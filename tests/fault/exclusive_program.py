"""A program of which one copy may run at a time. Run as a file by `elect exec`: JOURNAL LOCK KIND.

It takes an exclusive lock, which its descendants inherit, so that the lock is free when all of them are dead. It
appends a line to the journal when it starts: `start NODE TOKEN PID`, and before it `conflict …` if another copy or a
descendant of one still lives. The kinds:

- `plain`;
- `family`, in which it, a grandchild and a daemon ignore SIGTERM;
- `signals`, which appends a line for each signal and ends with code 5 on SIGINT;
- `leaving`, which ends at once and leaves a daemon.
"""

import fcntl
import os
import signal
import sys

NOTED = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH, signal.SIGTERM)


def write(journal, *words):
    os.write(journal, (" ".join(map(str, words)) + "\n").encode())


def ignore_term():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def fork_grandchild():
    if os.fork() == 0:
        ignore_term()
        sleep()


def fork_daemon():
    """Fork twice, with a new session in between, as daemons do."""
    child = os.fork()
    if child == 0:
        os.setsid()
        if os.fork() == 0:
            ignore_term()
            sleep()
        os._exit(0)
    os.waitpid(child, 0)


def sleep():
    while True:
        signal.pause()


def note_signals(journal):
    for number in NOTED:
        signal.signal(number, lambda number, _frame: write(journal, "signal", signal.Signals(number).name))
    signal.signal(signal.SIGINT, lambda *_: os._exit(5))


def main():
    path, lock_path, kind = sys.argv[1:]
    journal = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    lock = os.open(lock_path, os.O_RDWR | os.O_CREAT)
    words = [os.environ["ELECT_NODE"], os.environ["ELECT_TOKEN"], os.getpid()]
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        write(journal, "conflict", *words)
    if kind in ("family", "leaving"):
        fork_daemon()
    if kind == "family":
        fork_grandchild()
        ignore_term()
    if kind == "signals":
        note_signals(journal)
    write(journal, "start", *words)
    if kind != "leaving":
        sleep()


main()
