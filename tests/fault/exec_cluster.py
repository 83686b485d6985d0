"""Nodes that each run one program with `elect exec`, of which one copy may run at a time."""

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from elect.testing.real_processes import Plan, ProcessCluster
from tests.nodes import eventually

PROGRAM = Path(__file__).with_name("exclusive_program.py")
ELECT_EXEC = (sys.executable, "-m", "elect.cli", "exec")
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A line of the journal: the program has started."""

    node: str
    token: int
    pid: int


class ExecCluster:
    """`elect exec` processes by node, and the journal of the program that they run.

    Args:
        directory: for files, data and logs.
        nodes: their ids.
        kind: of the program, see `exclusive_program`.
        options: of `elect exec`.
    """

    def __init__(
        self,
        directory: Path,
        nodes: Sequence[str] = "abc",
        *,
        kind: str = "family",
        options: Sequence[str] = (),
    ) -> None:
        plan = Plan(directory=directory, nodes=tuple(nodes), with_http=True)
        self.files = ProcessCluster(plan)  # for its files and ports
        self.directory, self.kind, self.options = directory, kind, tuple(options)
        self.journal, self.lock = directory / "journal", directory / "lock"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        for node in self.files.nodes:
            self.start(node)
        return self

    def __exit__(self, *_error: object) -> None:
        for process in self.processes.values():
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(PATIENCE_S)
            finally:
                process.kill()
                process.wait()

    def start(self, node: str) -> subprocess.Popen[bytes]:
        program = [sys.executable, "-I", "-S", str(PROGRAM), str(self.journal), str(self.lock), self.kind]
        command = [*ELECT_EXEC, "-c", str(self.files.nodes[node].path), *self.options, "--", *program]
        with (self.directory / f"{node}.log").open("ab") as log:
            self.processes[node] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log)
        return self.processes[node]

    def lines(self) -> list[list[str]]:
        return [line.split() for line in self.journal.read_text().splitlines()] if self.journal.exists() else []

    def starts(self) -> list[Started]:
        """All starts so far. No two programs, nor descendants of two, lived at one time."""
        lines = self.lines()
        conflicts = [line for line in lines if line[0] == "conflict"]
        assert not conflicts, f"two programs at one time: {conflicts}"
        return [Started(node=line[1], token=int(line[2]), pid=int(line[3])) for line in lines if line[0] == "start"]

    def wait_for_start(self, former: Started | None = None) -> Started:
        """The newest start, once there is one after the former."""
        return eventually(lambda: (found := self.starts()) and found[-1] != former and found[-1], PATIENCE_S)

    def ask(self, node: str, path: str, method: str = "GET") -> tuple[int, dict[str, object]]:
        """Ask a node over HTTP; 0 if it does not answer."""
        host, _, port = self.files.http[node].rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE_S)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            content = answer.read()
        except OSError:
            return 0, {}
        finally:
            connection.close()
        return answer.status, json.loads(content) if content.startswith(b"{") else {}

    def settle(self) -> None:
        """Wait until every node supports every other one."""
        for node in self.processes:
            eventually(lambda node=node: self._is_joined(node), PATIENCE_S)

    def _is_joined(self, node: str) -> bool:
        peers = self.ask(node, "/status")[1].get("peers", [])
        return bool(peers) and all(peer["is_supported"] for peer in peers)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
