"""The state of the demo's nodes, as their own events report it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from elect.testing.real_processes import ProcessEvent


class NodeActivity(StrEnum):
    """The activity of a node, as the picture shows it."""

    STARTING = "starting"
    FOLLOWING = "following"
    LEADING = "leading"
    HUNG = "hung"
    GONE = "gone"


@dataclass(slots=True)
class NodeView:
    """One node.

    Attributes:
        node_id: its id.
        activity: the present one.
        since: its begin, seconds of the boot clock.
        term: the highest in its events.
        leader: the leader that it knows.
        supporters: the peers whose support it counts.
        started_at: the moment at which its process was ready.
        history: all activities, each with its begin.
    """

    node_id: str
    activity: NodeActivity = NodeActivity.STARTING
    since: float = 0.0
    term: int = 0
    leader: str | None = None
    supporters: set[str] = field(default_factory=set)
    started_at: float = 0.0
    history: list[tuple[float, NodeActivity]] = field(default_factory=list)

    def begin(self, activity: NodeActivity, at: float) -> None:
        """Change the activity at a moment."""
        self.activity, self.since = activity, at
        self.history.append((at, activity))

    def activity_at(self, moment: float) -> NodeActivity | None:
        """Return the activity at a moment; None before the node was created."""
        return next((activity for begin, activity in reversed(self.history) if begin <= moment), None)


class ClusterView:
    """The state of all nodes.

    Args:
        node_ids: the ids of the nodes.
        now: seconds of the boot clock.
    """

    def __init__(self, node_ids: tuple[str, ...], now: float) -> None:
        self.nodes = {node_id: NodeView(node_id) for node_id in node_ids}
        for node in self.nodes.values():
            node.begin(NodeActivity.STARTING, now)

    @property
    def leader(self) -> NodeView | None:
        """The node that reports that it leads, or None."""
        return next((node for node in self.nodes.values() if node.activity is NodeActivity.LEADING), None)

    def is_settled(self, now: float, fence_s: float) -> bool:
        """Return whether one node leads, all others know it, all support each other, and all may vote.

        Args:
            now: seconds of the boot clock.
            fence_s: the time after its start in which a node grants no vote.
        """
        leader = self.leader
        return leader is not None and all(
            node.activity in (NodeActivity.LEADING, NodeActivity.FOLLOWING)
            and (node is leader or node.leader == leader.node_id)
            and len(node.supporters) == len(self.nodes) - 1
            and now - node.started_at > fence_s
            for node in self.nodes.values()
        )

    def apply(self, event: ProcessEvent) -> None:
        """Change the state of a node by one of its events."""
        node = self.nodes[event.node]
        if event.event == "peer" and event.peer is not None:
            (node.supporters.add if event.supported else node.supporters.discard)(event.peer)
        elif event.event == "leader":
            node.leader = event.leader
            node.term = max(node.term, event.term or 0)
        else:
            self._change_activity(node, event)

    def _change_activity(self, node: NodeView, event: ProcessEvent) -> None:
        match event.event:
            case "started":
                node.started_at = event.boottime
                node.begin(NodeActivity.FOLLOWING, event.boottime)
            case "elected":
                node.term = event.term or 0
                node.begin(NodeActivity.LEADING, event.boottime)
            case "lost" if node.activity is NodeActivity.LEADING:
                node.begin(NodeActivity.FOLLOWING, event.boottime)
            case "paused":
                node.begin(NodeActivity.HUNG, event.boottime)
            case "continued":
                node.begin(NodeActivity.FOLLOWING, event.boottime)
            case "killed" | "stopped":
                node.begin(NodeActivity.GONE, event.boottime)
                node.leader = None
                node.supporters.clear()
            case _:
                pass

    def strip(self, node: NodeView, now: float, cells: int, cell_s: float) -> Iterator[NodeActivity | None]:
        """Return the latest activities of a node, oldest first, one for each `cell_s`, aligned so that they scroll."""
        latest = int(now / cell_s)
        for cell in range(latest - cells + 1, latest + 1):
            yield node.activity_at(min(now, (cell + 1) * cell_s))
