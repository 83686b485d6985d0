"""Which of the elections led here another node heads, listed so that no interval has to search all of them.

Source: PROTOCOL.md, section 6, "Failback".
"""

from dataclasses import dataclass

from elect.core.messages import Standing


@dataclass(slots=True)
class Contender:
    """The priority of one voter, as the order of failback sees it.

    Attributes:
        priority: its priority now; 0 while it is not electable.
        highest: the highest of this one and those shortly before it.
        since: since when it has this priority without a break (ns).
    """

    priority: int = 0
    highest: int = 0
    since: int = 0

    def is_steady(self, now: int, failback_ns: int) -> bool:
        """Return whether it has had this priority for `failback_ns`."""
        return now - self.since >= failback_ns

    def highest_at(self, now: int, failback_ns: int) -> int:
        """Return the highest priority that it has had in the last `failback_ns`, or shortly before."""
        return self.priority if self.is_steady(now, failback_ns) else self.highest

    def note(self, priority: int, now: int, failback_ns: int) -> None:
        """Note its priority; a higher one that it had counts on until the next has lasted `failback_ns`."""
        if priority != self.priority:
            self.highest = max(self.highest_at(now, failback_ns), priority)
            self.priority, self.since = priority, now


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedBack:
    """The latest failback of an election: to which process, when (ns), and after which wait."""

    successor: str
    incarnation: int
    at: int
    wait_ns: int


class FailbackLists:
    """The lists that failback goes through, a bounded part in each interval.

    Attributes:
        electable: those of the node when it last noted who contends, and `priority` its own.
        contenders: by voter.
        order: what the head of an election rests on, as of the latest look.
        unchecked: elections led here whose head is to be computed.
        headed: by node, the elections led here that it heads, each with the time (ns) at which that node was first seen
            not to follow, or None while it follows.
        handed: by election, the latest failback.
        unacknowledged: handed back in this interval, and the application has not acknowledged that.
        acknowledged: those that it has acknowledged, each with its term; they end together.
    """

    def __init__(self) -> None:
        self.electable: tuple[tuple[str, Standing], ...] = ()
        self.priority = 0
        self.contenders: dict[str, Contender] = {}
        self.order: tuple[tuple[str, int], ...] = ()
        self.unchecked: dict[str, None] = {}
        self.headed: dict[str, dict[str, int | None]] = {}
        self.handed: dict[str, HandedBack] = {}
        self.unacknowledged: set[str] = set()
        self.acknowledged: dict[str, int] = {}
