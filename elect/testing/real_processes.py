"""A cluster of node processes on this machine, for the demo, the benchmarks and tests.

Each node is one `elect run --events`, or another program that prints the same lines, which are collected. Times are
seconds of the boot clock, which all processes of a machine share.
"""

import errno
import json
import math
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from elect.clock import now_ns
from wire.common.deadline import now_s

START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 10.0

RUN = (sys.executable, "-m", "elect.cli", "run", "--events", "-c")

FIELDS = ("election", "term", "leader", "reason", "peer", "supported", "phase", "member", "change", "state")
"""The optional fields of an event line."""

ORPHAN_CHECK_S = 0.5

NOWHERE = "127.0.0.1:9"
PORTS = range(10_000, 32_768)
"""Below the ports of outgoing connections on Linux: such a connection could take a port before its node listens."""

_parent = os.getppid()

_port_indexes = count(os.getpid() * 7_919)
"""Two processes that look for ports at the same time start far apart."""

Route = Callable[[str, str, str], str]
"""Takes dialer, acceptor and the acceptor's address; returns the address to dial, for example of a proxy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessEvent:
    """One line of a node's `--events`, or a signal to the process (`killed`, `paused`, `continued`)."""

    event: str
    node: str
    boottime: float
    election: str | None = None
    term: int | None = None
    leader: str | None = None
    reason: str | None = None
    peer: str | None = None
    supported: bool | None = None
    phase: str | None = None
    member: str | None = None
    change: str | None = None
    state: str | None = None


class NodeProcess:
    """One node as a process.

    Args:
        node_id: of the node.
        path: of its configuration file.
        record: called with each event, on a thread of this object.
        command: starts the node; the path follows.
    """

    def __init__(
        self, node_id: str, path: Path, record: Callable[[ProcessEvent], None], command: Sequence[str] = RUN
    ) -> None:
        self.node_id = node_id
        self.path = path
        self._record = record
        self._command = (*command, str(path))
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    @property
    def is_running(self) -> bool:
        """Return whether the process lives, stopped or not."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Return the process id of the latest start."""
        return self._started.pid

    @property
    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise RuntimeError(f"node {self.node_id!r} was never started")
        return self._process

    def start(self) -> None:
        """Start the process, or start it again after its end."""
        with self.path.with_suffix(".log").open("a") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                process_group=0,  # Ctrl-C in a terminal ends the program that started this
            )
        self._reader = threading.Thread(target=self._read, args=(self._process,), name=f"events-{self.node_id}")
        try:
            self._reader.start()
        except RuntimeError:  # no thread can be started
            self._process.kill()
            self._process.wait()
            raise

    def _read(self, process: subprocess.Popen[str]) -> None:
        with process.stdout or nullcontext(()) as lines:
            for line in lines:
                fields = json.loads(line)
                known = {name: fields.get(name) for name in FIELDS}
                event = ProcessEvent(event=fields["event"], node=self.node_id, boottime=fields["boottime"], **known)
                self._record(event)

    def signal(self, number: int) -> float:
        """Send a signal; return the boot clock just before it, in seconds."""
        names: dict[int, str] = {signal.SIGKILL: "killed", signal.SIGSTOP: "paused", signal.SIGCONT: "continued"}
        at = now_ns() / 1e9
        self._started.send_signal(number)
        if number in names:
            self._record(ProcessEvent(event=names[number], node=self.node_id, boottime=at))
        return at

    def wait(self, timeout: float = STOP_TIMEOUT_S) -> int:
        """Wait for the end of the process and its last line; return the exit code.

        Raises:
            subprocess.TimeoutExpired: the process did not end in time.
        """
        code = self._started.wait(timeout)
        if self._reader is not None:
            self._reader.join(timeout)
        return code

    def terminate(self) -> None:
        """Send SIGTERM, if the process lives."""
        if self._process is not None and self.is_running:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()

    def close(self) -> None:
        """End the process with SIGTERM, or with SIGKILL if it does not end in time."""
        if self._process is None:
            return
        self.terminate()
        try:
            self.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self.wait(STOP_TIMEOUT_S)


