"""Real nodes of one cluster in this process, over loopback."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from elect import Config, Node, NotLeader
from elect.monitoring.status import Status
from elect.storage.store import MemoryStore, Store
from elect.testing.real_processes import free_ports
from wire.common.deadline import now_s

DEADLINE_S = 60.0
"""Each wait takes milliseconds; a busy machine may take much longer, and a test that passes waits no longer for it."""

SUPPORT_DURATION_S = 0.6
"""Near the least: a new node waits for this time before it leads."""

IN_TURN = {"heartbeat_interval": 1.0, "support_duration": 3.0}
"""Settings of a test that says which node leads next: the first in the order has an interval for itself, and a busy
machine or disk may hold it up for longer than the default of one."""

Found = TypeVar("Found")


def eventually(find: Callable[[], Found], deadline_s: float = DEADLINE_S) -> Found:
    """Return the result of `find` as soon as it is true."""
    ends_at = now_s() + deadline_s
    while not (found := find()):
        assert now_s() < ends_at, "it did not happen in time"
        time.sleep(0.001)
    return found


def status(node: Node) -> Status:
    """Return the status of a running node, as soon as its orchestrator thread has a part in it."""
    return eventually(lambda: (found := node.status()).view and found)


def configs(
    directory: Path, node_ids: str = "abc", *, each: dict[str, dict[str, object]] | None = None, **settings: object
) -> dict[str, Config]:
    """Configurations of nodes that know each other; `each` has settings by node, `settings` those of all."""
    ports = free_ports(len(node_ids))
    addresses = {node_id: f"127.0.0.1:{port}" for node_id, port in zip(node_ids, ports, strict=True)}
    return {
        node_id: Config(
            **{
                "node": node_id,
                "cluster": "test",
                "listen": addresses[node_id],
                "peers": {peer: address for peer, address in addresses.items() if peer != node_id},
                "data_dir": directory / node_id,
                "metadata": {"name": f"node {node_id}"},
                "support_duration": SUPPORT_DURATION_S,
                **settings,
                **(each or {}).get(node_id, {}),
            }
        )
        for node_id in node_ids
    }


class Cluster:
    """Nodes by id, and the one that leads."""

    def __init__(self, nodes: dict[str, Node]) -> None:
        self.nodes = nodes

    def __getitem__(self, node_id: str) -> Node:
        return self.nodes[node_id]

    def leader(self, election: str = "default", *, besides: Node | None = None) -> Node:
        """The node that leads on a valid lease, as soon as there is one."""

        def find() -> Node | None:
            for node in self.nodes.values():
                found = node.find_election(election)
                if node is not besides and found is not None and found.is_leader:
                    return node
            return None

        return eventually(find)

    def hand_over(self, leader: Node) -> Node:
        """Have a leader resign until another node leads, and return that one.

        On a machine that stalls, the turns of the others may pass, and a node that resigned leads again.
        """

        def find() -> Node | None:
            with suppress(NotLeader):
                leader.resign(timeout=DEADLINE_S)
            return next((node for node in self.nodes.values() if node is not leader and node.is_leader), None)

        return eventually(find)

    def settle(self) -> None:
        """Wait until every node knows that all support each other: until then some do not count as electable."""
        for node in self.nodes.values():
            others = set(self.nodes) - {node.config.node}
            eventually(lambda node=node, others=others: _is_settled(node, others))

    def followers(self) -> list[Node]:
        leader = self.leader()
        return [node for node in self.nodes.values() if node is not leader]


def _is_settled(node: Node, others: set[str]) -> bool:
    peers = {peer["node"]: peer for peer in status(node).to_dict()["peers"]}
    return all(
        peer["is_supported"] and {*peer["supports"], peer_id, node.config.node} == {*others, node.config.node}
        for peer_id, peer in peers.items()
    )


@contextmanager
def cluster(
    directory: Path,
    node_ids: str = "abc",
    *,
    stores: dict[str, Store] | None = None,
    health: dict[str, Callable[[], object]] | None = None,
    **settings: object,
) -> Iterator[Cluster]:
    """A running cluster, on stores in memory unless others are given."""
    nodes = {
        node_id: Node(config, store=(stores or {}).get(node_id, MemoryStore()), health=(health or {}).get(node_id))
        for node_id, config in configs(directory, node_ids, **settings).items()
    }
    with running(nodes) as made:
        yield made


@contextmanager
def running(nodes: dict[str, Node]) -> Iterator[Cluster]:
    """The nodes, started and known to each other."""
    with ExitStack() as stack:
        for node in nodes.values():
            stack.enter_context(node)
        made = Cluster(nodes)
        made.settle()
        yield made


@contextmanager
def single(directory: Path, **options: object) -> Iterator[Node]:
    """A running cluster of one."""
    config = configs(directory, "a")["a"]
    with Node(config, **{"store": MemoryStore(), **options}) as node:
        eventually(lambda: node.is_leader)
        yield node
