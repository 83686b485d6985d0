"""Plays a trace with real Electors: nothing is merged, renamed or looked up."""

from elect.testing.explore.bounds import Bounds
from elect.testing.explore.explored_world import ExploredWorlds
from elect.testing.explore.history import Broken
from elect.testing.explore.message_texts import describe_step
from elect.testing.explore.trace import Trace, move_of
from elect.testing.simulation.transcript import describe
from elect.testing.simulation.violation import InvariantViolation

_PLENTY = 1_000_000


def replay(trace: Trace | str) -> list[str]:
    """Play a trace.

    Args:
        trace: as a value or as text, or the `replay` of a violation.

    Returns:
        One line a step: what happened, and what the nodes told of it.

    Raises:
        InvariantViolation: a promise is broken.
        ValueError: a step is not possible where it comes.
    """
    if isinstance(trace, str):
        trace = Trace.parse(trace)
    worlds = ExploredWorlds(trace.nodes, Bounds(**dict.fromkeys(Bounds.names(), _PLENTY)), is_merging=False)
    world, lines = worlds.first(), list[str]()
    for number, step in enumerate(trace.steps, start=1):
        line = f"{number:3} {describe_step(worlds, world, step)}"
        worlds.settings.events.clear()
        broken = None
        try:
            after = worlds.apply(world, move_of(step))
        except Broken as error:
            after, broken = world, error
        lines.append("; ".join([line, *[f"{node_id} {describe(event)}" for node_id, event in worlds.settings.events]]))
        if broken is not None:
            played = Trace(trace.nodes, trace.steps[:number])
            command = f'python -m elect.testing.explore --replay "{played}"'
            raise InvariantViolation(broken.invariant, broken.detail, lines, command)
        if after is None:
            raise ValueError(f"step {number}, {step}: not possible there")
        world = after
    return lines