@dataclass(slots=True)
class Plan:
    """The settings of a cluster of processes.

    Attributes:
        directory: for configuration files, data and logs.
        nodes: their ids.
        timing: lines of the `[timing]` table, by name.
        hosts: address that a node listens on; default: loopback.
        route: puts proxies between the nodes. The address that a node shows its peers leads nowhere then.
        with_http: give each node an HTTP address.
        security: returns the lines of a node's `[security]` table.
        command: starts a node; the path of its configuration file follows.
        seeds: ids of the nodes that each node asks to join, instead of a list of peers; a seed alone forms the cluster.
    """

    directory: Path
    nodes: tuple[str, ...] = ("a", "b", "c")
    timing: Mapping[str, str | float | bool] = field(default_factory=dict)
    hosts: Mapping[str, str] = field(default_factory=dict)
    route: Route | None = None
    with_http: bool = False
    security: Callable[[str], Iterable[str]] = lambda _node: ()
    command: Sequence[str] = RUN
    seeds: Sequence[str] = ()


class ProcessCluster:
    """Nodes as processes, with their events.

    with ProcessCluster(Plan(directory=tmp_path)) as cluster:
        leader = cluster.wait_for_leader()
        cluster.nodes[leader.node].signal(signal.SIGKILL)
        cluster.wait_for_leader(besides=leader.node)
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.events: list[ProcessEvent] = []
        self._changed = threading.Condition()
        self.addresses: dict[str, str] = {}
        self.http: dict[str, str] = {}
        self._reserve_addresses(plan.nodes)
        self.nodes = {
            node_id: NodeProcess(node_id, self._write(node_id, plan.seeds), self._record, plan.command)
            for node_id in plan.nodes
        }

    def __enter__(self) -> Self:
        try:
            for node in self.nodes.values():
                node.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all processes at the same time."""
        with ExitStack() as stack:
            for node in self.nodes.values():
                stack.callback(node.close)
            for node in self.nodes.values():
                node.terminate()

    def _record(self, event: ProcessEvent) -> None:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def add(self, node_id: str, seeds: Sequence[str]) -> NodeProcess:
        """Make one more node, which joins the cluster of these nodes once it is started."""
        self._reserve_addresses([node_id])
        node = NodeProcess(node_id, self._write(node_id, seeds), self._record, self.plan.command)
        self.nodes[node_id] = node
        return node

    def _reserve_addresses(self, nodes: Sequence[str]) -> None:
        ports = iter(free_ports(2 * len(nodes)))
        for node_id in nodes:
            self.addresses[node_id] = f"{self.plan.hosts.get(node_id, '127.0.0.1')}:{next(ports)}"
            if self.plan.with_http:
                self.http[node_id] = f"127.0.0.1:{next(ports)}"

    def _write(self, node_id: str, seeds: Sequence[str]) -> Path:
        plan = self.plan
        lines = [
            "[node]",
            f'id = "{node_id}"',
            'cluster = "processes"',
            f'listen = "{self.addresses[node_id]}"',
            f'data_dir = "{plan.directory / node_id}"',
        ]
        if plan.route is not None:
            lines.append(f'advertise = "{NOWHERE}"')
        if seeds:
            lines += ["[join]", f"seeds = {json.dumps([self.addresses[seed] for seed in seeds])}"]
            lines += ["bootstrap = true"] if list(seeds) == [node_id] else []
        else:
            others = [peer for peer in self.addresses if peer != node_id]
            lines += ["[peers]", *(f'{peer} = "{self._address(node_id, peer)}"' for peer in others)]
        lines += ["[timing]", *(f"{name} = {json.dumps(value)}" for name, value in plan.timing.items())]
        if plan.with_http:
            lines += ["[http]", f'listen = "{self.http[node_id]}"']
        lines += ["[security]", *plan.security(node_id)]
        path = plan.directory / f"{node_id}.toml"
        path.write_text("\n".join(lines) + "\n")
        return path

    def _address(self, dialer: str, acceptor: str) -> str:
        address, route = self.addresses[acceptor], self.plan.route
        return address if route is None else route(dialer, acceptor, address)

    def wait_for(
        self, predicate: Callable[[ProcessEvent], bool], *, since: int = 0, timeout: float = START_TIMEOUT_S
    ) -> ProcessEvent:
        """Return the first event, from index `since`, for which the predicate is true.

        Raises:
            TimeoutError: no such event came within `timeout` seconds.
        """
        deadline = now_s() + timeout
        with self._changed:
            while True:
                found = next(filter(predicate, self.events[since:]), None)
                if found is not None:
                    return found
                remaining = deadline - now_s()
                if remaining <= 0 or not self._changed.wait(remaining):
                    raise TimeoutError(f"{timeout:g} s passed; the latest: {self.events[-10:]}")

    def wait_for_leader(self, *, since: int = 0, besides: str = "", timeout: float = START_TIMEOUT_S) -> ProcessEvent:
        """Return the first `elected` of a node other than `besides`, from index `since`."""
        return self.wait_for(
            lambda event: event.event == "elected" and event.node != besides, since=since, timeout=timeout
        )

    def wait_for_news(self, known: int, timeout: float) -> None:
        """Wait until there are more than `known` events, at most `timeout` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: len(self.events) > known, timeout)

    def wait_until_quiet(self, quiet_s: float, timeout: float = START_TIMEOUT_S) -> None:
        """Wait until no event came for `quiet_s` seconds.

        Raises:
            TimeoutError: the events did not stop within `timeout` seconds.
        """
        deadline = now_s() + timeout
        with self._changed:
            while self._changed.wait(quiet_s):
                if now_s() > deadline:
                    raise TimeoutError(f"not quiet for {quiet_s:g} s within {timeout:g} s: {self.events[-10:]}")


def wait_for_signal(numbers: Collection[int], timeout_s: float = math.inf) -> int | None:
    """Wait in the program of a node for one of these signals, which are blocked; return it, or None after the timeout.

    The program should end with the one that started it: SIGTERM is returned as well once that has ended.
    """
    deadline = now_s() + timeout_s
    while os.getppid() == _parent:
        if found := signal.sigtimedwait(numbers, max(0.0, min(ORPHAN_CHECK_S, deadline - now_s()))):
            return found.si_signo
        if now_s() >= deadline:
            return None
    return signal.SIGTERM


def free_ports(number: int) -> list[int]:
    """Return ports on loopback that are free now and that this process did not get before."""
    found: list[int] = []
    with ExitStack() as stack:
        while len(found) < number:
            port = PORTS[next(_port_indexes) % len(PORTS)]
            try:
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
            else:
                found.append(port)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenure:
    """One node's lease with begin and end, in seconds of the boot clock."""

    node: str
    term: int
    begins: float
    ends: float


