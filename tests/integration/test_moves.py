"""Real nodes that restart under other addresses, and nodes that are members before their address is known."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from elect import Config, Node
from elect.monitoring.member_phase import MemberPhase
from elect.storage.store import MemoryStore
from elect.testing.real_processes import free_ports
from tests.nodes import DEADLINE_S, Cluster, configs, eventually, running, status

pytestmark = pytest.mark.long

QUICK = {"heartbeat_interval": 0.05, "support_duration": 0.4}


def seeded(every: dict[str, Config]) -> dict[str, Config]:
    """The nodes with seeds instead of a list."""
    seeds = [config.listen for config in every.values()]
    return {each: replace(config, peers={}, seeds=seeds) for each, config in every.items()}


def elsewhere(config: Config) -> Config:
    return replace(config, listen=f"127.0.0.1:{free_ports(1)[0]}")


def has_written(nodes: dict[str, Node], moved: Config) -> bool:
    """Whether each node has the address of the one that moved on its disk."""
    members = [node._context.configuration.member(moved.node) for node in nodes.values()]
    return all(member is not None and member.address == moved.listen for member in members)


def is_ready(node: Node) -> bool:
    return node.lifecycle.phase is MemberPhase.READY


def are_voters(nodes: dict[str, Node]) -> bool:
    return all(node._context.configuration.voters == tuple(nodes) for node in nodes.values())


@pytest.mark.parametrize("is_seeded", [False, True])
@pytest.mark.parametrize("is_patient", [False, True])
def test_each_member_moves_one_after_the_other(tmp_path: Path, is_seeded: bool, is_patient: bool):
    """A hasty operator waits for links alone, and so stops a node before its leader has written the address."""
    every = configs(tmp_path, "abc", **QUICK)
    every = seeded(every) if is_seeded else every
    with ExitStack() as stack:
        stores = {each: MemoryStore() for each in every}
        nodes = {each: stack.enter_context(Node(config, store=stores[each])) for each, config in every.items()}
        eventually(lambda: are_voters(nodes))
        cluster = Cluster(nodes)
        cluster.settle()
        for each, config in every.items():
            nodes[each].stop()
            moved = elsewhere(config)
            nodes[each] = stack.enter_context(Node(moved, store=stores[each]))
            cluster.settle()
            if is_patient:
                eventually(lambda moved=moved: has_written(nodes, moved))
        cluster.leader().resign(timeout=DEADLINE_S)
        cluster.leader()


@pytest.mark.parametrize("is_swap", [False, True])
def test_members_that_move_at_once_find_each_other_by_seeds(tmp_path: Path, is_swap: bool):
    every = seeded(configs(tmp_path, "abcde", **QUICK))
    stores = {each: MemoryStore() for each in every}
    with ExitStack() as stack:
        nodes = {each: stack.enter_context(Node(config, store=stores[each])) for each, config in every.items()}
        eventually(lambda: are_voters(nodes))
    following = dict(zip("abcde", "bcdea", strict=True))
    swapped = {each: replace(config, listen=every[following[each]].listen) for each, config in every.items()}
    moved = swapped if is_swap else seeded(configs(tmp_path, "abcde", **QUICK))
    with running({each: Node(config, store=stores[each]) for each, config in moved.items()}) as cluster:
        cluster.leader()


def three_and_one(tmp_path: Path) -> tuple[dict[str, Config], Config]:
    """A list of three nodes, and a fourth one that finds them by their addresses."""
    every = configs(tmp_path, "abcd", **QUICK)
    seeds = [every[each].listen for each in "abc"]
    three = {
        each: replace(every[each], peers={peer: at for peer, at in every[each].peers.items() if peer != "d"})
        for each in "abc"
    }
    return three, replace(every["d"], peers={}, seeds=seeds)


def test_a_node_announced_without_an_address_joins_a_list(tmp_path: Path):
    three, config = three_and_one(tmp_path)
    with running({each: Node(known, store=MemoryStore()) for each, known in three.items()}) as cluster:
        cluster.leader().members.add("d", timeout=DEADLINE_S)
        with Node(config, store=MemoryStore()) as node:
            eventually(lambda: is_ready(node))
            Cluster({**cluster.nodes, "d": node}).settle()


def test_a_node_that_joined_a_list_moves(tmp_path: Path):
    three, config = three_and_one(tmp_path)
    store = MemoryStore()
    with running({each: Node(known, store=MemoryStore()) for each, known in three.items()}) as cluster:
        with Node(config, store=store) as node:
            eventually(lambda: is_ready(node))
        with Node(elsewhere(config), store=store) as node:
            Cluster({**cluster.nodes, "d": node}).settle()


def test_the_leader_writes_down_its_own_address(tmp_path: Path):
    config = replace(configs(tmp_path, "a", **QUICK)["a"], listen="127.0.0.1:0")
    with Node(config, store=MemoryStore()) as node:
        eventually(lambda: node._context.configuration.member("a").address == str(node.address))
        assert status(node).membership.members[0].address == str(node.address)
