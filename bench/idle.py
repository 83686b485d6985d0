"""Measure the CPU, memory and network bytes of an idle cluster, with 1 and with 10,000 elections.

The nodes are real processes with default timing. CPU and memory are the kernel's figures for each process (Linux,
/proc). Bytes are the nodes' own counters, and the counter of the loopback interface, which includes headers. The same
run measures, the same way:

- a baseline: a process that imports elect and has five threads that only wake up ten times a second;
- three idle nodes of PySyncObj with its default settings, if it is installed (the extra `bench`);
- with --offsets the CPU that `set_offset` adds. A thread of each node wakes up 500 times a second; it calls either
  `set_offset` or nothing, in turn, so that what the thread itself costs is not counted.

Usage: python bench/idle.py [--seconds 30] [--elections 10000] [--offsets]
"""

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from elect.testing.real_processes import free_ports

NODE = """
import json, sys
from elect import Config, Node
config, elections = json.loads(sys.argv[1]), int(sys.argv[2])
with Node(Config(**config)) as node:
    handles = [node.election()] + [node.election(f"e{number:05}") for number in range(1, elections)]
    for line in sys.stdin:
        registry = node.metrics.registry
        sent = registry.get_sample_value("wire_bytes_total", {"direction": "out"})
        led = sum(each.is_leader for each in handles)
        print(json.dumps([sent, led]), flush=True)
"""
CALLER = """
import json, sys, threading, time
from contextlib import suppress
from elect import Config, Node, Stopped
def nothing(offset):
    pass
call, calls = nothing, 0
def pace():
    global calls
    due = time.monotonic()
    with suppress(Stopped):
        while True:
            due += 0.002
            time.sleep(max(0, due - time.monotonic()))
            call(calls)
            calls += 1
with Node(Config(**json.loads(sys.argv[1]))) as node:
    threading.Thread(target=pace, daemon=True).start()
    for line in sys.stdin:
        call = {"nothing": nothing, "set_offset": node.set_offset}.get(line.strip(), call)
        print(json.dumps([calls, node.is_leader]), flush=True)
"""
PYSYNCOBJ = """
import json, sys
from pysyncobj import SyncObj
node = SyncObj(sys.argv[1], json.loads(sys.argv[2]))
for line in sys.stdin:
    print(json.dumps([0, node._isLeader()]), flush=True)
node.destroy()
"""
SLEEPER = """
import threading, time, elect
def wake():
    while True:
        time.sleep(0.1)
for _ in range(4):
    threading.Thread(target=wake, daemon=True).start()
wake()
"""

WINDOW_S = 5.0
"""Time, s, after which the caller changes between `set_offset` and nothing."""


@dataclass(frozen=True)
class Usage:
    """The resources that one process has used.

    Attributes:
        counted: bytes sent, or calls of `set_offset`.
    """

    cpu_s: float
    resident_bytes: int
    counted: float
    led: int


class Process:
    """A program that answers each line of its input with one line, or never."""

    def __init__(self, program: str, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, line: str = "") -> tuple[float, int]:
        """Return the bytes sent or calls so far, and the number of elections led."""
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        sent, led = json.loads(self.process.stdout.readline())
        return sent, led

    def usage(self, *, answers: bool = True) -> Usage:
        """Return the resources used so far."""
        threads = Path(f"/proc/{self.process.pid}/task").iterdir()
        cpu_ns = sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads)
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        sent, led = self.ask() if answers else (0.0, 0)
        return Usage(cpu_s=cpu_ns / 1e9, resident_bytes=pages * 4096, counted=sent, led=led)

    def close(self) -> None:
        """End the process, and wait for that."""
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(10)


def loopback_bytes() -> int:
    """Return the bytes that the loopback interface has carried."""
    return int(Path("/sys/class/net/lo/statistics/tx_bytes").read_text())


def cpu(usages: Sequence[tuple[Usage, Usage]], seconds: float) -> float:
    """Return the mean CPU of the processes, in percent of a core."""
    return 100 * statistics.mean(after.cpu_s - before.cpu_s for before, after in usages) / seconds


@contextmanager
def running(nodes: Sequence[Process], elections: int = 1) -> Iterator[None]:
    """End the processes at the end; first wait until all elections are led, and 5 s more."""
    try:
        deadline = time.monotonic() + 60
        while sum(node.ask()[1] for node in nodes) < elections and time.monotonic() < deadline:
            time.sleep(0.5)
        time.sleep(5)
        yield
    finally:
        for node in nodes:
            node.close()


def configurations(directory: Path) -> list[str]:
    """Return the configurations of three nodes, as JSON."""
    addresses = {node: f"127.0.0.1:{port}" for node, port in zip("abc", free_ports(3), strict=True)}
    found = []
    for node, address in addresses.items():
        peers = {peer: its for peer, its in addresses.items() if peer != node}
        config = {"node": node, "cluster": "idle", "listen": address, "peers": peers}
        found.append(json.dumps({**config, "data_dir": str(directory / node)}))
    return found


