"""Nodes as processes whose stdout and stderr are full pipes without a reader."""

import fcntl
import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from elect.testing.real_processes import Plan, ProcessCluster
from tests.nodes import eventually

PATIENCE_S = 20.0
PIPE_BYTES = 4096
ELECT = (sys.executable, "-m", "elect.cli")


def full_pipe() -> tuple[int, int]:
    """A pipe without room for another byte."""
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    os.set_blocking(write, False)
    try:
        while True:
            os.write(write, b"x" * 63 + b"\n")
    except BlockingIOError:
        pass
    os.set_blocking(write, True)
    return read, write


class Muted:
    """Three nodes whose output is not read."""

    def __init__(self, directory: Path, timing: Mapping[str, str] | None = None) -> None:
        self.cluster = ProcessCluster(Plan(directory=directory, timing=timing or {}, with_http=True))  # files and ports
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.pipe, self.write_end = full_pipe()

    def start(self, node: str) -> None:
        command = [*ELECT, "run", "-c", str(self.cluster.nodes[node].path), "--events", "--log-level", "debug"]
        self.processes[node] = subprocess.Popen(command, stdout=self.write_end, stderr=self.write_end)

    def status(self, node: str) -> dict[str, object]:
        """Return the status of a node; empty while it does not answer."""
        host, _, port = self.cluster.http[node].rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE_S)
        try:
            connection.request("GET", "/status")
            return json.loads(connection.getresponse().read())
        except OSError:
            return {}
        finally:
            connection.close()

    def is_leader(self, node: str) -> bool:
        elections = self.status(node).get("elections", [])
        return any(election["is_leader"] for election in elections)

    def leader(self, besides: str = "") -> str:
        others = self.processes.keys() - {besides}
        return eventually(lambda: next((node for node in others if self.is_leader(node)), None), PATIENCE_S)

    def settle(self) -> None:
        """Wait until every node supports every other one, restarted nodes too."""
        for node in self.processes:
            eventually(lambda node=node: self.is_joined(node), PATIENCE_S)

    def is_joined(self, node: str) -> bool:
        peers = self.status(node).get("peers", [])
        return bool(peers) and all(peer["is_supported"] for peer in peers)

    def close(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait(PATIENCE_S)
        os.close(self.pipe)
        os.close(self.write_end)


@pytest.fixture
def muted(tmp_path):
    nodes = Muted(tmp_path)
    try:
        for node in "abc":
            nodes.start(node)
        yield nodes
    finally:
        nodes.close()


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_full_pipes_stop_no_election_and_no_end(muted, number):
    for _ in range(2):
        leader = muted.leader()
        muted.settle()
        process = muted.processes[leader]
        process.send_signal(number)
        assert process.wait(PATIENCE_S) == (0 if number == signal.SIGTERM else -number)
        muted.leader(besides=leader)
        muted.start(leader)
    muted.settle()
    for process in muted.processes.values():
        process.terminate()
    assert [process.wait(PATIENCE_S) for process in muted.processes.values()] == [0, 0, 0]


def alone(directory: Path) -> list[str]:
    path = directory / "alone.toml"
    path.write_text('[node]\nid = "a"\ncluster = "alone"\nlisten = "127.0.0.1:0"\ndata_dir = "data"\n')
    return [*ELECT, "run", "-c", str(path), "--events"]


def test_a_pipe_made_nonblocking_elsewhere_loses_nothing(tmp_path):
    read, write = full_pipe()
    os.set_blocking(write, False)
    with os.fdopen(read) as lines, subprocess.Popen(alone(tmp_path), stdout=write, stderr=subprocess.PIPE) as process:
        assert next(line for line in process.stderr if b"leads in term" in line)
        os.close(write)
        for _ in range(PIPE_BYTES // 64):
            lines.readline()
        events = (json.loads(line)["event"] for line in lines)
        try:
            assert next(events) == "started"
            assert "elected" in events
        finally:
            process.terminate()
        assert process.wait(PATIENCE_S) == 0


def test_a_complaint_about_a_start_does_not_wait_for_its_reader(tmp_path):
    read, write = full_pipe()
    command = [*ELECT, "run", "-c", str(tmp_path / "missing.toml")]
    try:
        assert subprocess.run(command, stderr=write, timeout=PATIENCE_S, check=False).returncode == 2
    finally:
        os.close(read)
        os.close(write)


EMBEDDING = """
import logging, sys
from elect import Config, Node
from elect.storage.store import MemoryStore
logging.basicConfig(level=logging.DEBUG)
config = Config(node="a", cluster="alone", listen="127.0.0.1:0", data_dir="nowhere")
with Node(config, store=MemoryStore()) as node, node.lead(timeout=10):
    print("leads", flush=True)
"""


def test_a_program_whose_log_is_a_full_pipe_starts_and_ends():
    read, write = full_pipe()
    try:
        command = [sys.executable, "-c", EMBEDDING]
        ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=write, timeout=PATIENCE_S, check=False)
    finally:
        os.close(read)
        os.close(write)
    assert (ended.returncode, ended.stdout) == (0, b"leads\n")
