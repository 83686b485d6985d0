"""The present state of one election, as the orchestrator thread published it last."""

import threading

from elect.bridge.leadership import Leadership
from elect.core.events import Role
from elect.leader import Leader


class LeadershipUser:
    """One block of `lead`, or one call of the work of `run`.

    Attributes:
        leadership: the one that it uses, or tried to use.
        thread: the thread that it works in.
    """

    __slots__ = ("leadership", "thread")

    def __init__(self) -> None:
        self.leadership: Leadership | None = None
        self.thread = threading.current_thread()


class PublishedElection:
    """The state that application threads read and wait for. Changed inside `NodeContext.changing`, without a lock.

    Attributes:
        election: its name.
        leadership: of this node, from Elected to Lost.
        leader_change: the number of changes of the known leader, and that leader.
        leader_term: the highest term of a leader that this node knew; 0: it knew none.
        role: of this node in the term `role_term`.
    """

    __slots__ = ("_users", "election", "leader_change", "leader_term", "leadership", "role", "role_term")

    def __init__(self, election: str) -> None:
        self.election = election
        self.leadership: Leadership | None = None
        self.leader_change: tuple[int, Leader | None] = (0, None)
        self.leader_term = 0
        self.role = Role.FOLLOWER
        self.role_term = 0
        self._users: dict[str, LeadershipUser] = {}

    @property
    def leader(self) -> Leader | None:
        """The leader that this node knows, or None."""
        return self.leader_change[1]

    @leader.setter
    def leader(self, leader: Leader | None) -> None:
        if leader is not None:
            self.leader_term = max(self.leader_term, leader.term)
        self.leader_change = (self.leader_change[0] + 1, leader)

    @property
    def in_use_by(self) -> LeadershipUser | None:
        """The block or work that uses the leadership now; one at a time."""
        return self._users.get(self.election)

    def has_resigned(self, term: int) -> bool:
        """Return whether this node has stopped leading in that term, its resignation included."""
        return self.role is not Role.LEADER or self.role_term != term

    def try_enter(self, user: LeadershipUser) -> Leadership | None:
        """Return the leadership for this user, or None: no lease is valid, or another user works in it."""
        leadership = self.leadership
        if leadership is None or not leadership.valid():
            return None
        user.leadership = leadership
        # One step: several threads may try, and a signal handler may run in between.
        return leadership if self._users.setdefault(self.election, user) is user else None

    def leave(self, user: LeadershipUser) -> None:
        """Let another user enter, if this one had."""
        if self.in_use_by is user:
            del self._users[self.election]
