"""A cluster, and who writes down what happens there."""

from collections.abc import Callable

from elect.core.elector import Elector
from elect.core.ready import Ready
from elect.testing.manual.cluster_settings import ELECTION, ClusterSettings
from elect.testing.manual.manual_cluster import ManualCluster
from tests.scenarios.language.narrator import Narrator


class Scene:
    """One play's, from its `nodes` on."""

    def __init__(self) -> None:
        self.narrator = Narrator()
        self._cluster: ManualCluster | None = None
        self._holders: dict[str, list[str]] = {}

    @property
    def cluster(self) -> ManualCluster:
        """Raises:
        ValueError: the play has not begun.
        """
        if self._cluster is None:
            raise ValueError("a play begins with `nodes`")
        return self._cluster

    def begin(self, settings: ClusterSettings) -> None:
        self._cluster = ManualCluster(settings, listener=self.narrator)
        self.narrator.take()

    def node(self, node_id: str) -> str:
        """Raises:
        ValueError: there is no such node.
        """
        if node_id not in self.cluster.nodes:
            raise ValueError(f"no node {node_id!r}; {' '.join(self.cluster.nodes)} play")
        return node_id

    def give(self, node_id: str, call: Callable[[Elector, int], Ready]) -> None:
        self.cluster.input(self.node(node_id), call)

    def lease_changes(self) -> list[str]:
        """Who holds the lease now, if that changed since the last time."""
        if self._cluster is None:
            return []
        holders: dict[str, list[str]] = {}
        for election in self._cluster.settings.elections:
            for node_id in self._cluster.holders(election):
                holders.setdefault(node_id, []).append(election)
        before, self._holders = self._holders, holders
        if holders == before:
            return []
        if list(self._cluster.settings.elections) == [ELECTION]:
            return [f"=> {next(iter(holders), 'nobody')} holds the lease"]
        counts = (f"{node_id} holds {len(holders.get(node_id, []))}" for node_id in self._cluster.nodes)
        return [f"=> leases: {', '.join(counts)}"]
