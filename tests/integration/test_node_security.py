"""Three real nodes on loopback with shared keys, with certificates, and with unusable files."""

import logging
import secrets
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from elect import Config, ConfigError, Node
from elect.storage.store import MemoryStore
from tests.certificates import Authority
from tests.nodes import Cluster, cluster, configs, eventually, status

Settings = dict[str, dict[str, object]]


def keyed(directory: Path) -> Settings:
    (directory / "cluster.key").write_text(secrets.token_hex(32))
    (directory / "cluster.key").chmod(0o600)
    return {node: {"key_file": directory / "cluster.key"} for node in "abc"}


def certified(directory: Path) -> Settings:
    authority = Authority(directory / "ca")
    files = {node: authority.files(node, uris=[f"wire://test/{node}"]) for node in "abc"}
    return {
        node: {"tls": {"certificate": each.certificate, "key": each.key, "ca": each.ca}} for node, each in files.items()
    }


@pytest.mark.parametrize("secured", [keyed, certified])
def test_three_nodes_elect_and_fail_over(secured: Callable[[Path], Settings], tmp_path: Path) -> None:
    with cluster(tmp_path, each=secured(tmp_path)) as nodes:
        leader = nodes.leader()
        token = leader.leadership.token
        assert leader.stop()
        assert nodes.leader(besides=leader).leadership.token > token


@pytest.mark.parametrize("secured", [keyed, certified])
def test_a_node_without_is_not_heard_and_changes_nothing(secured: Callable[[Path], Settings], tmp_path: Path) -> None:
    settings = secured(tmp_path)
    made = configs(tmp_path, each={node: settings[node] for node in "ab"})
    with Node(made["a"], store=MemoryStore()) as a, Node(made["b"], store=MemoryStore()) as b:
        nodes = Cluster({"a": a, "b": b})
        token = nodes.leader().leadership.token
        with Node(made["c"], store=MemoryStore()) as stranger:
            eventually(lambda: refused(a) > 1 and refused(b) > 1)
            assert stranger.leader is None
            assert not any(peer["is_supported"] for peer in status(stranger).to_dict()["peers"])
        assert nodes.leader().leadership.token == token


def refused(node: Node) -> float:
    """Return the number of handshakes that this node refused."""
    return sum(
        sample.value
        for family in node.metrics.registry.collect()
        if family.name == "wire_handshakes"
        for sample in family.samples
        if sample.name.endswith("_total")
        and sample.labels["direction"] == "in"
        and sample.labels["outcome"] in ("key", "tls", "certificate")
    )


@pytest.mark.parametrize("wrong", ["key_file", "tls"])
def test_a_node_with_files_that_can_not_be_used_does_not_start(wrong: str, tmp_path: Path) -> None:
    given = {"key_file": keyed(tmp_path)["a"], "tls": certified(tmp_path)["b"]}[wrong]
    if wrong == "key_file":
        (tmp_path / "cluster.key").write_text("hunter2")
    config = configs(tmp_path, "a", each={"a": given})["a"]
    node = Node(config)
    with pytest.raises(ConfigError, match=r"line 1|not for node 'a'") as caught:
        node.start()
    assert caught.value.field == wrong
    assert "hunter2" not in str(caught.value)
    assert not Path(config.data_dir).exists(), "nothing was begun"


def test_an_insecure_node_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    made: list[Config] = [configs(tmp_path, "a", insecure=is_insecure)["a"] for is_insecure in (True, False)]
    for config in made:
        caplog.clear()
        with caplog.at_level(logging.WARNING), Node(config, store=MemoryStore()) as node:
            assert node.metrics.registry.get_sample_value("elect_insecure") == float(config.insecure)
        assert ("insecure = true" in caplog.text) is config.insecure


def test_a_localhost_that_is_elsewhere_is_not_taken_for_loopback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(configs(tmp_path, "a")["a"], listen="localhost:0", advertise="127.0.0.1:7101")
    resolve = socket.getaddrinfo

    def elsewhere(host: str, *arguments: object, **more: object) -> object:
        return resolve("0.0.0.0" if host == "localhost" else host, *arguments, **more)  # type: ignore[arg-type]

    with Node(config, store=MemoryStore()) as node:
        assert node.is_alive
    monkeypatch.setattr(socket, "getaddrinfo", elsewhere)
    with pytest.raises(ConfigError, match="refusing to listen beyond loopback"):
        Node(config, store=MemoryStore()).start()


def test_a_name_of_all_addresses_is_not_advertised(tmp_path: Path) -> None:
    """The system reads the host 0 as 0.0.0.0, which peers cannot dial."""
    config = replace(configs(tmp_path, "a", insecure=True)["a"], listen="0:0", advertise=None)
    with pytest.raises(ConfigError, match="peers cannot dial"):
        Node(config, store=MemoryStore()).start()
