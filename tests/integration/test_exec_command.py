"""`elect exec` as a user runs it: one node, which leads alone, or which waits for peers that never come."""

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from elect.cli import main
from elect.cli.exit_codes import ExitCode
from elect.testing.real_processes import free_ports

PATIENCE_S = 60.0
ELECT_EXEC = (sys.executable, "-m", "elect.cli", "exec", "-c")
TERMINATED = 128 + signal.SIGTERM


class Node:
    """The files of one node, and the HTTP port of its `elect exec`."""

    def __init__(self, directory: Path, *, peers: str = "") -> None:
        listen, self.port, nowhere = free_ports(3)
        self.path = directory / "node.toml"
        self.path.write_text(
            f'[node]\nid = "a"\ncluster = "exec"\nlisten = "127.0.0.1:{listen}"\ndata_dir = "data"\n'
            f'[http]\nlisten = "127.0.0.1:{self.port}"\n'
            '[timing]\nheartbeat_interval = "100ms"\nsupport_duration = "2s"\n[peers]\n'
            + "".join(f'{peer} = "127.0.0.1:{nowhere + number}"\n' for number, peer in enumerate(peers))
        )

    def command(self, *arguments: str, program: str) -> list[str]:
        return [*ELECT_EXEC, str(self.path), *arguments, "--", "sh", "-c", program]

    def run(self, *arguments: str, program: str) -> subprocess.CompletedProcess[str]:
        command = self.command(*arguments, program=program)
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)

    @contextmanager
    def started(
        self, *arguments: str, program: str, sigchld: signal.Handlers = signal.SIG_DFL
    ) -> Iterator[subprocess.Popen[str]]:
        command = self.command(*arguments, program=program)
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}

        def prepare() -> None:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell may have it ignored
            signal.signal(signal.SIGCHLD, sigchld)

        options["preexec_fn"] = prepare
        with subprocess.Popen(command, **options) as process:
            try:
                yield process
            finally:
                process.kill()

    def resign(self) -> None:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)) as connection:
            connection.request("POST", "/resign")
            answer = connection.getresponse()
            assert answer.status == 200, answer.read()


@pytest.fixture
def node(tmp_path):
    return Node(tmp_path)


@pytest.fixture
def lonely(tmp_path):
    """A node that never leads: its peers do not run."""
    return Node(tmp_path, peers="bc")


def waiting(process: subprocess.Popen[str]) -> None:
    """Wait until the node runs."""
    assert next(line for line in process.stderr if "listens on" in line)


def test_program_gets_its_variables_and_its_code_is_passed_on(node):
    program = "echo $ELECT_NODE $ELECT_ELECTION $ELECT_TERM $ELECT_TOKEN ${NOTIFY_SOCKET-none}; exit 7"
    ended = node.run("--election", "jobs 1", program=program)
    assert (ended.returncode, ended.stdout) == (7, "a jobs 1 1 1 none\n")
    assert node.run(program="kill -USR1 $$").returncode == 128 + signal.SIGUSR1


@pytest.mark.parametrize(
    ("program", "code", "text"), [("nowhere", 127, "No such file"), ("/", 126, "Permission denied")]
)
def test_program_that_cannot_be_executed_has_its_own_code(node, program, code, text):
    command = [*node.command(program="")[:-3], "--log-level", "error", "--", program]
    command.remove("--")
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert ended.returncode == code
    assert ended.stderr.startswith(f"elect: {program}: {text}")


def test_node_that_does_not_lead_in_time_gives_up(lonely):
    ended = lonely.run("--try", "0.2", "--log-level", "error", program="echo ran")
    assert (ended.returncode, ended.stdout) == (ExitCode.NOT_ELECTED, "")
    assert ended.stderr == "elect: node a did not lead in time\n"


def test_every_line_of_a_log_in_json_is_json(lonely):
    """The one that says why the command ends, too."""
    lines = lonely.run("--try", "0.2", "--log-format", "json", program="echo ran").stderr.splitlines()
    said = [json.loads(line) for line in lines]
    assert said[-1]["message"] == "node a did not lead in time"
    assert said[-1]["exit_code"] == ExitCode.NOT_ELECTED


