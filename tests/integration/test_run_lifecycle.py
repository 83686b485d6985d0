"""`elect run` of a node that joins: its phases for systemd, and its exit code when it is refused."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from elect.cli.exit_codes import ExitCode
from elect.testing.real_processes import free_ports
from tests.documents import block
from tests.nodes import DEADLINE_S

pytestmark = pytest.mark.long

FILE = """
[node]
id = "{node}"
cluster = "{cluster}"
listen = "{listen}"
data_dir = "data-{node}"
[join]
seeds = ["{seed}"]
{join}
[timing]
heartbeat_interval = "50ms"
support_duration = "400ms"
{more}
"""


@contextmanager
def running(directory: Path, *, join: str = "", more: str = "", **values: str) -> Iterator[subprocess.Popen[str]]:
    """`elect run` with this file, and a socket for systemd beside it."""
    file = directory / f"{values['node']}.toml"
    file.write_text(FILE.format(join=join, more=more, **values))
    environment = {**os.environ, "NOTIFY_SOCKET": str(directory / "notify")}
    command = [sys.executable, "-m", "elect.cli", "run", "-c", str(file)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_systemd_hears_of_each_phase_and_a_refusal_has_its_code(tmp_path: Path):
    first, second = (f"127.0.0.1:{port}" for port in free_ports(2))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(DEADLINE_S)
        with running(tmp_path, node="a", cluster="t", listen=first, seed=first) as a:
            assert systemd.recv(4096) == b"STATUS=joining(2)"  # it listens for members that count it as one
            assert systemd.recv(4096) == b"STATUS=bootstrapping"
            assert systemd.recv(4096) == b"READY=1\nSTATUS=ready"
            with running(tmp_path, node="b", cluster="u", listen=second, seed=first) as b:
                assert systemd.recv(4096) == b"STATUS=joining(1)"
                assert systemd.recv(4096).startswith(b"STATUS=failed(")
                assert systemd.recv(4096) == b"STOPPING=1"
                assert b.wait(DEADLINE_S) == ExitCode.OTHER_CLUSTER
                assert "this is cluster 't', not 'u'" in b.stderr.read()
            a.send_signal(signal.SIGTERM)
            assert systemd.recv(4096) == b"STOPPING=1"
            assert a.wait(DEADLINE_S) == 0


PROGRAM = "echo ${NOTIFY_SOCKET}${WATCHDOG_USEC}; exec sleep 600"


@pytest.mark.parametrize("command", [["run"], ["exec", "--", "sh", "-c", PROGRAM]])
def test_systemd_gets_signs_of_life(tmp_path: Path, command: list[str]):
    """And a program that `elect exec` runs is not asked for them."""
    name, *program = command
    variables = {"NODE": "a", "CLUSTER": "t", "LISTEN": "127.0.0.1:0", "DATA_DIR": str(tmp_path / "data")}
    environment = {**os.environ, **{f"ELECT_{key}": value for key, value in variables.items()}}
    environment |= {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000"}
    command = [sys.executable, "-m", "elect.cli", name, "--log-level", "warning", *program]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(DEADLINE_S)
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
            try:
                heard = [systemd.recv(4096) for _ in range(4)]
                assert heard.count(b"READY=1\nSTATUS=ready") == 1
                assert b"WATCHDOG=1" in heard
                assert not program or process.stdout.readline() == "\n"
                process.terminate()
                process.wait(DEADLINE_S)
            finally:
                process.kill()


def test_the_runbook_of_join_tokens_works(tmp_path: Path):
    """Its command, on members with its settings; then a restart without the token."""
    first, second = (f"127.0.0.1:{port}" for port in free_ports(2))
    (tmp_path / "cluster.key").write_text("6b" * 32 + "\n")
    (tmp_path / "cluster.key").chmod(0o600)
    join = "token_required = true"
    more = '[security]\nkey_file = "cluster.key"\n[http]\noperator_token = "the-token-of-the-operators"'
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(DEADLINE_S)
        with running(tmp_path, node="a", cluster="t", listen=first, seed=first, join=join, more=more):
            while not systemd.recv(4096).startswith(b"READY=1"):
                continue
            with running(tmp_path, node="d", cluster="t", listen=second, seed=first, more=more) as d:
                assert d.wait(DEADLINE_S) == ExitCode.NOT_AUTHORIZED
                assert "demands a join token" in d.stderr.read()
            command = block("elect/cli/OPERATIONS.md", "", "elect members token d")
            elect = f"elect() {{ '{sys.executable}' -m elect.cli \"$@\"; }}\n"
            subprocess.run(["/bin/sh", "-ec", elect + command], cwd=tmp_path, check=True, timeout=DEADLINE_S)
            for token_file in ('token_file = "join.token"', ""):
                with running(
                    tmp_path, node="d", cluster="t", listen=second, seed=first, join=token_file, more=more
                ) as d:
                    while not systemd.recv(4096).startswith(b"READY=1"):
                        continue
                    d.send_signal(signal.SIGTERM)
                    assert d.wait(DEADLINE_S) == 0
                (tmp_path / "join.token").unlink(missing_ok=True)
