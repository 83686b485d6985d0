"""The faults of applications and operators."""

from functools import partial

from elect.testing.faults.fault_context import FaultContext
from elect.testing.faults.network_faults import LONG


def resign(context: FaultContext) -> None:
    """Resign an election to any voter, or to none."""
    election = context.election()
    node_id = context.leader(election) or context.node_id()
    to = context.rng.choice((None, context.rng.choice(context.hosts[node_id].voters)))
    context.tell(node_id, f"resigns {election} to {to}", lambda elector, now: elector.resign(now, election, to=to))


def leave(context: FaultContext) -> None:
    """Leave an election for a while."""
    election, node_id = context.election(), context.victim()
    context.tell(node_id, f"leaves {election}", lambda elector, now: elector.leave(now, election))
    context.later(LONG, context.tell, node_id, f"enters {election}", lambda elector, now: elector.enter(now, election))


def withhold(context: FaultContext, node_id: str = "") -> None:
    """Keep a node from being a candidate for a while: by command, or by its health hook."""
    node_id = node_id or context.victim()
    if context.rng.random() < 0.5:
        context.tell(node_id, "is paused by its operator", lambda elector, now: elector.set_paused(now, is_paused=True))
        context.later(LONG, _resume, context, node_id)
    else:
        context.note(f"{node_id} is unhealthy")
        context.hosts[node_id].set_healthy(is_healthy=False)
        context.later(LONG, partial(context.hosts[node_id].set_healthy, is_healthy=True))


def _resume(context: FaultContext, node_id: str) -> None:
    context.tell(node_id, "is resumed by its operator", lambda elector, now: elector.set_paused(now, is_paused=False))


def change_rank(context: FaultContext) -> None:
    """Change a node's priority and offset."""
    node_id, priority, offset = context.node_id(), context.rng.randrange(4), context.rng.randrange(3)
    text = f"has priority {priority}, offset {offset}"
    context.tell(node_id, text, lambda elector, now: elector.set_standing(now, priority=priority, offset=offset))
