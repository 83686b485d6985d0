"""Measure what many clients of one node cost: its memory and threads, its elections, and the time until all know.

Three nodes are real processes with default timing, as in failover.py. Ten of many clients are a `Client` each. The
others, and the one client, are bare links (watching/bare_clients.py): their programs would be on other machines, and
this one has to serve only the nodes. Such a client knows what has come to its socket. A round is one `kill -9` of the
leader. Times are from the kill, on the clock that all processes share.

- told: all clients are at one node. It lives on and leads next: it has to be elected, and to tell its clients.
- moved: all clients are at the leader that is killed. An idle client waits up to half a second, at random, before it
  dials another node: a thousand at once would disturb the election.

Each is measured with one client and with --clients, in the same run, and the ratios are printed. For the one client
the last row is the longest of all rounds.

Usage: python bench/clients.py [--clients 1000] [--processes 2] [--rounds 10] [--nice 10] [--skip told|moved]
"""

import argparse
import json
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from failovers.failures import PROGRAM, SETTLED_S, restart

from elect.testing.real_processes import Plan, ProcessCluster

CLIENTS = Path(__file__).parent / "watching" / "client_program.py"
CLUSTER = "processes"
FULL = 10
KEPT = "a"
"""The node whose clients are told. Its priority is between those of b and c: when b is killed, it leads next."""

PRIORITIES = {"a": 2, "b": 3, "c": 1}
TIMEOUT_S = 120.0
PAGE = resource.getpagesize()


@dataclass(frozen=True)
class Cost:
    """The memory and the threads of a process."""

    resident_bytes: int
    threads: int

    @classmethod
    def of(cls, pid: int) -> "Cost":
        """Return those of a process (Linux, /proc)."""
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return cls(pages * PAGE, len(list(Path(f"/proc/{pid}/task").iterdir())))

    def __str__(self) -> str:
        return f"{self.resident_bytes / 1e6:.1f} MB and {self.threads} threads"


@dataclass
class Course:
    """The times of one situation, s, one of each round.

    Attributes:
        elected: until the application of the next leader was told.
        median: until half of the clients knew it.
        last: until all of them did.
    """

    before: Cost | None = None
    after: Cost | None = None
    elected: list[float] = field(default_factory=list)
    median: list[float] = field(default_factory=list)
    last: list[float] = field(default_factory=list)