def tenures(events: Iterable[ProcessEvent], election: str = "default") -> list[Tenure]:
    """Return all leases in order of begin. A kill ends a lease; a lease that still lasts ends never."""
    return sorted(_tenures(events, election), key=lambda tenure: tenure.begins)


def _tenures(events: Iterable[ProcessEvent], election: str) -> Iterator[Tenure]:
    held: dict[str, ProcessEvent] = {}
    for event in events:
        begun = held.get(event.node)
        if begun is not None and (event.event == "killed" or (event.event == "lost" and event.election == election)):
            yield Tenure(node=begun.node, term=begun.term or 0, begins=begun.boottime, ends=event.boottime)
            del held[event.node]
        if event.event == "elected" and event.election == election:
            held[event.node] = event
    for begun in held.values():
        yield Tenure(node=begun.node, term=begun.term or 0, begins=begun.boottime, ends=float("inf"))


def overlaps(found: Iterable[Tenure]) -> list[tuple[Tenure, Tenure]]:
    """Return the pairs of leases of two nodes that overlap; there must be none."""
    ordered = sorted(found, key=lambda tenure: tenure.begins)
    return [
        (one, other)
        for index, one in enumerate(ordered)
        for other in ordered[index + 1 :]
        if other.begins < one.ends and other.node != one.node
    ]
