"""`elect mirror` at real nodes: each result has an exit code of its own."""

import io
import json
from pathlib import Path

import pytest

from elect import Config, Node
from elect.cli import http_client, main
from elect.cli.exit_codes import ExitCode
from elect.testing.real_processes import free_ports
from tests.nodes import eventually, status

QUICK = {"heartbeat_interval": 0.1, "support_duration": 0.6}


def node_of(directory: Path, node: str, **settings: object) -> Node:
    """A cluster of one, with an HTTP address."""
    ports = free_ports(2)
    return Node(
        Config(
            node=node,
            cluster="orders",
            listen=f"127.0.0.1:{ports[0]}",
            http_listen=f"127.0.0.1:{ports[1]}",
            data_dir=directory / node,
            **QUICK,
            **settings,
        )
    )


def test_a_second_site_is_operated_with_the_command(tmp_path, capsys, monkeypatch):
    def run(*arguments: str, typed: str = "") -> tuple[int, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        code = main(["mirror", *arguments])
        captured = capsys.readouterr()
        return code, captured.out or captured.err

    with node_of(tmp_path, "a") as one:
        eventually(lambda: one.leadership)
        a = str(one.http_address)
        with node_of(tmp_path, "x", mirror_source=[str(one.address)]) as two:
            x = str(two.http_address)
            eventually(lambda: run("status", x)[0] == ExitCode.OK)
            assert "x: standby cluster; mirror following" in run("status", x)[1]
            assert "a: active cluster; mirrors: mirror/x" in run("status", a)[1]
            # A standby cluster cannot be sealed, an active one not be promoted, and nothing is done without a yes.
            assert run("seal", "--yes", x)[0] == ExitCode.STANDBY
            assert run("promote", "--yes", a)[0] == ExitCode.NOT_STANDBY
            for action, at in (("promote", x), ("seal", a)):
                assert run(action, at, typed="no\n")[0] == ExitCode.FAILED
            assert (status(one).membership.configuration.state, two.leader) == ("active", None)
            # A node that does not answer is passed over.
            code, said = run("promote", "--json", "127.0.0.1:9", x, typed="yes\n")
            assert (code, json.loads(said)["was_sealed"]) == (ExitCode.OK, True)
            assert run("promote", "--yes", a)[0] == ExitCode.SEALED
            assert str(two.address) in run("seal", "--yes", a)[1]
            assert f"a: sealed cluster, refers to {two.address}" in run("status", a, x)[1]
            assert run("status", x, "127.0.0.1:9")[0] == ExitCode.FAILED


@pytest.mark.parametrize("force", [False, True])
def test_force_promotes_without_a_snapshot(force, tmp_path):
    with node_of(tmp_path, "x", mirror_source=["127.0.0.1:9"]) as node:
        code = main(["mirror", "promote", "--yes", *(["--force"] if force else []), str(node.http_address)])
        assert code == (ExitCode.OK if force else ExitCode.SOURCE_UNKNOWN)


@pytest.mark.long
def test_a_mirror_with_another_key_seals_nothing(tmp_path):
    keys = {}
    for name in ("right", "wrong"):
        keys[name] = tmp_path / name
        keys[name].write_text(("ab" if name == "right" else "cd") * 32)
        keys[name].chmod(0o600)
    with node_of(tmp_path, "a", key_file=keys["right"]) as one:
        eventually(lambda: one.leadership)
        with node_of(tmp_path, "x", mirror_source=[str(one.address)], mirror_key_file=keys["wrong"]) as two:
            assert not two.promote(force=True, timeout=10).was_sealed
            assert one.is_leader
        with node_of(tmp_path, "y", mirror_source=[str(one.address)], key_file=keys["right"]) as two:
            assert two.promote(force=True, timeout=60).was_sealed
            assert not one.is_leader


@pytest.mark.parametrize("action", ["promote", "seal"])
def test_ctrl_c_says_that_the_node_goes_on(action, capsys, monkeypatch):
    def be_interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(http_client, "ask", be_interrupted)
    assert main(["mirror", action, "--yes", "127.0.0.1:9"]) == ExitCode.INTERRUPTED
    assert "127.0.0.1:9 was asked; it may be done, or may go on: run the same" in capsys.readouterr().err
