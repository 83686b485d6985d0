"""One election's present, as the protocol's thread last told it."""

from elect.core.ready import Role
from elect.leader import Leader
from elect.leadership import Leadership


class Seat:
    """What threads of the application look at and wait for. Changed and waited for under `Engine.changed`.

    Attributes:
        election: its name.
        leadership: this node's, from Elected to Lost.
        leader: whom this node knows to lead.
        leader_count: counts the changes of it.
        role: this node's, since the term `role_term`.
        occupant: the leadership in which a body of `lead` or `run` works; one at a time.
    """

    __slots__ = ("election", "leader", "leader_count", "leadership", "occupant", "role", "role_term")

    def __init__(self, election: str) -> None:
        self.election = election
        self.leadership: Leadership | None = None
        self.leader: Leader | None = None
        self.leader_count = 0
        self.role = Role.FOLLOWER
        self.role_term = 0
        self.occupant: Leadership | None = None

    def has_resigned(self, term: int) -> bool:
        """Whether this node plays no leader's part in that term any more, not even one that is about to end."""
        return self.role is not Role.LEADER or self.role_term != term

    def occupy(self) -> Leadership | None:
        """Take the leadership for one body, if there is a valid one and no body works; None: not now."""
        leadership = self.leadership
        if self.occupant is not None or leadership is None or not leadership.valid():
            return None
        self.occupant = leadership
        return leadership
