"""Real nodes that have lost a majority for good, and go on by an operator's word."""

import shutil
from dataclasses import replace

import pytest

from elect import Config, Node
from elect.cli import main
from elect.core.configuration import ClusterState, Configuration
from elect.storage.sqlite import SqliteStore
from tests.nodes import configs, eventually, running, status

pytestmark = pytest.mark.long

QUICK = {"heartbeat_interval": 0.05, "support_duration": 0.4}


@pytest.fixture
def stopped(tmp_path) -> tuple[dict[str, Config], int]:
    """Five nodes that have had a leader and are stopped, three of them without their data; and the last token."""
    every = configs(tmp_path, "abcde", **QUICK)
    with running({node_id: Node(config) for node_id, config in every.items()}) as nodes:
        leader = nodes.leader()
        token = eventually(lambda: (held := leader.leadership) and held.token)
        eventually(lambda: all(node.leader is not None for node in nodes.nodes.values()))
    for node_id in "cde":
        shutil.rmtree(every[node_id].data_dir)
    return every, token


def stored(config: Config) -> Configuration:
    store = SqliteStore(config.data_dir)
    opened = store.open(cluster=config.cluster, node_id=config.node, promise_ns=0)
    store.close()
    return opened.configuration


def recover(config: Config) -> int:
    return main(["members", "recover", "--data-dir", str(config.data_dir), "--voters", "a,b", "--yes"])


@pytest.mark.parametrize("recovered", ["ab", "ba", "a", "b"])
def test_survivors_elect_in_one_configuration(stopped, recovered):
    """Each survivor makes a configuration, or only one of them: the newest is that of both."""
    every, token = stopped
    for node_id in recovered:
        assert recover(every[node_id]) == 0
    newest = max((stored(every[node_id]) for node_id in recovered), key=lambda each: each.term)
    with running({node_id: Node(every[node_id]) for node_id in "ab"}) as nodes:
        leader = nodes.leader()
        later = eventually(lambda: (held := leader.leadership) and held.token)
        assert later > newest.floor > token + 1_000_000
        # A cluster that stopped before it had an id gets one now, by one more configuration.
        (made,) = eventually(
            lambda: is_named(found := {status(each).view.members for each in nodes.nodes.values()}) and found
        )
    assert made.voters == ("a", "b")
    assert not newest.is_newer_than(made)
    assert [stored(every[node_id]) for node_id in "ab"] == [made, made]


def is_named(found: set[Configuration]) -> bool:
    return len(found) == 1 and all(each.cluster_id is not None for each in found)


def test_running_node_is_not_recovered(tmp_path, capsys):
    config = configs(tmp_path, "a", **QUICK)["a"]
    with Node(config) as node:
        eventually(lambda: node.is_leader)
        assert recover(config) == 3
    assert "in use by process" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("site", "warning"),
    [
        (
            replace(Configuration.initial("ab"), state=ClusterState.SEALED, successor="z:1"),
            "sealed: z:1 has taken over",
        ),
        (Configuration.initial("ab", is_standby=True), "Promote a node of it instead"),
        (Configuration.initial("ab"), ""),
    ],
)
def test_recovery_makes_a_cluster_active_and_says_so(tmp_path, capsys, site, warning):
    config = configs(tmp_path, "ab")["a"]
    store = SqliteStore(config.data_dir)
    store.open(cluster=config.cluster, node_id="a", promise_ns=9, configuration=site)
    store.close()
    assert recover(config) == 0
    output = capsys.readouterr().out
    assert (warning in output) and ("has taken over" in output) == ("sealed" in warning)
    assert stored(config).state is ClusterState.ACTIVE
    assert f"recovers the {site.state} cluster" in (config.data_dir / "audit.log").read_text()
