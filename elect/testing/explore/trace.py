"""A way through small worlds, step by step, as one line of text that can be pasted."""

from dataclasses import dataclass

from elect.testing.explore.explored_step import Step, Verb
from elect.testing.explore.explored_world import Move
from elect.testing.explore.naming import NODES

_OF_LINKS = (Verb.DELIVER, Verb.COPY, Verb.OVERTAKE, Verb.LOSE, Verb.CLOSE, Verb.RESET, Verb.DIAL)


@dataclass(frozen=True, slots=True)
class Trace:
    """Steps of a world of so many nodes, all connected and supporting each other at first.

    `str` writes it on one line, `Trace.parse` reads that again.
    """

    nodes: int
    steps: tuple[Step, ...] = ()

    def __str__(self) -> str:
        return "; ".join([f"{self.nodes} nodes", *map(str, self.steps)])

    @classmethod
    def parse(cls, text: str) -> "Trace":
        """Read what `str` writes, or the `replay` of a violation, which has it in quotation marks.

        Raises:
            ValueError: it is no trace.
        """
        quoted = text.split('"')
        nodes, *steps = quoted[len(quoted) > 1].split("; ")
        return cls(int(nodes.removesuffix(" nodes")), tuple(map(Step.parse, steps)))


def move_of(step: Step) -> Move:
    """The step by places."""
    node, peer = (NODES.index(name) if name else 0 for name in (step.node, step.peer))
    return (step.verb.value, node, peer, step.count)


def step_of(move: Move) -> Step:
    """The step by names."""
    name, node, peer, count = move
    verb = Verb(name)
    return Step(
        verb=verb,
        node="" if verb is Verb.WAIT else NODES[node],
        peer=NODES[peer] if verb in _OF_LINKS else "",
        count=count,
    )
