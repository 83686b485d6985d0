"""Real nodes whose cluster changes: members that move, come and go."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from elect import Node
from elect.bridge.commands import install
from elect.monitoring.member_status import MemberState
from elect.storage.store import NO_CLUSTER, MemoryStore, StoreContent
from elect.testing.real_processes import free_ports
from tests.nodes import DEADLINE_S, Cluster, configs, eventually, running, status

pytestmark = pytest.mark.long


class UnformedStore(MemoryStore):
    """A store of a node that belongs to no cluster yet."""

    def open(self, **given: object) -> StoreContent:
        return super().open(**{**given, "configuration": NO_CLUSTER})


QUICK = {"heartbeat_interval": 0.05, "support_duration": 0.4}


def address(node: Node, peer: str) -> str | None:
    return next(each["address"] for each in status(node).to_dict()["peers"] if each["node"] == peer)


@pytest.mark.parametrize("is_keyed", [False, True])
def test_a_member_that_moves_is_followed(tmp_path: Path, is_keyed: bool):
    settings = dict(QUICK)
    if is_keyed:
        (tmp_path / "key").write_text("6b" * 32 + "\n")
        settings["key_file"] = str(tmp_path / "key")
    every = configs(tmp_path, "abc", **settings)
    with ExitStack() as stack:
        nodes = stack.enter_context(running({node_id: Node(config) for node_id, config in every.items()}))
        moved = replace(every["c"], listen=f"127.0.0.1:{free_ports(1)[0]}")
        nodes["c"].stop()
        back = stack.enter_context(Node(moved))
        Cluster({**nodes.nodes, "c": back}).settle()
        assert {address(nodes[each], "c") for each in "ab"} == {moved.listen}


def member_ids(node: Node) -> tuple[str, ...]:
    return tuple(member.node_id for member in node.members.list())


def voters(node: Node) -> str:
    return "".join(member.node_id for member in node.members.list() if member.state is MemberState.VOTER)


def add(leader: Node, newcomer: Node) -> None:
    """Add a node, and hand it the configuration, as a join does."""
    made = leader.members.add(newcomer.config.node, address=str(newcomer.address), timeout=DEADLINE_S)
    newcomer._context.call(install(made))


def test_a_cluster_grows_from_one_node_to_three_and_back(tmp_path: Path):
    every = {each: replace(config, peers={}) for each, config in configs(tmp_path, "abc", **QUICK).items()}
    with ExitStack() as stack:
        nodes = {
            each: stack.enter_context(Node(config, store=MemoryStore() if each == "a" else UnformedStore()))
            for each, config in every.items()
        }
        a, b, c = nodes.values()
        eventually(lambda: a.is_leader)
        token = a.leadership.token
        assert (str(a.lifecycle), str(b.lifecycle)) == ("ready", "starting")
        for newcomer in (b, c):
            add(a, newcomer)
            eventually(lambda newcomer=newcomer: str(newcomer.lifecycle) == "ready")
            assert a.leadership.token == token
        cluster = Cluster(nodes)
        cluster.settle()
        assert {voters(node) for node in nodes.values()} == {"abc"}
        for leaver, rest in ((c, "ab"), (b, "a")):
            for _ in range(2):
                a.members.remove(leaver.config.node, timeout=DEADLINE_S)
            eventually(lambda leaver=leaver: str(leaver.lifecycle) == "removed")
            eventually(lambda rest=rest: "".join(a._context.peers) == rest[1:])
            name = f"elect-dialer-{leaver.config.node}"
            eventually(lambda name=name: name not in a.threads)
            eventually(lambda leaver=leaver: not any("dialer" in name for name in leaver.threads))
        assert a.leadership.token == token
        assert all(node.is_alive for node in nodes.values())


def test_a_listed_cluster_gets_an_id_once(tmp_path: Path):
    every = configs(tmp_path, "abc", **QUICK)
    stores = {each: MemoryStore() for each in "abc"}
    seen = set()
    for _ in range(2):
        with running({each: Node(config, store=stores[each]) for each, config in every.items()}) as cluster:
            cluster.leader()
            for node in cluster.nodes.values():
                eventually(lambda node=node: node._context.configuration.cluster_id)
                seen.add(node._context.configuration.cluster_id)
                shown = node._runtime.links.identity.attributes
                assert shown["cluster_id"] == node._context.configuration.cluster_id.hex()
                assert "configuration" not in shown, "it is no list of a file any more"
    assert len(seen) == 1


def test_a_node_learns_at_its_start_that_it_was_removed(tmp_path: Path):
    every = configs(tmp_path, "abc", **QUICK)
    stores = {each: MemoryStore() for each in "abc"}
    with running({each: Node(config, store=stores[each]) for each, config in every.items()}) as cluster:
        leader = cluster.leader()
        gone = cluster.followers()[0].config.node
        assert cluster[gone].stop()
        leader.members.remove(gone, timeout=DEADLINE_S)
        eventually(lambda: gone not in leader._context.peers)
        with Node(every[gone], store=stores[gone]) as back:
            eventually(lambda: str(back.lifecycle) == "removed")
            add(leader, back)
            eventually(lambda: str(back.lifecycle) == "ready")


def test_an_observer_comes_back_with_another_store(tmp_path: Path):
    """It has no vote to lose, and counts its links from the start again."""
    every = configs(tmp_path, "abcd", **QUICK)
    three = {each: replace(every[each], peers={**every[each].peers}) for each in "abc"}
    for each, config in three.items():
        three[each] = replace(config, peers={peer: place for peer, place in config.peers.items() if peer != "d"})
    store = MemoryStore()
    with running({each: Node(config, store=MemoryStore()) for each, config in three.items()}) as cluster:
        cluster.leader().members.add("d", kind="observer", address=every["d"].listen, timeout=DEADLINE_S)
        for _ in range(3):
            with Node(every["d"], store=store) as observer:
                eventually(lambda observer=observer: status(observer).has_quorum)
        with Node(every["d"], store=MemoryStore()) as observer:
            eventually(lambda: status(observer).has_quorum)
            assert str(observer.lifecycle) == "ready"