def test_signal_ends_the_wait_and_starts_nothing(lonely):
    with lonely.started(program="echo ran") as process:
        waiting(process)
        process.send_signal(signal.SIGUSR1)
        process.terminate()
        assert process.wait(PATIENCE_S) == TERMINATED
        assert process.stdout.read() == ""


def test_signal_is_passed_on_and_its_code_comes_back(node):
    program = "trap 'echo hangup' HUP; trap 'exit 5' INT; echo ready; while :; do sleep 0.01; done"
    with node.started(program=program) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGHUP)
        assert process.stdout.readline() == "hangup\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 5


@pytest.mark.long
def test_program_that_ignores_a_signal_is_killed_after_the_grace(node):
    program = "trap '' TERM; echo ready; while :; do sleep 0.01; done"
    with node.started("--grace", "0.1", program=program) as process:
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        assert process.wait(PATIENCE_S) == 128 + signal.SIGKILL


@pytest.mark.parametrize("on_lost", ["term", "kill"])
def test_program_is_run_again_in_a_later_leadership(node, on_lost):
    """The resignation waits for a program that takes its time to stop."""
    program = "trap 'sleep 0.3; echo stopped; exit' TERM; echo ready; while :; do sleep 0.01; done"
    with node.started("--on-lost", on_lost, program=program) as process:
        assert process.stdout.readline() == "ready\n"
        node.resign()
        assert process.stdout.readline() == ("stopped\n" if on_lost == "term" else "ready\n")
        if on_lost == "term":
            assert process.stdout.readline() == "ready\n"
        process.terminate()
        process.wait(PATIENCE_S)


def test_once_ends_with_the_leadership(node):
    with node.started("--once", program="echo ready; exec sleep 600") as process:
        assert process.stdout.readline() == "ready\n"
        node.resign()
        assert process.wait(PATIENCE_S) == ExitCode.NO_LONGER_LEADS
        assert "elect: this node no longer leads in term 1; sh was ended" in process.stderr.read()


def test_restart_runs_the_program_again(node, tmp_path):
    """In the same leadership."""
    program = f"echo $ELECT_TERM; test -e {tmp_path}/again && exec sleep 600; touch {tmp_path}/again"
    with node.started("--restart", program=program) as process:
        assert [process.stdout.readline() for _ in range(2)] == ["1\n", "1\n"]
        process.terminate()
        assert process.wait(PATIENCE_S) == TERMINATED


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "elect: no program: write -- and CMD after the options\n"),
        (["--", ""], "elect: no program: write -- and CMD after the options\n"),
        (["--once", "--restart", "--", "true"], "not allowed with argument"),
        (["--try", "-1", "--", "true"], "is not a number from"),
    ],
)
def test_wrong_usage_is_refused(capsys, node, arguments: Sequence[str], text):
    try:
        code = main(["exec", "-c", str(node.path), *arguments])
    except SystemExit as ended:
        code = ended.code
    assert code == ExitCode.USAGE
    assert text in capsys.readouterr().err


def test_missing_configuration_is_explained(capsys, monkeypatch):
    monkeypatch.delenv("ELECT_NODE", raising=False)
    assert main(["exec", "--", "true"]) == ExitCode.USAGE
    assert capsys.readouterr().err.startswith("elect: no configuration: name its file with -c, or set ELECT_NODE and")


@pytest.mark.parametrize(
    ("number", "sigchld"),
    [(signal.SIGKILL, signal.SIG_DFL), (signal.SIGKILL, signal.SIG_IGN), (signal.SIGSTOP, signal.SIG_DFL)],
)
def test_lost_supervisor_is_reported(node, number, sigchld):
    """Its program dies with it, and a daemon, which the command ends itself. One that hangs is killed."""
    program = "setsid sleep 600 & echo $PPID $!; exec sleep 600"
    with node.started("--log-level", "error", program=program, sigchld=sigchld) as process:
        supervisor, daemon = map(int, process.stdout.readline().split())
        os.kill(supervisor, number)
        assert process.wait(PATIENCE_S) == ExitCode.NODE_FAILED
        with pytest.raises(ProcessLookupError):
            os.kill(daemon, 0)
        assert process.stderr.read() == "elect: the process that supervises the program has ended\n"
