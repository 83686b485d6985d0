"""`elect leader` and `elect call` as a script runs them, against nodes whose leader the test chooses."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from elect.cli import main
from elect.cli.exit_codes import ExitCode
from tests.integration.fake_nodes import CLUSTER, FakeCluster, fake_cluster
from tests.nodes import eventually

pytestmark = pytest.mark.long

PATIENCE_S = 60.0
ELECT = (sys.executable, "-m", "elect.cli")
NOWHERE = "127.0.0.1:1"


@dataclass(frozen=True)
class Ended:
    """The end of a command."""

    returncode: int
    stdout: str
    stderr: str


Elect = Callable[..., Ended]


@pytest.fixture
def elect(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Elect:
    """Runs a command in this process, which saves the start of another one."""
    monkeypatch.setenv("ELECT_CLUSTER", CLUSTER)

    def run(*arguments: str) -> Ended:
        capfd.readouterr()
        try:
            code = main(arguments)
        except SystemExit as ended:
            code = ended.code
        return Ended(int(code), *capfd.readouterr())

    return run


@contextmanager
def started(*arguments: str, **options: object) -> Iterator[subprocess.Popen[str]]:
    """A command that runs in the background; a shell may have told it to ignore SIGINT."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
    options = {**pipes, "text": True, **options}
    options["preexec_fn"] = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    environ = os.environ | {"ELECT_CLUSTER": CLUSTER}
    with subprocess.Popen([*ELECT, *arguments], env=environ, **options) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def nodes() -> Iterator[FakeCluster]:
    with fake_cluster() as cluster:
        cluster.elect("b", 7)
        yield cluster


def test_leader_prints_the_address_of_the_leader(elect, nodes):
    ended = elect("leader", nodes["a"].address)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, f"{nodes['b'].address}\n", "")


def test_leader_prints_json_and_variables(elect, nodes):
    said = json.loads(elect("leader", nodes["a"].address, "--format", "json").stdout)
    assert said == {
        "election": "default",
        "leader": "b",
        "term": 7,
        "address": nodes["b"].address,
        "metadata": {"http": "x"},
    }
    lines = elect("leader", nodes["a"].address, "--format", "env").stdout.splitlines()
    assert lines[:3] == [f"ELECT_LEADER={nodes['b'].address}", "ELECT_LEADER_ID=b", "ELECT_TERM=7"]
    assert lines[-1] == "ELECT_LEADER_METADATA_HTTP=x"


def test_leader_waits_and_then_says_what_it_tried(elect, nodes):
    nodes.elect(None, 8)
    ended = elect("leader", *nodes.addresses, NOWHERE, "--wait", "0.7")
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (69, "", 1)
    assert ended.stderr.startswith("elect: a leader that is ready in election 'default' did not come within 0.7 s")
    assert NOWHERE in ended.stderr


def test_a_client_that_all_nodes_refuse_is_told_at_once(elect, nodes):
    ended = elect("leader", nodes["a"].address, "--cluster", "other", "--wait", "60")
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (77, "", 1)
    assert "refuse" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["leader"], "no address"),
        (["leader", "nowhere"], "'nowhere'"),
        (["leader", "10.0.0.1:7101"], "without authentication"),
        (["leader", NOWHERE, "--tls-ca", "ca.pem"], "add --tls-certificate, --tls-key"),
        (["leader", NOWHERE, "--key-file", "missing.key"], "missing.key"),
        (["leader", NOWHERE, "--election", ""], "election"),
        (["leader", NOWHERE, "--wait", "-1"], "'-1' is not a number"),
        (["call", NOWHERE], "no program"),
        (["call", NOWHERE, "--"], "no program"),
        (["call", NOWHERE, "--", ""], "no program"),
        (["call", NOWHERE, "true", "--timeout", "1"], "no program"),
        (["call", "--", "true"], "no address"),
        (["call", NOWHERE, "--election", "", "--", "true"], "election"),
    ],
)
def test_bad_usage_is_told_in_one_line(elect, arguments, words, tmp_path):
    ended = elect(*arguments)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert words in ended.stderr


def test_the_cluster_has_to_be_named(elect, monkeypatch):
    monkeypatch.delenv("ELECT_CLUSTER")
    ended = elect("leader", NOWHERE)
    assert (ended.returncode, ended.stderr) == (
        2,
        "elect: the cluster is unknown: set --cluster, -c or ELECT_CLUSTER\n",
    )


def test_a_file_of_a_node_names_cluster_and_nodes(elect, nodes, tmp_path, monkeypatch):
    monkeypatch.setenv("ELECT_CLUSTER", "other")
    path = tmp_path / "node.toml"
    path.write_text(
        f'[node]\nid = "a"\ncluster = "{CLUSTER}"\nlisten = "{NOWHERE}"\ndata_dir = "d"\n'
        f'[peers]\nb = "{nodes["b"].address}"\n'
    )
    for more in ([], [nodes["c"].address]):
        ended = elect("leader", *more, "-c", str(path))
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, f"{nodes['b'].address}\n", "")


def test_watch_prints_a_line_for_each_change(elect, nodes):
    with started("leader", *nodes.addresses, "--watch") as process:
        assert process.stdout.readline() == f"{nodes['b'].address}\n"
        nodes.elect(None, 8)
        assert process.stdout.readline() == "none\n"
        nodes.elect("c", 9)
        assert process.stdout.readline() == f"{nodes['c'].address}\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=PATIENCE_S) == ("", "")
    assert process.returncode == 0