def measure(name: str, nodes: Sequence[Process], seconds: float, elections: int = 1) -> list[tuple[Usage, Usage]]:
    """Print a row; return the usage of each node before and after `seconds` of idling."""
    with running(nodes, elections):
        carried = loopback_bytes()
        before = [node.usage() for node in nodes]
        time.sleep(seconds)
        after = [node.usage() for node in nodes]
        carried = loopback_bytes() - carried
    usages = list(zip(before, after, strict=True))
    report(name, usages, seconds, carried)
    return usages


def elect_nodes(elections: int, seconds: float) -> list[tuple[Usage, Usage]]:
    """Measure three nodes of elect."""
    with tempfile.TemporaryDirectory(prefix="elect-bench-") as directory:
        nodes = [Process(NODE, config, str(elections)) for config in configurations(Path(directory))]
        return measure(f"{elections} elections", nodes, seconds, elections)


def pysyncobj_nodes(seconds: float) -> list[tuple[Usage, Usage]] | None:
    """Measure three nodes of PySyncObj with its default settings; None if it is not installed."""
    if importlib.util.find_spec("pysyncobj") is None:
        print("PySyncObj: skipped, as it is not installed: pip install 'elect[bench]'")
        return None
    addresses = [f"127.0.0.1:{port}" for port in free_ports(3)]
    nodes = [Process(PYSYNCOBJ, own, json.dumps([each for each in addresses if each != own])) for own in addresses]
    return measure("PySyncObj", nodes, seconds)


def measure_offsets(seconds: float) -> None:
    """Print the CPU that 500 calls of `set_offset` a second add."""
    usages: dict[str, list[tuple[Usage, Usage]]] = {"nothing": [], "set_offset": []}
    with tempfile.TemporaryDirectory(prefix="elect-bench-") as directory:
        nodes = [Process(CALLER, config) for config in configurations(Path(directory))]
        with running(nodes):
            for called in list(usages) * max(1, round(seconds / WINDOW_S)):
                for node in nodes:
                    node.ask(called)
                before = [node.usage() for node in nodes]
                time.sleep(WINDOW_S)
                usages[called] += zip(before, (node.usage() for node in nodes), strict=True)
    without, whole = (cpu(each, WINDOW_S) for each in usages.values())
    called = statistics.mean(after.counted - before.counted for before, after in usages["set_offset"])
    print(
        f"set_offset {called / WINDOW_S:.0f} times a second: {whole:.2f} - {without:.2f} = {whole - without:.2f} % CPU"
    )


def report(name: str, usages: list[tuple[Usage, Usage]], seconds: float, carried: int) -> None:
    """Print one row of the table."""
    cpu = [100 * (after.cpu_s - before.cpu_s) / seconds for before, after in usages]
    memory = [after.resident_bytes / 1e6 for _, after in usages]
    sent = sum(after.counted - before.counted for before, after in usages) / seconds
    led = sum(after.led for _, after in usages)
    each = " ".join(f"{value:.2f}" for value in cpu)
    print(f"{name:<18}{each:>18}{max(memory):>10.1f}{sent:>14.0f}{carried / seconds:>14.0f}{led:>9}", flush=True)


def main() -> None:
    """Measure the cost of idle nodes, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--elections", type=int, default=10_000)
    parser.add_argument("--offsets", action="store_true", help="measure set_offset, too")
    arguments = parser.parse_args()
    print(f"{'three nodes':<18}{'CPU % a node':>18}{'MB max':>10}{'sent B/s':>14}{'loopback B/s':>14}{'led':>9}")
    one = elect_nodes(1, arguments.seconds)
    many = elect_nodes(arguments.elections, arguments.seconds)
    theirs = pysyncobj_nodes(arguments.seconds)
    sleeper = Process(SLEEPER)
    time.sleep(2)
    before = sleeper.usage(answers=False)
    time.sleep(arguments.seconds)
    idle = sleeper.usage(answers=False)
    sleeper.process.kill()
    sleeper.close()
    slept, ours = cpu([(before, idle)], arguments.seconds), cpu(one, arguments.seconds)
    print(f"{'baseline':<18}{slept:>18.2f}{idle.resident_bytes / 1e6:>10.1f}")
    print(f"CPU of a node / of the baseline: {ours / slept:.2f}")
    if theirs is not None:
        print(f"CPU of a node / of a node of PySyncObj: {ours / cpu(theirs, arguments.seconds):.2f}")
    sent = [sum(after.counted - before.counted for before, after in usages) for usages in (one, many)]
    print(f"bytes with {arguments.elections} elections / with 1: {sent[1] / sent[0]:.3f}")
    resident = max(after.resident_bytes for _, after in one)
    print(f"memory of a node / of the baseline: {resident / idle.resident_bytes:.2f}")
    if arguments.offsets:
        measure_offsets(arguments.seconds)


if __name__ == "__main__":
    main()
