"""The command as a user runs it: real processes, real signals."""

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from elect.clock import now_ns
from elect.testing.real_processes import Plan, ProcessCluster
from tests.nodes import IN_TURN

PATIENCE_S = 30.0
ELECT = (sys.executable, "-m", "elect.cli")


def elect(*arguments, **options):
    return subprocess.run([*ELECT, *arguments], capture_output=True, text=True, timeout=120, check=False, **options)


def write_alone(directory: Path, listen: str = "127.0.0.1:0") -> str:
    """A node that is its own majority."""
    path = directory / "alone.toml"
    path.write_text(f'[node]\nid = "a"\ncluster = "alone"\nlisten = "{listen}"\ndata_dir = "data"\n')
    return str(path)


def lines_until(stream, event):
    """The events up to the first of this name."""
    said = []
    for line in stream:
        said.append(json.loads(line))
        if said[-1]["event"] == event:
            return said
    raise AssertionError(f"the output ended before {event!r}: {said}")


@pytest.fixture
def cluster(tmp_path, request):
    timing = getattr(request, "param", {"support_duration": "600ms"})
    with ProcessCluster(Plan(directory=tmp_path, timing=timing, with_http=True)) as cluster:
        yield cluster


def leader_of(cluster):
    """Return the leader once every node knows it."""
    leader = cluster.wait_for_leader(timeout=PATIENCE_S)
    for node in cluster.nodes.keys() - {leader.node}:
        cluster.wait_for(
            lambda event, node=node: event.event == "leader" and event.node == node and event.leader == leader.node,
            timeout=PATIENCE_S,
        )
    return leader


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_run_tells_its_life_in_lines_and_ends_well_on_a_signal(tmp_path, number):
    began = now_ns() / 1e9
    command = [*ELECT, "run", "-c", write_alone(tmp_path), "--events"]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # A shell ignores SIGINT for what it runs in the background, and elect leaves an ignored signal ignored.
    options["preexec_fn"] = lambda: signal.signal(number, signal.SIG_DFL)
    with subprocess.Popen(command, **options) as process:
        said = lines_until(process.stdout, "elected")
        process.send_signal(number)
        said += lines_until(process.stdout, "stopped")
        assert process.stdout.read() == ""
        assert "Traceback" not in process.stderr.read()
    assert process.returncode == 0
    names = [line["event"] for line in said if line["event"] != "leader"]
    assert names == ["started", "lifecycle", "lifecycle", "elected", "stopping", "lost", "stopped"]
    assert [line["phase"] for line in said[1:3]] == ["starting", "ready"]
    assert all(line.keys() >= {"event", "election", "node", "term", "leader", "boottime"} for line in said)
    assert all(line["node"] == "a" and began < line["boottime"] < now_ns() / 1e9 for line in said)
    elected, lost = (next(line for line in said if line["event"] == name) for name in ("elected", "lost"))
    assert (lost["election"], lost["term"], lost["reason"]) == ("default", elected["term"], "stopped")


