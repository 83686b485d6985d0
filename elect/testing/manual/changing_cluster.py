"""A ManualCluster whose members change: nodes come, lose their disks, and go, and links follow the members."""

from elect.core.changes import Change
from elect.core.configuration import NO_MEMBERS
from elect.core.events import Event, Installed, PeerDismissed
from elect.testing.manual.manual_cluster import ManualCluster
from elect.testing.manual.manual_node import HeldFrame, ManualNode


class ChangingCluster(ManualCluster):
    """A cluster that a test changes."""

    def add(self, node_id: str) -> None:
        """Start a new node without a configuration, linked to nobody.

        Raises:
            ValueError: a node has that id.
        """
        if node_id in self.nodes:
            raise ValueError(f"{node_id} is there already")
        self.nodes[node_id] = self.settings.node(node_id, self.now, configuration=NO_MEMBERS)
        self._enter(node_id)

    def wipe(self, node_id: str) -> None:
        """Lose the disk of a dead node; it starts without a configuration.

        Raises:
            LookupError: the node is alive.
        """
        node = self.nodes[node_id]
        if node.is_alive:
            raise LookupError(f"{node_id} is alive")
        node.ballots, node.meetings, node.configuration = {}, {}, NO_MEMBERS
        node.incarnation = 0
        node.stores += self.settings.has_stores
        self.checks.forget_store(node_id)

    def change(self, node_id: str, change: Change) -> None:
        """Ask a node for a change.

        Raises:
            ChangeRefused: it cannot be made now.
            LookupError: the node is dead or suspended.
        """
        self.input(node_id, lambda elector, now: elector.change_members(now, change))

    def hand_over(self, source: str, target: str) -> None:
        """Install the configuration on the source's disk at the target, as the answer to a join."""
        configuration = self.nodes[source].configuration
        self.input(target, lambda elector, now: elector.install(now, configuration))

    def _heed(self, node: ManualNode, event: Event) -> None:
        """Dial new members and be dialed by them, and close the links with former ones."""
        if isinstance(event, Installed):
            for other in self.nodes.values():
                self._connect(node, other)
                self._connect(other, node)
        elif isinstance(event, PeerDismissed):
            link = node.links.pop(event.peer, None)
            if link is not None and (node.node_id, event.peer) not in self.cuts:
                node.under_way.setdefault(event.peer, []).append(HeldFrame(link=link, message=None))

    def _connect(self, source: ManualNode, target: ManualNode) -> None:
        """Dial, if the two are members for each other and have no link yet."""
        way = source.node_id, target.node_id
        is_known = all(
            one.node_id in other.elector.state.support.peers for one, other in ((source, target), (target, source))
        )
        is_open = target.node_id in source.links
        if is_known and not is_open and source.is_present and target.is_present and way not in self.cuts:
            self.dial(*way)
