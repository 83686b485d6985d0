"""A step of a small world, and a trace of steps as one line of text that can be pasted."""

from dataclasses import dataclass
from enum import StrEnum

from elect.testing.explore.renaming import NODES

Move = tuple[str, int, int, int]
"""A step by places: its verb (plain text, which is hashed faster), the node, the peer, the count."""


class Verb(StrEnum):
    """The kind of a step."""

    DELIVER = "deliver"
    COPY = "copy"
    OVERTAKE = "overtake"
    LOSE = "lose"
    TICK = "tick"
    WRITE = "write"
    FAIL = "fail"
    CAMPAIGN = "campaign"
    ABANDON = "abandon"
    LOWER = "lower"
    RESIGN = "resign"
    DEMOTE = "demote"
    REMOVE = "remove"
    PROMOTE = "promote"
    ACKNOWLEDGE = "acknowledge"
    CRASH = "crash"
    RESTART = "restart"
    CLOSE = "close"
    DIAL = "dial"
    RESET = "reset"
    WAIT = "wait"
    CALM = "calm"


@dataclass(frozen=True, slots=True, order=True)
class Step:
    """One step.

    >>> Step.parse("deliver a>b")
    Step(verb=<Verb.DELIVER: 'deliver'>, node='a', peer='b', count=0)

    Attributes:
        verb: the kind of step.
        node: the node that it happens to; for a link, the node that dialed it.
        peer: the other end of that link; for a change of the members, the member that it is about.
        count: for a message, the number of older links between the two that still hold frames or are broken; for a
            crash, the number of writes that reached the disk.
    """

    verb: Verb
    node: str = ""
    peer: str = ""
    count: int = 0

    def __str__(self) -> str:
        words = [self.verb.value, self.node + (f">{self.peer}" if self.peer else "")]
        return " ".join([word for word in words if word] + ([str(self.count)] if self.count else []))

    @classmethod
    def parse(cls, text: str) -> "Step":
        """Read the text that `str` writes.

        Raises:
            ValueError: the text is no step.
        """
        verb, *rest = text.split()
        nodes = rest.pop(0) if rest and not rest[0].isdigit() else ""
        node, _, peer = nodes.partition(">")
        return cls(Verb(verb), node, peer, int(rest.pop()) if rest else 0)


_OF_LINKS = (Verb.DELIVER, Verb.COPY, Verb.OVERTAKE, Verb.LOSE, Verb.CLOSE, Verb.RESET, Verb.DIAL)
_OF_MEMBERS = (Verb.DEMOTE, Verb.REMOVE, Verb.PROMOTE)
_OF_NO_NODE = (Verb.WAIT, Verb.CALM)


@dataclass(frozen=True, slots=True)
class Trace:
    """Steps from the world in which all of `nodes` nodes are connected and support each other.

    `str` writes it on one line, `Trace.parse` reads that.
    """

    nodes: int
    steps: tuple[Step, ...] = ()

    def __str__(self) -> str:
        return "; ".join([f"{self.nodes} nodes", *map(str, self.steps)])

    @classmethod
    def parse(cls, text: str) -> "Trace":
        """Read the text that `str` writes, or the `replay` of a violation, which has that text in quotation marks.

        Raises:
            ValueError: the text is no trace.
        """
        quoted = text.split('"')
        nodes, *steps = quoted[len(quoted) > 1].split("; ")
        return cls(int(nodes.removesuffix(" nodes")), tuple(map(Step.parse, steps)))


def move_of(step: Step) -> Move:
    """Return a step by places."""
    node, peer = (NODES.index(name) if name else 0 for name in (step.node, step.peer))
    return (step.verb.value, node, peer, step.count)


def step_of(move: Move) -> Step:
    """Return a move by names."""
    name, node, peer, count = move
    verb = Verb(name)
    return Step(
        verb=verb,
        node="" if verb in _OF_NO_NODE else NODES[node],
        peer=NODES[peer] if verb in _OF_LINKS + _OF_MEMBERS else "",
        count=count,
    )


class Broken(Exception):  # noqa: N818 (the search's result, not an error)
    """A promise was broken: its name and the detail."""

    def __init__(self, invariant: str, detail: str) -> None:
        super().__init__(invariant, detail)
        self.invariant = invariant
        self.detail = detail