@pytest.mark.long
def test_run_without_events_says_nothing_on_stdout(tmp_path):
    command = [*ELECT, "run", "-c", write_alone(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert next(line for line in process.stderr if "leads in term" in line)
        process.terminate()
        assert process.communicate(timeout=PATIENCE_S)[0] == ""
    assert process.returncode == 0


@pytest.mark.long
def test_run_ends_when_nobody_reads_its_events_any_more(tmp_path):
    command = [*ELECT, "run", "-c", write_alone(tmp_path), "--events"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        lines_until(process.stdout, "elected")
        process.stdout.close()
        assert process.wait(PATIENCE_S) == 141
        assert "Traceback" not in process.stderr.read()


@pytest.mark.long
def test_a_second_signal_ends_a_run_that_does_not_end(cluster):
    leader = leader_of(cluster)
    node = cluster.nodes[leader.node]
    for other in cluster.nodes.keys() - {leader.node}:
        cluster.nodes[other].signal(signal.SIGSTOP)
    node.signal(signal.SIGTERM)
    cluster.wait_for(lambda event: event.event == "stopping" and event.node == leader.node, timeout=PATIENCE_S)
    node.signal(signal.SIGTERM)
    assert node.wait() == -signal.SIGTERM


def test_a_taken_port_is_one_line_and_exit_code_3(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = elect("run", "-c", write_alone(tmp_path, address))
    assert ended.returncode == 3
    assert ended.stderr.splitlines()[-1] == f"elect: cannot listen on {address}: Address already in use"
    assert "Traceback" not in ended.stderr


@pytest.mark.long
def test_a_data_directory_in_use_is_one_line_and_exit_code_3(tmp_path):
    path = write_alone(tmp_path)
    command = [*ELECT, "run", "-c", path, "--events"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        lines_until(process.stdout, "started")
        ended = elect("run", "-c", path)
        process.terminate()
        process.communicate(timeout=PATIENCE_S)
    assert ended.returncode == 3
    assert ended.stderr.splitlines()[-1].startswith("elect: ")
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("below", ["x" * 256, "alone.toml/data", "loop", "loop/data"])
def test_an_unusable_data_directory_is_one_line_and_exit_code_3(tmp_path, below):
    """A path that the system refuses is reported as an error of the path, at every step."""
    (tmp_path / "loop").symlink_to("loop")
    path = Path(write_alone(tmp_path))
    path.write_text(path.read_text().replace('"data"', f'"{below}"'))
    ended = elect("run", "-c", str(path))
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (3, "", 1)
    assert ended.stderr.startswith(f"elect: {tmp_path}/")


@pytest.mark.parametrize("text", ["", "[node", '[node]\nid = "a"\nlisten = 3\n', "\0"])
def test_a_bad_file_is_one_line_and_exit_code_2(tmp_path, text):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    ended = elect("run", "-c", str(path))
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert ended.stderr.startswith("elect: ")


@pytest.mark.long
@pytest.mark.parametrize("cluster", [{"support_duration": "2s"}], indirect=True, ids=["2s"])
def test_status_shows_three_views_that_agree(cluster):
    leader = leader_of(cluster)
    ended = elect("status", *cluster.http.values())
    assert ended.returncode == 0, ended.stderr
    head, *views = ended.stdout.splitlines()
    assert head.split() == ["NODE", "ELECTION", "ROLE", "TERM", "LEADER", "LEASE", "PEERS", "NOTE"]
    assert [view.split()[0] for view in views] == ["a", "b", "c"]
    assert {view.split()[4] for view in views} == {leader.node}
    assert [view.split()[2] for view in views].count("leader") == 1
    said = json.loads(elect("status", "--json", *cluster.http.values()).stdout)
    assert {view["node"]: view["elections"][0]["is_leader"] for view in said.values()} == {
        node: node == leader.node for node in cluster.nodes
    }


@pytest.mark.long
@pytest.mark.parametrize("cluster", [{name: f"{value}s" for name, value in IN_TURN.items()}], indirect=True)
def test_resign_and_transfer_change_the_leader(cluster):
    leader = leader_of(cluster)
    since = len(cluster.events)
    ended = elect("resign", cluster.http[leader.node])
    assert (ended.returncode, ended.stderr) == (0, "")
    second = cluster.wait_for_leader(since=since, besides=leader.node, timeout=PATIENCE_S)
    assert second.term > leader.term
    successor = next(iter(cluster.nodes.keys() - {leader.node, second.node}))
    since = len(cluster.events)
    ended = elect("transfer", cluster.http[second.node], successor)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert cluster.wait_for_leader(since=since, timeout=PATIENCE_S).node == successor
    refused = elect("resign", cluster.http[leader.node])
    assert refused.returncode == 1
    assert f"{successor} leads in term" in refused.stderr


@pytest.mark.long
def test_pause_keeps_a_node_out_until_resumed(cluster):
    leader = leader_of(cluster)
    since = len(cluster.events)
    assert elect("pause", cluster.http[leader.node]).returncode == 0
    cluster.wait_for_leader(since=since, besides=leader.node, timeout=PATIENCE_S)
    assert "paused" in elect("status", cluster.http[leader.node]).stdout
    assert elect("resume", cluster.http[leader.node]).returncode == 0
    assert "paused" not in elect("status", cluster.http[leader.node]).stdout


@pytest.mark.long
def test_check_of_running_nodes_and_of_one_that_will_join(cluster):
    leader_of(cluster)
    cluster.wait_until_quiet(0.5)
    path = str(cluster.nodes["a"].path)
    running = elect("check", "-c", path)
    assert running.returncode == 0, running.stdout + running.stderr
    assert running.stdout.count("answers, agrees, reaches this node") == 2
    cluster.nodes["a"].signal(signal.SIGTERM)
    assert cluster.nodes["a"].wait() == 0
    stopped = elect("check", "-c", path)
    assert stopped.returncode == 0, stopped.stdout + stopped.stderr
    assert stopped.stdout.count("answers, agrees, reaches this node") == 2


@pytest.mark.long
def test_demo_shows_each_failover_and_leaves_nothing_behind(tmp_path):
    ended = elect("demo", "--rounds", "1", "--plain", env=os.environ | {"TMPDIR": str(tmp_path)})
    assert ended.returncode == 0, ended.stdout + ended.stderr
    for kind in ("crash", "hang", "resignation"):
        assert re.search(rf"^round 1 of 1: {kind}: \w .+; \w leads in term \d+ after [\d.]+ m?s$", ended.stdout, re.M)
    assert re.search(r"^3 failovers, \d+ leases, never two at once\.$", ended.stdout, re.M)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_demo_leaves_no_process_behind(tmp_path, number):
    environ = os.environ | {"TMPDIR": str(tmp_path)}
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": environ}
    # A shell ignores SIGINT for what it runs in the background, and so would its children.
    options["preexec_fn"] = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen([*ELECT, "demo", "--plain"], **options) as process:
        assert next(line for line in process.stdout if "leads, in term" in line)
        nodes = [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
        watched = [os.pidfd_open(pid) for pid in nodes]
        process.send_signal(number)
        _, complaint = process.communicate(timeout=PATIENCE_S)
    assert len(nodes) == 3
    assert process.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}[number]
    assert "Traceback" not in complaint
    for fd in watched:
        assert has_ended(fd)
        os.close(fd)


def has_ended(pidfd):
    return bool(select.select([pidfd], [], [], PATIENCE_S)[0])
