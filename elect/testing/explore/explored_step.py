"""What can happen next in a small world: one step, as a value and in words."""

from dataclasses import dataclass
from enum import StrEnum


class Verb(StrEnum):
    """A kind of step."""

    DELIVER = "deliver"
    COPY = "copy"
    OVERTAKE = "overtake"
    LOSE = "lose"
    TICK = "tick"
    WRITE = "write"
    FAIL = "fail"
    CAMPAIGN = "campaign"
    RESIGN = "resign"
    ACKNOWLEDGE = "acknowledge"
    CRASH = "crash"
    RESTART = "restart"
    CLOSE = "close"
    DIAL = "dial"
    RESET = "reset"
    WAIT = "wait"


@dataclass(frozen=True, slots=True, order=True)
class Step:
    """One step.

    Attributes:
        verb: what happens.
        node: to whom; the one that dialed the link, where a link is meant.
        peer: the other end of that link.
        count: where a message arrives how many older links between the two are left, with something on them or broken;
            with a crash how many of the writes under way reached the disk.
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
        """Read what `str` writes.

        Raises:
            ValueError: it is no step.
        """
        verb, *rest = text.split()
        nodes = rest.pop(0) if rest and not rest[0].isdigit() else ""
        node, _, peer = nodes.partition(">")
        return cls(Verb(verb), node, peer, int(rest.pop()) if rest else 0)
