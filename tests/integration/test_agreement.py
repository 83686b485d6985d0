"""Real nodes whose lists of voters differ, and voters whose data directory was lost."""

import shutil
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

import pytest

from elect import Config, ConfigError, Node, WhyNoLeader
from elect.core.events import Objection
from elect.core.ready import Meeting
from elect.storage.sqlite import SqliteStore
from tests.nodes import DEADLINE_S, configs, eventually, running, status

QUICK = {"heartbeat_interval": 0.05, "support_duration": 0.4}


def listing(config: Config, voters: str, every: dict[str, Config]) -> Config:
    """The same node with another list."""
    return replace(config, peers={each: every[each].listen for each in voters if each != config.node})


def why(node: Node) -> WhyNoLeader | None:
    return status(node).elections["default"].why_no_leader


def objections(node: Node) -> set[str]:
    return {peer["node"] for peer in status(node).to_dict().get("peers", ()) if peer["objection"]}


def test_nodes_with_a_longer_list_do_not_lead_beside_the_first(tmp_path, caplog):
    """No fault is needed for two leaders when lists differ; the longer list waits, and says for what."""
    every = configs(tmp_path, "abc", **QUICK)
    with ExitStack() as stack:
        first = stack.enter_context(Node(listing(every["a"], "a", every)))
        eventually(lambda: first.is_leader)
        others = [stack.enter_context(Node(every[node_id])) for node_id in "bc"]
        for node in others:
            eventually(lambda node=node: why(node) is WhyNoLeader.CONFIGURATION)
            eventually(lambda node=node: len(status(node).to_dict()["peers"]) == 2 and objections(node) == {"a"})
            text = status(node).elections["default"].why_text
            digests = {status(each).to_dict()["configuration"] for each in (first, node)}
            assert "peer a" in text
            assert all(digest in text for digest in digests)
            objecting = partial(node.metrics.registry.get_sample_value, "elect_peer_objecting")
            eventually(lambda objecting=objecting: objecting({"peer": "a"}) == 1)
            assert objecting({"peer": "c" if node.config.node == "b" else "b"}) == 0
            assert not node.is_leader
        assert first.is_leader
    assert caplog.text.count("peer a refuses this node") == 2


def test_new_node_with_a_shorter_list_stops_every_node(tmp_path):
    every = configs(tmp_path, "abc", **QUICK)
    with ExitStack() as stack:
        others = [stack.enter_context(Node(every[node_id])) for node_id in "bc"]
        eventually(lambda: any(node.is_leader for node in others))
        late = stack.enter_context(Node(listing(every["a"], "a", every)))
        eventually(lambda: why(late) is WhyNoLeader.CONFIGURATION)
        for node in others:
            eventually(lambda node=node: why(node) is WhyNoLeader.CONFIGURATION)
        assert not any(node.is_leader for node in (late, *others))


def test_nobody_is_said_to_agree_before_it_is_heard(tmp_path):
    config = configs(tmp_path, "ab")["a"]
    with Node(config) as node:
        eventually(lambda: "peers" in status(node).to_dict())
        assert status(node).to_dict()["peers"][0]["is_configuration_same"] is None


def test_an_edited_list_is_refused_until_it_is_to_be_replaced(tmp_path):
    every = configs(tmp_path, "abc", **QUICK)
    with Node(listing(every["a"], "a", every)) as node:
        eventually(lambda: node.is_leader)
    with pytest.raises(ConfigError, match=r"\['a'\].*--new-peers"):
        Node(every["a"]).start()
    with Node(replace(every["a"], replace_peers=True)):
        pass
    with Node(every["a"]):
        pass
    assert "replaced its list of voters: a -> a b c" in (tmp_path / "a" / "audit.log").read_text()


def test_the_command_takes_new_peers_once(tmp_path):
    file = tmp_path / "a.toml"
    text = '[node]\nid = "a"\ncluster = "t"\nlisten = "127.0.0.1:0"\ndata_dir = "data"\n'

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "elect.cli", "run", "--events", "-c", str(file), *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if process.stdout.readline():
            process.terminate()
        out, error = process.communicate(timeout=DEADLINE_S)
        return subprocess.CompletedProcess(command, process.returncode, out, error)

    file.write_text(text)
    assert run().returncode == 0
    file.write_text(text + '[peers]\nb = "127.0.0.1:9"\n')
    refused = run()
    assert refused.returncode == 2
    assert "--new-peers" in refused.stderr
    assert run("--new-peers").returncode == 0
    assert run().returncode == 0


def test_voter_with_another_store_is_refused_until_forgotten(tmp_path, caplog):
    """Deleted votes are not silently replaced by new ones: token 1 would follow token 5."""
    every = configs(tmp_path, "abc", **QUICK)
    with running({node_id: Node(config) for node_id, config in every.items()}) as nodes:
        leader = nodes.leader()
        lost, other = nodes.followers()
        assert lost.stop()
        shutil.rmtree(lost.config.data_dir)
        with Node(lost.config) as back:
            eventually(lambda: why(back) is WhyNoLeader.OTHER_STORE)
            eventually(lambda: objections(back) == {leader.config.node, other.config.node})
            assert other.stop()
            eventually(lambda: not leader.is_leader)
            assert "elect forget" in status(back).elections["default"].why_text
            assert f"elect forget {back.config.node}" in caplog.text
            leader.forget(back.config.node)
            audit = (leader.config.data_dir / "audit.log").read_text()
            assert f"forgot the store of voter {back.config.node}" in audit
            with Node(other.config) as again:
                again.forget(back.config.node)
                eventually(lambda: back.leader is not None and not objections(back))


def test_a_stopped_node_forgets_by_its_file(tmp_path):
    """`elect forget ID -c FILE` works without HTTP, before the node starts."""
    file = tmp_path / "a.toml"
    file.write_text(
        '[node]\nid = "a"\ncluster = "t"\nlisten = "127.0.0.1:0"\ndata_dir = "data"\n[peers]\nb = "127.0.0.1:9"\n'
    )
    store, options = SqliteStore(tmp_path / "data"), {"cluster": "t", "node_id": "a", "promise_ns": 1, "voters": "ab"}
    store.open(**options)
    store.write({}, None, {"b": Meeting(store_id=bytes(16), objection=Objection.OTHER_VOTERS)})
    busy = elect("forget", "b", "-c", str(file))
    assert (busy.returncode, "in use by process" in busy.stderr) == (3, True)
    store.close()
    assert elect("forget", "z", "-c", str(file)).returncode == 1
    assert elect("forget", "b", "-c", str(file)).stdout == "a accepts voter b with its next data directory\n"
    assert store.open(**options).meetings == {"b": Meeting()}
    store.close()


def elect(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "elect.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_data_directory_that_vanishes_takes_the_node_down(tmp_path, caplog):
    config = configs(tmp_path, "a", **QUICK)["a"]
    with Node(config) as node:
        eventually(lambda: node.is_leader)
        config.data_dir.rename(tmp_path / "elsewhere")
        node.resign(timeout=DEADLINE_S)
        eventually(lambda: node.state == "failed")
        assert not node.is_leader
    assert "removed or replaced" in caplog.text
