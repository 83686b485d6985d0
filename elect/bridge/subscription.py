"""One subscriber: its callbacks, and the state that they know."""

from collections.abc import Callable

from elect.bridge.leadership import Leadership
from elect.leader import Leader

OnLeadership = Callable[[Leadership], object]
OnLeader = Callable[[Leader | None], object]


class Subscription:
    """Callbacks of one election. They run on the thread of the node's callbacks, one at a time, in order.

    Made by `Election.subscribe`.

    Attributes:
        election: the name of the election.
        node_id: of this node.
        leadership: reported as elected, and not yet as lost; or None.
        leader: node id and term of the leader reported last, or None.
        is_cancelled: no more callbacks are wanted.
    """

    def __init__(
        self,
        election: str,
        node_id: str,
        on_elected: OnLeadership | None,
        on_lost: OnLeadership | None,
        on_leader: OnLeader | None,
    ) -> None:
        self.election = election
        self.node_id = node_id
        self.leadership: Leadership | None = None
        self.leader: tuple[str, int] | None = None
        self.is_cancelled = False
        self._on_elected = on_elected
        self._on_lost = on_lost
        self._on_leader = on_leader

    def name(self, callback: str) -> str:
        """Return the name of a callback in a log line: a process may have several nodes and elections."""
        return f"{callback} of election {self.election!r} on node {self.node_id}"

    def cancel(self) -> None:
        """End the callbacks; one that runs now still returns. Idempotent; never waits."""
        self.is_cancelled = True

    def elected(self, leadership: Leadership) -> object:
        """Report that this node leads, unless that leadership is over by now.

        Returns:
            The callback's result.

        Raises:
            Exception: from the callback.
        """
        if self.is_cancelled or self.leadership is not None or leadership.lost.is_set():
            return None
        self.leadership = leadership
        return None if self._on_elected is None else self._on_elected(leadership)

    def lost(self, leadership: Leadership) -> object:
        """Report that a leadership is over, if it was reported as elected.

        Returns:
            The callback's result.

        Raises:
            Exception: from the callback.
        """
        if self.is_cancelled or self.leadership is not leadership:
            return None
        self.leadership = None
        return None if self._on_lost is None else self._on_lost(leadership)

    def changed(self, leader: Leader | None) -> object:
        """Report the leader, or None, unless it is the one reported last.

        Returns:
            The callback's result.

        Raises:
            Exception: from the callback.
        """
        key = None if leader is None else (leader.node_id, leader.term)
        if self.is_cancelled or key == self.leader:
            return None
        self.leader = key
        return None if self._on_leader is None else self._on_leader(leader)
