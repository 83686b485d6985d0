"""One election's present, as the protocol's thread last told it."""

import threading

from elect.bridge.leadership import Leadership
from elect.core.events import Role
from elect.leader import Leader


class Occupant:
    """One body of `lead` or `run`.

    Attributes:
        leadership: the one that it took, or tried to take.
        thread: in which it works.
    """

    __slots__ = ("leadership", "thread")

    def __init__(self) -> None:
        self.leadership: Leadership | None = None
        self.thread = threading.current_thread()


class PublishedElection:
    """What threads of the application look at and wait for. Changed within `Engine.changing`, and without a lock.

    Attributes:
        election: its name.
        leadership: this node's, from Elected to Lost.
        leader_change: how often the known leader has changed, and whom this node knows to lead.
        role: this node's, since the term `role_term`.
    """

    __slots__ = ("_occupants", "election", "leader_change", "leadership", "role", "role_term")

    def __init__(self, election: str) -> None:
        self.election = election
        self.leadership: Leadership | None = None
        self.leader_change: tuple[int, Leader | None] = (0, None)
        self.role = Role.FOLLOWER
        self.role_term = 0
        self._occupants: dict[str, Occupant] = {}

    @property
    def leader(self) -> Leader | None:
        """Whom this node knows to lead."""
        return self.leader_change[1]

    @leader.setter
    def leader(self, leader: Leader | None) -> None:
        self.leader_change = (self.leader_change[0] + 1, leader)

    @property
    def occupant(self) -> Occupant | None:
        """The body that works in a leadership; one at a time."""
        return self._occupants.get(self.election)

    def has_resigned(self, term: int) -> bool:
        """Whether this node plays no leader's part in that term any more, not even one that is about to end."""
        return self.role is not Role.LEADER or self.role_term != term

    def occupy(self, occupant: Occupant) -> Leadership | None:
        """Take the leadership for this body, if there is a valid one and no body works; None: not now."""
        leadership = self.leadership
        if leadership is None or not leadership.valid():
            return None
        occupant.leadership = leadership
        # To look and to take is one step: several threads may want it, and a signal may come in between.
        return leadership if self._occupants.setdefault(self.election, occupant) is occupant else None

    def vacate(self, occupant: Occupant) -> None:
        """Let another body in, if it was this one that worked."""
        if self.occupant is occupant:
            del self._occupants[self.election]
