"""A cluster of processes under attack: its resources, its status, and the state that must not change."""

import functools
import itertools
import json
import os
import secrets
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from elect.testing.real_processes import START_TIMEOUT_S, Plan, ProcessCluster, ProcessEvent
from tests.certificates import Authority
from tests.fault.siege.machine_stall import MachineStall
from tests.fault.siege.middle import Middle

CLUSTER = "processes"
ABSENT = "d"
"""A voter that every node knows and that never runs: an attacker can play it."""

SAMPLE_S = 0.25
RECOVERY_S = 15.0
"""The time after an attack in which its traces must disappear: the longest timeout is 5 s."""

GROWTH_MB_MAX = 40.0
THREADS_MAX = 40
"""More than before: 32 unfinished handshakes, and a few links."""

DESCRIPTORS_MAX = 60

PRIORITY_LOWEST = 19

Address = tuple[str, int]


@dataclass(frozen=True)
class Figures:
    """The resources that one process uses."""

    resident_mb: float
    threads: int
    descriptors: int
    cpu_s: float

    @classmethod
    def of(cls, pid: int) -> "Figures":
        """Read the figures of a process from /proc."""
        home = Path(f"/proc/{pid}")
        resident = int((home / "statm").read_text().split()[1]) * 4096 / 1e6
        times = (home / "stat").read_text().rpartition(")")[2].split()
        threads, descriptors = (len(list((home / name).iterdir())) for name in ("task", "fd"))
        return cls(resident, threads, descriptors, (int(times[11]) + int(times[12])) / 100)

    def most(self, other: "Figures") -> "Figures":
        return Figures(
            max(self.resident_mb, other.resident_mb),
            max(self.threads, other.threads),
            max(self.descriptors, other.descriptors),
            max(self.cpu_s, other.cpu_s),
        )


@dataclass
class Field:
    """A running cluster, and what an attack needs of it.

    Attributes:
        cluster: the processes.
        directory: their files; keys and certificates, too.
        middles: what stands between two nodes, by who dials and who accepts.
        leader: the node that leads, and must go on leading.
        authority: of the cluster's certificates, where it has some.
    """

    cluster: ProcessCluster
    directory: Path
    middles: dict[tuple[str, str], Middle]
    leader: str = ""
    authority: Authority | None = None

    @property
    def live(self) -> list[str]:
        return [node for node in self.cluster.nodes if node != ABSENT]

    @property
    def followers(self) -> list[str]:
        return [node for node in self.live if node != self.leader]

    def address(self, node: str) -> Address:
        host, port = self.cluster.addresses[node].rsplit(":", 1)
        return host, int(port)

    def pid(self, node: str) -> int:
        return self.cluster.nodes[node].pid

    def terms(self) -> dict[str, int]:
        """Return the term that each node has on disk."""
        return {node: self._status(node)["elections"][0]["durable_term"] for node in self.live}

    def refused(self, node: str) -> Counter[str]:
        """Return the handshakes and frames that a node refused, by reason; `ok` counts links."""
        counts: Counter[str] = Counter()
        for line in self._get(node, "/metrics").splitlines():
            if line.startswith(('wire_handshakes_total{direction="in"', "wire_rejected_frames_total{")):
                counts[line.split('"')[-2]] += int(float(line.rsplit(" ", 1)[1]))
        return counts

    def outbox(self, node: str, peer: str) -> tuple[int, int]:
        """Return the number of messages to a peer that wait at a node, and of those dropped."""
        depth = dropped = 0
        for line in self._get(node, "/metrics").splitlines():
            if f'peer="{peer}"' in line and line.startswith("wire_outbox_depth{"):
                depth = int(float(line.rsplit(" ", 1)[1]))
            elif f'peer="{peer}"' in line and line.startswith("wire_outbox_dropped_total{"):
                dropped += int(float(line.rsplit(" ", 1)[1]))
        return depth, dropped

    def tracebacks(self) -> int:
        return sum((self.directory / f"{node}.log").read_text().count("Traceback") for node in self.live)

    def _status(self, node: str) -> dict[str, list[dict[str, int]]]:
        said: dict[str, list[dict[str, int]]] = json.loads(self._get(node, "/status"))
        return said

    def _get(self, node: str, path: str) -> str:
        with urllib.request.urlopen(f"http://{self.cluster.http[node]}{path}", timeout=20) as answer:
            text: str = answer.read().decode()
            return text


Attack = Callable[[Field, float], Counter[str]]
"""A function that attacks for this number of seconds and returns its counted actions."""


@dataclass
class Result:
    """The result of an attack.

    Attributes:
        done: what it did.
        refused: what the nodes counted meanwhile.
        before: each node's figures.
        most: the largest meanwhile.
        after: when its traces were gone, or had had their time.
        stalled_s: for how long the machine stood still at most.
        problems: what must not be.
    """

    done: Counter[str]
    refused: Counter[str]
    before: dict[str, Figures]
    most: dict[str, Figures]
    after: dict[str, Figures]
    stalled_s: float
    problems: list[str] = field(default_factory=list)


class Watch:
    """Samples every node's figures until it is stopped."""

    def __init__(self, ground: Field) -> None:
        self._ground = ground
        self.most = self.look()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch")

    def look(self) -> dict[str, Figures]:
        return {node: Figures.of(self._ground.pid(node)) for node in self._ground.live}

    def _run(self) -> None:
        while not self._is_over.wait(SAMPLE_S):
            self.most = {node: self.most[node].most(figures) for node, figures in self.look().items()}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()


