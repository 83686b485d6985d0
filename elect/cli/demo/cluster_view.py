"""What the nodes of the demo do, as far as their own words tell: a fold over events, for the view and the script."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from elect.testing.real_processes import ProcessEvent


class Doing(StrEnum):
    """What a person sees a node do."""

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
        doing: what it does now.
        since: since when, seconds of the boot clock.
        term: the latest it spoke of.
        leader: whom it knows to lead.
        supporters: peers whose support it counts.
        started_at: when its process was ready.
        past: what it did before, each with its begin.
    """

    node_id: str
    doing: Doing = Doing.STARTING
    since: float = 0.0
    term: int = 0
    leader: str | None = None
    supporters: set[str] = field(default_factory=set)
    started_at: float = 0.0
    past: list[tuple[float, Doing]] = field(default_factory=list)

    def begin(self, doing: Doing, at: float) -> None:
        """Do something else from `at` on."""
        self.doing, self.since = doing, at
        self.past.append((at, doing))

    def doing_at(self, moment: float) -> Doing | None:
        """What it did then; None: it was not there yet."""
        return next((doing for begin, doing in reversed(self.past) if begin <= moment), None)


class ClusterView:
    """All nodes.

    Args:
        node_ids: who takes part.
        now: seconds of the boot clock.
    """

    def __init__(self, node_ids: tuple[str, ...], now: float) -> None:
        self.actors = {node_id: NodeView(node_id) for node_id in node_ids}
        self.began = now
        for actor in self.actors.values():
            actor.begin(Doing.STARTING, now)

    @property
    def leader(self) -> NodeView | None:
        """Who leads now, by its own word."""
        return next((actor for actor in self.actors.values() if actor.doing is Doing.LEADING), None)

    def is_settled(self, now: float, fence_s: float) -> bool:
        """Whether one leads, all others know it, each supports each, and all may vote.

        Args:
            now: seconds of the boot clock.
            fence_s: for how long a node grants nothing after its start.
        """
        leader = self.leader
        return leader is not None and all(
            actor.doing in (Doing.LEADING, Doing.FOLLOWING)
            and (actor is leader or actor.leader == leader.node_id)
            and len(actor.supporters) == len(self.actors) - 1
            and now - actor.started_at > fence_s
            for actor in self.actors.values()
        )

    def take(self, event: ProcessEvent) -> None:
        """Take one event in."""
        actor = self.actors[event.node]
        if event.event == "peer" and event.peer is not None:
            (actor.supporters.add if event.supported else actor.supporters.discard)(event.peer)
        elif event.event == "leader":
            actor.leader = event.leader
            actor.term = max(actor.term, event.term or 0)
        else:
            self._change(actor, event)

    def _change(self, actor: NodeView, event: ProcessEvent) -> None:
        match event.event:
            case "started":
                actor.started_at = event.boottime
                actor.begin(Doing.FOLLOWING, event.boottime)
            case "elected":
                actor.term = event.term or 0
                actor.begin(Doing.LEADING, event.boottime)
            case "lost" if actor.doing is Doing.LEADING:
                actor.begin(Doing.FOLLOWING, event.boottime)
            case "paused":
                actor.begin(Doing.HUNG, event.boottime)
            case "continued":
                actor.begin(Doing.FOLLOWING, event.boottime)
            case "killed" | "stopped":
                actor.begin(Doing.GONE, event.boottime)
                actor.leader = None
                actor.supporters.clear()
            case _:
                pass

    def strip(self, actor: NodeView, now: float, cells: int, cell_s: float) -> Iterator[Doing | None]:
        """What a node did of late, oldest first: one value for each stretch of `cell_s`, aligned so that it scrolls."""
        latest = int(now / cell_s)
        for cell in range(latest - cells + 1, latest + 1):
            yield actor.doing_at(min(now, (cell + 1) * cell_s))
