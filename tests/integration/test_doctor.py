"""`elect doctor` of real nodes: silent where all is well, and each cause that can be made here is found."""

import json
import resource
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from elect import Config, Node
from elect.cli import main
from elect.cli.commands import diagnose_node
from elect.cli.diagnosing import measurements
from elect.clock import now_ns
from elect.testing.real_processes import Plan, ProcessCluster, free_ports
from tests.fault.proxy import Network
from tests.integration.test_command import leader_of
from tests.nodes import IN_TURN, eventually, status

TIMING = {name: f"{value}s" for name, value in IN_TURN.items()}
"""A busy machine writes and wakes in time for these."""


@pytest.fixture(autouse=True)
def good_machine(tmp_path, monkeypatch):
    """A machine with a good clock, a local disk, and descriptors for all clients."""
    (tmp_path / "clock").write_text("tsc\n")
    (tmp_path / "mounts").write_text("22 1 8:1 / / rw - ext4 /dev/sda1 rw\n")
    monkeypatch.setattr(measurements.clock_source, "__defaults__", (tmp_path / "clock",))
    monkeypatch.setattr(measurements.mount_of, "__defaults__", (tmp_path / "mounts",))
    monkeypatch.setattr(diagnose_node, "descriptors_max", lambda: 65_536)
    monkeypatch.setattr(measurements, "NAPS_S", 0.05)


def settle(cluster):
    """Wait until every node knows the leader, and nothing changes any more."""
    leader_of(cluster)
    cluster.wait_until_quiet(0.5)


def stop(cluster, node):
    cluster.nodes[node].signal(signal.SIGTERM)
    assert cluster.nodes[node].wait() == 0


def found(path, capsys):
    """The exit code, and the findings that are not ok: severity, subject and measurement."""
    code = main(["doctor", "-c", str(path), "--json"])
    said = json.loads(capsys.readouterr().out)
    return code, [
        (each["severity"], each["subject"], each["measured"]) for each in said["findings"] if each["severity"] != "ok"
    ]


@pytest.mark.long
def test_a_good_cluster_has_no_findings_also_with_a_node_down(tmp_path, capsys):
    with ProcessCluster(Plan(directory=tmp_path, timing=TIMING, with_http=True)) as cluster:
        settle(cluster)
        path = str(cluster.nodes["a"].path)
        assert (main(["doctor", "-c", path]), capsys.readouterr().out) == (0, "no findings\n")
        stop(cluster, "a")
        assert (main(["doctor", "-c", path]), capsys.readouterr().out) == (0, "no findings\n")
        change(cluster, "b", "support_duration", TIMING["support_duration"], "9s")
        code, findings = found(cluster.nodes["b"].path, capsys)
        assert (code, [each[:2] for each in findings]) == (1, [("warning", "this node"), ("error", "peer a")])


def change(cluster, node, name, before, after):
    """Change a setting in the file of a node, which has started with the former one."""
    path = cluster.nodes[node].path
    text = path.read_text()
    assert f'{name} = "{before}"' in text
    path.write_text(text.replace(f'{name} = "{before}"', f'{name} = "{after}"'))


@pytest.mark.long
def test_proxies_and_another_setting_of_a_peer_are_found(tmp_path, capsys):
    """The running node tells of them, and so do the Hellos of the peers of a stopped one."""
    with Network() as network:
        cluster = ProcessCluster(Plan(directory=tmp_path, timing=TIMING, with_http=True, route=network.route))
        change(cluster, "b", "support_duration", TIMING["support_duration"], "4s")
        with cluster:
            settle(cluster)
            running = found(cluster.nodes["a"].path, capsys)
            stop(cluster, "a")
            stopped = found(cluster.nodes["a"].path, capsys)
    proxy = "a proxy or a translation of addresses ends its links: the two ends see different addresses"
    setting = "support_duration is 4s; this node has 3s"
    expected = [(f"peer {peer}", text) for peer, text in (("b", proxy), ("b", setting), ("c", proxy))]
    assert running == stopped == (4, [("warning", *each) for each in expected])


def test_a_clock_that_runs_too_fast_is_found(tmp_path, capsys):
    """A peer whose clock gains a fifth."""
    path, (first, second) = tmp_path / "a.toml", free_ports(2)
    path.write_text(
        f'[node]\nid = "a"\ncluster = "test"\nlisten = "127.0.0.1:{first}"\ndata_dir = "data"\n'
        f'[peers]\nb = "127.0.0.1:{second}"\n[http]\nlisten = "127.0.0.1:{free_ports(1)[0]}"\n'
    )
    own = Config.load(path)
    listen, peers = own.peers["b"], {"a": own.listen}
    fast = replace(own, node="b", listen=listen, peers=peers, data_dir=tmp_path / "b", http_listen=None)
    with Node(own) as node, Node(fast, clock=lambda: now_ns() * 6 // 5):
        eventually(lambda: (drift := status(node).to_dict()["peers"][0]["clock_drift"]) and drift["least"] > 0.1)
        code, findings = found(path, capsys)
    assert code == 1
    assert ("error", "clock of b") in [each[:2] for each in findings]


def test_a_running_node_is_judged_by_its_own_descriptors(tmp_path, capsys):
    path, (port, http) = tmp_path / "a.toml", free_ports(2)
    node = f'[node]\nid = "a"\ncluster = "c"\nlisten = "127.0.0.1:{port}"\ndata_dir = "data"\n'
    path.write_text(f'{node}[http]\nlisten = "127.0.0.1:{http}"\n')
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Node(Config.load(path)) as running:
        eventually(lambda: running.is_leader)
        resource.setrlimit(resource.RLIMIT_NOFILE, (300, hard))
        try:
            code, findings = found(path, capsys)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    expected = ("notice", "file descriptors", "the running node may have 300, enough for 150 clients")
    assert (code, expected in findings) == (0, True)


def test_the_command_says_what_to_do_and_ends_with_its_code(tmp_path):
    path = tmp_path / "a.toml"
    node = '[node]\nid = "a"\ncluster = "c"\nlisten = "127.0.0.1:0"\ndata_dir = "a.toml/data"\n'
    path.write_text(f'{node}[peers]\nb = "127.0.0.1:1"\n')
    command = [sys.executable, "-m", "elect.cli", "doctor", "-c", str(path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (1, "")
    assert "error  data_dir writes  nothing can be written: Not a directory" in ended.stdout
    assert "127.0.0.1:1 does not answer" in ended.stdout
    assert ended.stdout.count("    do:  ") >= 2


def test_a_data_dir_that_cannot_be_looked_at_is_found(tmp_path, capsys):
    """As one below a directory of another user; a name that is too long for the system is met by each user."""
    path = tmp_path / "a.toml"
    path.write_text(f'[node]\nid = "a"\ncluster = "c"\nlisten = "127.0.0.1:0"\ndata_dir = "{"x" * 300}"\n[peers]\n')
    code, findings = found(path, capsys)
    assert code == 1
    assert ("error", "data_dir writes", "nothing can be written: File name too long") in findings
