"""A cluster behind HAProxy, with the configuration of OPERATIONS.md, and clients that count their answers."""

import json
import re
import signal
import subprocess
import sys
import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from itertools import accumulate
from pathlib import Path
from typing import Self

import elect.cli
from elect.clock import NS_PER_S, now_ns
from elect.testing.real_processes import Plan, ProcessCluster, Tenure, free_ports, overlaps, tenures

PROGRAM = Path(__file__).with_name("leader_application.py")
OPERATIONS = Path(elect.cli.__file__).with_name("OPERATIONS.md")
HOSTS = {"a": "10.0.0.1", "b": "10.0.0.2", "c": "10.0.0.3"}
"""The nodes of the configuration in OPERATIONS.md; their applications listen on port 8080, the nodes on 9101."""

TIMEOUT_S = 30.0
PAUSE_S = 0.005
"""Between two requests of a client, s."""

CLIENTS = 4

SETTLED_S = 1.2
"""Time without an event after which a restarted node votes, s."""

STOP_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One request that was answered with 200. Times are nanoseconds of the boot clock.

    Attributes:
        node: the node that answered.
        token: the one that it leads with.
        before: just before it checked its lease.
        after: just after.
        at: the client had the answer.
    """

    node: str
    token: int
    before: int
    after: int
    at: int


@dataclass(slots=True)
class Load:
    """Clients that send one request after the other each, and count those that fail, by cause."""

    port: int
    answers: list[Answered] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    changed: threading.Condition = field(default_factory=threading.Condition)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        for number in range(CLIENTS):
            thread = threading.Thread(target=self._run, name=f"client-{number}")
            self._threads.append(thread)
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def wait_for_token(self, above: int) -> Answered:
        """Return the first answer with a token above this one.

        Raises:
            TimeoutError: there was none in time.
        """

        def find() -> Answered | None:
            return next((each for each in self.answers if each.token > above), None)

        with self.changed:
            found = self.changed.wait_for(find, TIMEOUT_S)
        if found is None:
            raise TimeoutError(f"no token above {above} within {TIMEOUT_S:g} s; failures: {self.failures}")
        return found

    def _run(self) -> None:
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)) as connection:
            while not self._stopping.wait(PAUSE_S):
                self._request(connection)

    def _request(self, connection: HTTPConnection) -> None:
        try:
            connection.request("POST", "/work", body=b"work")
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, HTTPException) as error:
            connection.close()  # and opened again by the next request
            self._fail(type(error).__name__)
            return
        if answer.status == 200:
            with self.changed:
                self.answers.append(Answered(**json.loads(body), at=now_ns()))
                self.changed.notify_all()
        else:
            is_from_node = answer.getheader("Content-Type") == "application/json"
            self._fail(f"{answer.status} of {'a node' if is_from_node else 'HAProxy'}")

    def _fail(self, cause: str) -> None:
        with self.changed:
            self.failures[cause] += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Balanced:
    """A running cluster, the ports of its applications and of HAProxy, and the clients."""

    nodes: ProcessCluster
    ports: dict[str, int]
    leader_port: int
    replica_port: int
    load: Load

    def kill(self) -> tuple[float, float]:
        """Kill the leader; return the seconds until another one led, and until it answered. Start the killed one."""
        self.nodes.wait_until_quiet(SETTLED_S)
        before, since = self._settled(), len(self.nodes.events)
        killed = self.nodes.nodes[before.node]
        at = killed.signal(signal.SIGKILL)
        answered = self.load.wait_for_token(above=before.token)
        elected = self.nodes.wait_for(lambda event: event.event == "elected" and event.term == answered.token)
        killed.wait()
        killed.start()
        self.nodes.wait_for(
            lambda event: event.node == before.node and event.event == "leader" and event.leader is not None,
            since=since,
            timeout=TIMEOUT_S,
        )
        return elected.boottime - at, answered.at / NS_PER_S - at

    def wrong_answers(self) -> list[Answered]:
        """Return the answers of nodes that did not lead, and those with a token below that of an earlier answer."""
        held = tenures(self.nodes.events)
        assert overlaps(held) == []
        earlier = sorted(self.load.answers, key=lambda each: each.after)
        highest = [0, *accumulate((each.token for each in earlier), max)]

        def is_late(answer: Answered) -> bool:
            return answer.token < highest[bisect_left(earlier, answer.before, key=lambda each: each.after)]

        return [each for each in self.load.answers if is_late(each) or not _was_leading(each, held)]

    def _settled(self) -> Answered:
        """Return an answer of the node that leads now."""
        latest = max(tenures(self.nodes.events), key=lambda tenure: tenure.term)
        return self.load.wait_for_token(above=latest.term - 1)


def _was_leading(answer: Answered, held: Sequence[Tenure]) -> bool:
    """Return whether a node had its lease at the check of it, and no other node had one."""
    before, after = answer.before / NS_PER_S, answer.after / NS_PER_S
    own = any(each.node == answer.node and each.term == answer.token and each.begins <= after for each in held)
    return own and not any(each.node != answer.node and each.begins <= before <= each.ends for each in held)


def configuration(nodes: ProcessCluster, ports: dict[str, int], leader_port: int, replica_port: int) -> str:
    """Return HAProxy's configuration, from OPERATIONS.md, for these nodes on loopback."""
    blocks = re.findall(r"^```haproxy\n(.*?)^```$", OPERATIONS.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    (text,) = (block for block in blocks if "frontend" in block)
    for node, host in HOSTS.items():
        line = re.compile(rf"server {node} {re.escape(host)}:8080 check port 9101\b")
        http_port = nodes.http[node].rpartition(":")[2]
        text, count = line.subn(f"server {node} 127.0.0.1:{ports[node]} check port {http_port}", text)
        assert count == 2, f"each node is a server of the leader and of the replicas: {node}"
    return text.replace("bind :8000", f"bind 127.0.0.1:{leader_port}").replace(
        "bind :8001", f"bind 127.0.0.1:{replica_port}"
    )


@contextmanager
def haproxy(path: Path) -> Iterator[None]:
    """Run Debian's HAProxy with this configuration."""
    with subprocess.Popen(["haproxy", "-q", "-db", "-f", str(path)], stdin=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait(STOP_TIMEOUT_S)


@contextmanager
def balanced(directory: Path, *, options: Sequence[str] = ()) -> Iterator[Balanced]:
    """Run three applications behind HAProxy, and clients that send requests from now on."""
    *ports, leader_port, replica_port = free_ports(len(HOSTS) + 2)
    by_node = dict(zip(HOSTS, ports, strict=True))
    shown = ",".join(f"{node}={port}" for node, port in by_node.items())
    command = (sys.executable, str(PROGRAM), *options, "--ports", shown)
    with ExitStack() as stack:
        nodes = stack.enter_context(ProcessCluster(Plan(directory=directory, with_http=True, command=command)))
        path = directory / "haproxy.cfg"
        path.write_text(configuration(nodes, by_node, leader_port, replica_port))
        stack.enter_context(haproxy(path))
        load = stack.enter_context(Load(leader_port))
        load.wait_for_token(above=0)
        load.failures.clear()  # those of the start
        yield Balanced(nodes=nodes, ports=by_node, leader_port=leader_port, replica_port=replica_port, load=load)