def besiege(ground: Field, attack: Attack, seconds: float, *, lets_in: bool = False) -> Result:
    """Attack the cluster and return the result; `lets_in` allows successful handshakes meanwhile."""
    since, terms, tracebacks = len(ground.cluster.events), ground.terms(), ground.tracebacks()
    refused = sum((ground.refused(node) for node in ground.live), Counter())
    with MachineStall() as stall, Watch(ground) as watch:
        before = watch.look()
        done = _from_elsewhere(attack, ground, seconds)
        after = _recovered(watch, before)
    counted = sum((ground.refused(node) for node in ground.live), Counter()) - refused
    result = Result(done, counted, before, watch.most, after, stall.longest_s)
    changed = [event for event in ground.cluster.events[since:] if event.event in ("elected", "lost")]
    if changed:
        result.problems.append(f"leadership changed: {[(each.node, each.event, each.reason) for each in changed]}")
    if ground.terms() != terms:
        result.problems.append(f"terms were {terms}, are {ground.terms()}")
    if counted["ok"] and not lets_in:
        result.problems.append(f"{counted['ok']} handshakes succeeded")
    if ground.tracebacks() > tracebacks:
        result.problems.append("an exception in a node's log")
    result.problems += list(_unbounded(result))
    return result


def _from_elsewhere(attack: Attack, ground: Field, seconds: float) -> Counter[str]:
    """Attack when the nodes leave a processor idle: an attacker has a machine of its own."""
    with ThreadPoolExecutor(1, "attack", initializer=_give_way) as executor:
        return executor.submit(attack, ground, seconds).result()


def _give_way() -> None:
    """Lower the priority of this thread, and so of all that it starts."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), PRIORITY_LOWEST)


def _is_left(now: Figures, before: Figures) -> bool:
    return now.threads > before.threads + 2 or now.descriptors > before.descriptors + 2


def _recovered(watch: Watch, before: dict[str, Figures]) -> dict[str, Figures]:
    deadline = time.monotonic() + RECOVERY_S
    while True:
        after = watch.look()
        if time.monotonic() > deadline or not any(_is_left(after[node], before[node]) for node in after):
            return after
        time.sleep(SAMPLE_S)


def _unbounded(result: Result) -> Iterator[str]:
    for node, before in result.before.items():
        most, after = result.most[node], result.after[node]
        if most.resident_mb > before.resident_mb + GROWTH_MB_MAX:
            yield f"{node}: {most.resident_mb - before.resident_mb:.0f} MB more"
        if most.threads > before.threads + THREADS_MAX or most.descriptors > before.descriptors + DESCRIPTORS_MAX:
            yield f"{node}: {most.threads} threads, {most.descriptors} descriptors"
        if _is_left(after, before):
            threads, files = after.threads - before.threads, after.descriptors - before.descriptors
            yield f"{node}: {threads} threads, {files} files stay"


class _Besieged(ProcessCluster):
    """A cluster that never starts the absent voter."""

    def __enter__(self) -> Self:
        absent = self.nodes.pop(ABSENT, None)
        super().__enter__()
        if absent is not None:
            self.nodes[ABSENT] = absent
        return self


def _security(kind: str, directory: Path) -> tuple[Callable[[str], list[str]], Authority | None]:
    if kind == "keyed":
        (directory / "cluster.key").write_text(secrets.token_hex(32))
        (directory / "cluster.key").chmod(0o600)
        return lambda _: ['key_file = "cluster.key"'], None
    if kind == "tls":
        authority = Authority(directory / "ca")
        files = {node: authority.files(node, uris=[f"wire://{CLUSTER}/{node}"], name=node) for node in "abc"}
        line = 'tls = {{ certificate = "{0}", key = "{1}", ca = "{2}" }}'
        return lambda node: [line.format(files[node].certificate, files[node].key, files[node].ca)], authority
    return lambda _: [], None


def _has_started(node: str, event: ProcessEvent) -> bool:
    return event.event == "started" and event.node == node


@contextmanager
def besieged(kind: str) -> Iterator[Field]:
    """Run three nodes: `plain` with a fourth voter that never runs, `keyed` with a man in the middle, or `tls`."""
    with tempfile.TemporaryDirectory(prefix="siege-") as name, ExitStack() as stack:
        directory = Path(name)
        security, authority = _security(kind, directory)
        # They take their ports before the nodes choose theirs.
        pairs = [] if kind == "tls" else itertools.permutations("abc", 2)
        middles = {pair: stack.enter_context(Middle()) for pair in pairs}

        def route(dialer: str, acceptor: str, address: str) -> str:
            middle = middles.get((dialer, acceptor))
            if middle is None:
                return address
            middle.target = address
            return middle.address

        nodes = ("a", "b", "c", ABSENT) if kind == "plain" else ("a", "b", "c")
        plan = Plan(directory=directory, nodes=nodes, with_http=True, security=security, route=route)
        cluster = stack.enter_context(_Besieged(plan))
        ground = Field(cluster, directory, middles, authority=authority)
        for node in ground.live:
            cluster.wait_for(functools.partial(_has_started, node), timeout=START_TIMEOUT_S)
        ground.leader = cluster.wait_for_leader().node
        cluster.wait_until_quiet(1.0)
        yield ground
