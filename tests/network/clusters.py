"""A cluster of processes, each on a host of its own: it listens beyond loopback, and so needs a key or TLS."""

import itertools
from pathlib import Path
from typing import Self

from bench.rotation import Rotation
from elect.testing.real_processes import Plan, ProcessCluster, ProcessEvent, tenures
from tests.network.hosts import Net

NODES = ("a", "b", "c")


class HostCluster(ProcessCluster):
    """Nodes on the hosts of their names.

    Args:
        net: the hosts.
        directory: for files.
        security: `key` or `tls`.
    """

    def __init__(self, net: Net, directory: Path, security: str) -> None:
        self._net = net
        directory.mkdir(exist_ok=True)
        hosts = {node: net[node].address for node in NODES}
        lines = Rotation(directory, NODES, security).lines
        super().__init__(Plan(directory=directory, nodes=NODES, hosts=hosts, security=lines))

    def __enter__(self) -> Self:
        try:
            for node in self.nodes:
                self.start(node, on=node)
        except BaseException:
            self.close()
            raise
        return self

    def start(self, node: str, on: str) -> None:
        """Start a node's process on a host."""
        with self._net[on].inside():
            self.nodes[node].start()

    def settle(self) -> str:
        """The leader, once all follow it and support each other."""
        self.wait_for(lambda _: self._followed() is not None)
        return self._followed() or ""

    def _followed(self) -> str | None:
        latest = {(event.node, event.event, event.peer): event for event in self.events}
        supported = [latest.get((node, "peer", peer)) for node, peer in itertools.permutations(self.nodes, 2)]
        followed = {latest[node, "leader", None].leader for node in self.nodes if (node, "leader", None) in latest}
        holding = {tenure.node for tenure in tenures(self.events) if tenure.ends == float("inf")}
        is_whole = all(each is not None and each.supported for each in supported)
        return followed.pop() if is_whole and followed == holding and len(holding) == 1 else None

    def changes(self, since: int) -> list[ProcessEvent]:
        """Each gain and each loss of a lease from the `since`-th event on."""
        return [event for event in self.events[since:] if event.event in ("elected", "lost")]