class Crowd:
    """Clients in a few processes.

    Args:
        count: of the clients.
        arguments: of this program.
        addresses: that each of them gets.
    """

    def __init__(self, count: int, arguments: argparse.Namespace, addresses: list[str]) -> None:
        self.count = count
        full, processes = FULL if count > FULL else 0, arguments.processes
        bare = count - full
        shares = [("full", full)]
        shares += [("bare", bare // processes + (place < bare % processes)) for place in range(processes)]
        program = [sys.executable, str(CLIENTS)]
        self._processes = [
            subprocess.Popen(
                [*program, kind, CLUSTER, str(share), str(arguments.nice), *addresses],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for kind, share in shares
            if share
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
            process.stdin.close()
            process.stdout.close()
            process.wait()

    def known(self, term: int) -> list[float]:
        """Return the moments at which the clients knew of a term, once all do, s of the boot clock."""
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            found = [moment for answer in self._ask(str(term)) for moment in json.loads(answer)]
            if len(found) == self.count:
                return found
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(found)} of {self.count} clients know of term {term}")
            time.sleep(0.2)

    def _ask(self, line: str) -> list[str]:
        for process in self._processes:
            process.stdin.write(f"{line}\n")
            process.stdin.flush()
        return [process.stdout.readline() for process in self._processes]


@contextmanager
def nodes(clients: int) -> Iterator[ProcessCluster]:
    """Run three nodes that let in these clients, all of one host."""
    with tempfile.TemporaryDirectory(prefix="elect-bench-") as directory:
        lines = ["[clients]", f"max = {2 * clients + 16}"]
        running = ProcessCluster(
            Plan(directory=Path(directory), security=lambda _: lines, command=(sys.executable, str(PROGRAM)))
        )
        for node_id, node in running.nodes.items():
            text = node.path.read_text().replace("[node]\n", f"[node]\npriority = {PRIORITIES[node_id]}\n")
            node.path.write_text(text)
        with running:
            running.wait_for(lambda event: event.event == "on_elected")
            yield running


def leader_of(running: ProcessCluster) -> tuple[str, int]:
    """Return the node that was elected last, and its term."""
    elected = [event for event in running.events if event.event == "on_elected"]
    latest = max(elected, key=lambda event: event.term or 0)
    return latest.node, latest.term or 0


def kill(running: ProcessCluster, crowd: Crowd, course: Course) -> None:
    """Kill the leader, note the times until the next one is elected and known, and start the killed one again."""
    leader, term = leader_of(running)
    since = len(running.events)
    at = running.nodes[leader].signal(signal.SIGKILL)
    elected = running.wait_for(
        lambda event: event.event == "on_elected" and (event.term or 0) > term, since=since, timeout=TIMEOUT_S
    )
    course.elected.append(elected.boottime - at)
    known = sorted(moment - at for moment in crowd.known(leader_of(running)[1]))
    course.median.append(statistics.median(known))
    course.last.append(known[-1])
    restart(running, leader)
    running.wait_until_quiet(SETTLED_S, TIMEOUT_S)


def hand_over(running: ProcessCluster) -> None:
    """Have KEPT resign, until another node leads: its clients are told of the death of that one."""
    deadline = time.monotonic() + TIMEOUT_S
    while leader_of(running)[0] == KEPT:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{KEPT} still leads")
        since, term = len(running.events), leader_of(running)[1]
        running.nodes[KEPT].signal(signal.SIGUSR1)
        running.wait_for(
            lambda event, term=term: event.event == "on_elected" and event.term > term, since=since, timeout=TIMEOUT_S
        )
        running.wait_until_quiet(SETTLED_S, TIMEOUT_S)


def told(clients: int, arguments: argparse.Namespace) -> Course:
    """Measure clients of a node that lives on."""
    course = Course()
    with nodes(clients) as running:
        running.wait_until_quiet(SETTLED_S)
        course.before = Cost.of(running.nodes[KEPT].pid)
        with Crowd(clients, arguments, [running.addresses[KEPT]]) as crowd:
            crowd.known(leader_of(running)[1])
            course.after = Cost.of(running.nodes[KEPT].pid)
            for _ in range(arguments.rounds):
                hand_over(running)
                crowd.known(leader_of(running)[1])
                kill(running, crowd, course)
    return course


def moved(clients: int, arguments: argparse.Namespace) -> Course:
    """Measure clients of the leader that is killed."""
    course = Course()
    with nodes(clients) as running:
        running.wait_until_quiet(SETTLED_S)
        for _ in range(arguments.rounds):
            leader, term = leader_of(running)
            others = [address for node_id, address in running.addresses.items() if node_id != leader]
            with Crowd(clients, arguments, [running.addresses[leader], *others]) as crowd:
                crowd.known(term)
                kill(running, crowd, course)
    return course


SITUATIONS = {"told": told, "moved": moved}
ROWS = {
    "elected": "on_elected of the next leader",
    "median": "half of the clients know it",
    "last": "all clients know it",
}


def report(name: str, one: Course, many: Course, clients: int) -> None:
    """Print the rows of a situation."""
    print(f"{name}: milliseconds after SIGKILL, medians of {len(one.elected)} rounds", flush=True)
    print(f"{'':<32}{'1 client':>12}{f'{clients} clients':>16}{'ratio':>8}")
    for attribute, title in ROWS.items():
        taken = [getattr(one, attribute), getattr(many, attribute)]
        least, most = (1e3 * statistics.median(each) for each in taken)
        if attribute == "last":
            least = 1e3 * max(one.last)
        print(f"{title:<32}{least:>12.2f}{most:>16.2f}{most / least:>8.2f}", flush=True)
    if many.before is not None and many.after is not None:
        added = many.after.resident_bytes - many.before.resident_bytes
        each = f"{added / clients / 1e3:.1f} kB each"
        print(f"their node before: {many.before}; with {clients} clients: {many.after}; {each}", flush=True)


def main() -> None:
    """Measure, and print two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=2, help="that the bare clients are in")
    parser.add_argument("--rounds", type=int, default=10, help="number of kills of each situation")
    parser.add_argument("--nice", type=int, default=10, help="added to the niceness of the clients' processes")
    parser.add_argument("--skip", choices=SITUATIONS, action="append", default=[])
    arguments = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a node lets in half as many links
    for name, measure in SITUATIONS.items():
        if name not in arguments.skip:
            report(name, measure(1, arguments), measure(arguments.clients, arguments), arguments.clients)


if __name__ == "__main__":
    main()