def test_watch_ends_with_its_reader_though_nothing_changes(nodes):
    with started("leader", *nodes.addresses, "--watch", "--format", "json") as process:
        assert json.loads(process.stdout.readline())["leader"] == "b"
        process.stdout.close()
        assert process.wait(PATIENCE_S) == 141
        assert process.stderr.read() == ""


def test_watch_ends_if_all_nodes_refuse_it(elect, nodes):
    ended = elect("leader", *nodes.addresses, "--watch", "--cluster", "other")
    assert (ended.returncode, ended.stdout) == (77, "")


def test_watch_begins_without_a_leader(elect, nodes):
    nodes.elect(None, 8)
    with started("leader", *nodes.addresses, "--watch", "--wait", "0.3", "--format", "env") as process:
        assert process.stdout.readline().startswith("ELECT_LEADER='' ELECT_LEADER_ID=''")
        process.terminate()
        assert process.wait(PATIENCE_S) == 0


def test_call_runs_a_program_with_the_leader(elect, nodes):
    program = 'echo "$ELECT_LEADER $ELECT_LEADER_ID $ELECT_TERM $ELECT_TOKEN $ELECT_LEADER_METADATA_HTTP"; exit 5'
    ended = elect("call", nodes["a"].address, "--", "sh", "-c", program)
    assert (ended.returncode, ended.stdout, ended.stderr) == (5, f"{nodes['b'].address} b 7 7 x\n", "")


def test_call_gives_the_program_the_rest_of_its_time(elect, nodes):
    ended = elect("call", nodes["a"].address, "--timeout", "50", "--", "sh", "-c", "echo $ELECT_REMAINING")
    assert 0 < float(ended.stdout) <= 50


def test_call_passes_arguments_and_input_on(nodes):
    program = ["sh", "-c", 'cat; echo "$@"', "sh", "--", "-x"]
    with started("call", nodes["a"].address, "--", *program, stdin=subprocess.PIPE) as process:
        assert process.communicate("1\n", timeout=PATIENCE_S) == ("1\n-- -x\n", "")
    assert process.returncode == 0


def test_call_runs_the_program_again_on_75(elect, nodes, tmp_path):
    """The next run has the leader of then."""
    program = f"echo $ELECT_LEADER_ID >> {tmp_path}/runs; test $ELECT_LEADER_ID = c || exit 75"
    with started("call", *nodes.addresses, "--timeout", "60", "--", "sh", "-c", program) as process:
        eventually((tmp_path / "runs").exists)
        nodes.elect("c", 9)
        assert process.wait(PATIENCE_S) == 0
    runs = (tmp_path / "runs").read_text().split()
    assert (set(runs[:-1]), runs[-1]) == ({"b"}, "c")


def test_call_ends_with_75_when_the_time_is_over(elect, nodes):
    ended = elect("call", *nodes.addresses, "--timeout", "0.8", "--", "sh", "-c", "exit 75")
    assert (ended.returncode, ended.stderr.count("\n")) == (75, 1)
    said = "elect: sh exited with 75 until the 0.8 s were over, with node b as the leader in term "
    assert ended.stderr.startswith(said)
    assert "did not come" not in ended.stderr


def test_call_without_a_leader_runs_nothing(elect, nodes):
    nodes.elect(None, 8)
    ended = elect("call", *nodes.addresses, "--timeout", "0.5", "--", "echo", "no")
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (69, "", 1)


@pytest.mark.parametrize("trap", ["", "trap '' TERM;"])
def test_call_ends_a_program_at_the_deadline(elect, nodes, trap):
    """Its children, too: they keep the pipe open."""
    program = f"{trap} echo ready; sleep 300 & sleep 300; wait"
    ended = elect("call", *nodes.addresses, "--timeout", "1.5", "--", "sh", "-c", program)
    assert (ended.returncode, ended.stdout, ended.stderr) == (124, "ready\n", "elect: sh did not end in time\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_call_passes_signals_on(nodes, number):
    with started(
        "call", *nodes.addresses, "--timeout", "60", "--", "sh", "-c", "echo ready; exec sleep 300"
    ) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.communicate(timeout=PATIENCE_S) == ("", "")
    assert process.returncode == 128 + number


def test_call_does_not_repeat_what_a_signal_ended(nodes):
    program = "trap 'exit 75' TERM; echo ready; while :; do sleep 0.05; done"
    with started("call", *nodes.addresses, "--timeout", "60", "--", "sh", "-c", program) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 75
        assert process.stdout.read() == ""


def test_a_signal_ends_a_call_that_waits(elect, nodes):
    nodes.elect(None, 8)
    with started("call", *nodes.addresses, "--timeout", "60", "--", "true") as process:
        eventually(lambda: any(node.links for node in nodes.nodes.values()))
        process.terminate()
        assert process.communicate(timeout=PATIENCE_S) == ("", "")
    assert process.returncode == 128 + signal.SIGTERM


def test_a_program_that_cannot_run_is_told(elect, nodes, tmp_path):
    missing, unusable = (
        elect("call", *nodes.addresses, "--", "no-such-program"),
        elect("call", *nodes.addresses, "--", str(tmp_path)),
    )
    assert (missing.returncode, missing.stderr) == (127, "elect: no-such-program: command not found\n")
    assert (unusable.returncode, unusable.stderr) == (126, f"elect: {tmp_path}: Permission denied\n")
    assert missing.returncode == ExitCode.COMMAND_NOT_FOUND
