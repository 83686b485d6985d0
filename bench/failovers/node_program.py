"""A node inside a program whose application does something: the process that failover.py measures.

It prints the lines of `elect run --events`, and the lines `on_elected` with the moment of that callback. Most lines are
kept until nothing has happened for a while, so that no failover waits for the printing. With many elections only
`ready` and `started` are printed. A file beside CONFIG gets the leases at once, printed or not: see recorded_leases.py.

SIGTERM stops the node. SIGUSR1 resigns, after the line `resigning`. With --held the node is ready after the line
`ready`, and the first SIGUSR1 starts it.

Usage: python node_program.py [--moving] [--busy] [--connections N] [--elections N] [--held]
    [--switch-interval S] CONFIG
"""

import argparse
import mmap
import os
import resource
import signal
import socket
import struct
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from elect import Config, Leadership, Node, Stopped
from elect.cli.json_events import JsonEvents
from elect.clock import now_ns
from elect.core.events import Elected, Event, Lost
from elect.testing.real_processes import wait_for_signal

OFFSET_INTERVAL_S = 0.002

STOP_TIMEOUT_S = 7.0
"""As `elect run`: the default grace, and 2 s for threads to end."""

QUIET_S = 0.3
"""Time without an event, s, after which the lines are printed."""

SIGNALS = {signal.SIGTERM, signal.SIGUSR1}
"""Blocked, and taken by the main thread: a handler could run as late as the end of that thread's wait."""

RECORD = struct.Struct("<qq16p32p")
"""One event of a file of leases: its moment (ns of the boot clock), term, name, election."""

RECORDS_MAX = 1_000_000
"""Room for 30 leases of each of 10,000 elections. What is not used takes no room on the disk."""


@dataclass(frozen=True, slots=True)
class Moment:
    """An event that only this program has."""

    name: str
    at: int
    election: str
    term: int


class LeaseFile:
    """The leases of this process. The file is mapped: a record costs a microsecond, and a kill loses none."""

    def __init__(self, path: Path) -> None:
        with path.open("w+b") as file:
            file.truncate(RECORDS_MAX * RECORD.size)
            self._memory = mmap.mmap(file.fileno(), 0)
        self._end = 0

    def write(self, name: bytes, at: int, *, election: str = "", term: int = 0) -> None:
        """Record an event; one thread at a time calls this."""
        RECORD.pack_into(self._memory, self._end, at, term, name, election.encode())
        self._end += RECORD.size


class Program:
    """The node, its application, and the events that are not printed yet."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        config = Config.load(arguments.config)
        self._lines = JsonEvents(config.node, sys.stdout)
        self._happened: deque[Event | Moment] = deque()
        config_path = Path(arguments.config)
        self._leases = LeaseFile(config_path.with_name(f"{config.node}.{os.getpid()}.leases"))
        self._leases.write(b"began", now_ns())
        self._is_printed = arguments.elections == 1
        self._node = node = Node(config)
        node.observe(self._note)
        for name in ["default", *(f"e{number:05}" for number in range(1, arguments.elections))]:
            node.election(name).subscribe(on_elected=self._on_elected)

    def run(self) -> None:
        """Run until SIGTERM."""
        if self._arguments.held:
            self._lines.write("ready", now_ns())
            if wait_for_signal(SIGNALS) == signal.SIGTERM:
                return
        self._node.start()
        self._lines.write("started", now_ns())
        self._connections = list(connections(self._arguments.connections))
        for wanted, work in (self._arguments.busy, compute), (self._arguments.moving, self._move):
            if wanted:
                threading.Thread(target=work, daemon=True).start()
        while self._next_signal() == signal.SIGUSR1:
            self._resign()
        self._node.stop(timeout=STOP_TIMEOUT_S)
        self._print()

    def _note(self, event: Event) -> None:
        match event:
            case Elected():
                self._leases.write(b"elected", event.at, election=event.election, term=event.term)
            case Lost():
                self._leases.write(b"lost", event.at, election=event.election, term=event.term)
        if self._is_printed:
            self._happened.append(event)

    def _on_elected(self, leadership: Leadership) -> None:
        at, election, term = now_ns(), leadership.election, leadership.token
        self._leases.write(b"on_elected", at, election=election, term=term)
        if self._is_printed:
            self._happened.append(Moment("on_elected", at, election, term))

    def _resign(self) -> None:
        leadership = self._node.leadership
        if leadership is not None:
            self._happened.append(Moment("resigning", now_ns(), leadership.election, leadership.token))
            leadership.resign()

    def _move(self) -> None:
        """Follow a log that all nodes have: its offset is the time in ms."""
        with suppress(Stopped):
            while True:
                self._node.set_offset(now_ns() // 1_000_000)
                time.sleep(OFFSET_INTERVAL_S)

    def _next_signal(self) -> int:
        while True:
            known = len(self._happened)
            if found := wait_for_signal(SIGNALS, QUIET_S):
                return found
            if len(self._happened) == known:
                self._print()

    def _print(self) -> None:
        while self._happened:
            event = self._happened.popleft()
            if isinstance(event, Moment):
                self._lines.write(event.name, event.at, election=event.election, term=event.term)
            else:
                self._lines.write_event(event)


def connections(number: int) -> Iterator[socket.socket]:
    """Open connections of this process with itself, and yield both ends of each."""
    if number:
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with socket.create_server(("127.0.0.1", 0)) as server:
        for _ in range(number):
            yield socket.create_connection(server.getsockname())
            yield server.accept()[0]


def compute() -> None:
    """Keep a processor busy with pure Python."""
    number = 1
    while True:
        number = number * 1_103_515_245 % 2_147_483_648


def main() -> None:
    """Run one node."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moving", action="store_true", help="call set_offset every 2 ms")
    parser.add_argument("--busy", action="store_true", help="compute on one thread, without a pause")
    parser.add_argument("--connections", type=int, default=0, help="have open connections, as a server has")
    parser.add_argument("--elections", type=int, default=1, help="default, and named ones")
    parser.add_argument("--held", action="store_true", help="start the node at SIGUSR1")
    parser.add_argument("--switch-interval", type=float, default=sys.getswitchinterval(), help="of the interpreter, s")
    parser.add_argument("config")
    arguments = parser.parse_args()
    sys.setswitchinterval(arguments.switch_interval)
    Program(arguments).run()


if __name__ == "__main__":
    main()
