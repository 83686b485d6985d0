"""Measure the CPU, memory and network bytes of an idle cluster, with 1 and with 10,000 elections.

The nodes are real processes with default timing. CPU and memory are the kernel's figures for each process (Linux,
/proc). Bytes are the nodes' own counters, and the counter of the loopback interface, which includes headers. The
baseline of the same run is a process that imports elect and has five threads that only wake up ten times a second: a
node of three wakes up as often (an orchestrator, and a reader and a dialer for each of two peers).

Usage: python bench/idle.py [--seconds 30] [--elections 10000]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from elect.testing.real_processes import free_ports

NODE = """
import json, sys, threading
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
SLEEPER = """
import threading, time, elect
def wake():
    while True:
        time.sleep(0.1)
for _ in range(4):
    threading.Thread(target=wake, daemon=True).start()
wake()
"""


@dataclass(frozen=True)
class Usage:
    """The resources that one process has used."""

    cpu_s: float
    resident_bytes: int
    sent_bytes: float
    led: int


class Process:
    """A program that answers each line of its input with one line, or never."""

    def __init__(self, program: str, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self) -> tuple[float, int]:
        """Return the bytes sent so far and the number of elections led."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        sent, led = json.loads(self.process.stdout.readline())
        return sent, led

    def usage(self, *, answers: bool = True) -> Usage:
        """Return the resources used so far."""
        threads = Path(f"/proc/{self.process.pid}/task").iterdir()
        cpu_ns = sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads)
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        sent, led = self.ask() if answers else (0.0, 0)
        return Usage(cpu_s=cpu_ns / 1e9, resident_bytes=pages * 4096, sent_bytes=sent, led=led)

    def close(self) -> None:
        """End the process, and wait for that."""
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(10)


def loopback_bytes() -> int:
    """Return the bytes that the loopback interface has carried."""
    return int(Path("/sys/class/net/lo/statistics/tx_bytes").read_text())


def measure(elections: int, seconds: float, directory: Path) -> list[tuple[Usage, Usage]]:
    """Return the usage of each of three nodes before and after `seconds` of idling."""
    addresses = {node: f"127.0.0.1:{port}" for node, port in zip("abc", free_ports(3), strict=True)}
    nodes = []
    for node, address in addresses.items():
        peers = {peer: its for peer, its in addresses.items() if peer != node}
        config = {"node": node, "cluster": "idle", "listen": address, "peers": peers}
        config["data_dir"] = str(directory / f"{elections}-{node}")
        nodes.append(Process(NODE, json.dumps(config), str(elections)))
    try:
        deadline = time.monotonic() + 60
        while sum(node.ask()[1] for node in nodes) < elections and time.monotonic() < deadline:
            time.sleep(0.5)
        time.sleep(5)
        carried = loopback_bytes()
        before = [node.usage() for node in nodes]
        time.sleep(seconds)
        after = [node.usage() for node in nodes]
        carried = loopback_bytes() - carried
    finally:
        for node in nodes:
            node.close()
    report(f"{elections} elections", list(zip(before, after, strict=True)), seconds, carried)
    return list(zip(before, after, strict=True))


def report(name: str, usages: list[tuple[Usage, Usage]], seconds: float, carried: int) -> None:
    """Print one row of the table."""
    cpu = [100 * (after.cpu_s - before.cpu_s) / seconds for before, after in usages]
    memory = [after.resident_bytes / 1e6 for _, after in usages]
    sent = sum(after.sent_bytes - before.sent_bytes for before, after in usages) / seconds
    led = sum(after.led for _, after in usages)
    each = " ".join(f"{value:.2f}" for value in cpu)
    print(f"{name:<18}{each:>18}{max(memory):>10.1f}{sent:>14.0f}{carried / seconds:>14.0f}{led:>9}", flush=True)


def main() -> None:
    """Measure the cost of idle nodes, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--elections", type=int, default=10_000)
    arguments = parser.parse_args()
    print(f"{'three nodes':<18}{'CPU % a node':>18}{'MB max':>10}{'sent B/s':>14}{'loopback B/s':>14}{'led':>9}")
    with tempfile.TemporaryDirectory(prefix="elect-bench-") as directory:
        one = measure(1, arguments.seconds, Path(directory))
        many = measure(arguments.elections, arguments.seconds, Path(directory))
    sleeper = Process(SLEEPER)
    time.sleep(2)
    before = sleeper.usage(answers=False)
    time.sleep(arguments.seconds)
    idle = sleeper.usage(answers=False)
    sleeper.process.kill()
    sleeper.close()
    slept = 100 * (idle.cpu_s - before.cpu_s) / arguments.seconds
    busy = [100 * (after.cpu_s - before.cpu_s) / arguments.seconds for before, after in one]
    print(f"{'baseline':<18}{slept:>18.2f}{idle.resident_bytes / 1e6:>10.1f}")
    print(f"CPU of a node / of the baseline: {sum(busy) / len(busy) / slept:.2f}")
    sent = [sum(after.sent_bytes - before.sent_bytes for before, after in usages) for usages in (one, many)]
    print(f"bytes with {arguments.elections} elections / with 1: {sent[1] / sent[0]:.3f}")
    resident = max(after.resident_bytes for _, after in one)
    print(f"memory of a node / of the baseline: {resident / idle.resident_bytes:.2f}")


if __name__ == "__main__":
    main()
