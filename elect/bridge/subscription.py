"""One subscriber's callbacks, and what they were told last."""

from collections.abc import Callable

from elect.bridge.leadership import Leadership
from elect.leader import Leader

OnLeadership = Callable[[Leadership], object]
OnLeader = Callable[[Leader | None], object]


class Subscription:
    """Callbacks of one election; all on the dispatcher's thread, one at a time, in order.

    Attributes:
        election: of which election.
        told: the leadership that it was told of, and not yet that it is lost.
        leader: (node id, term) that it was told of last, or None.
        is_cancelled: it wants no more.
    """

    def __init__(
        self, election: str, on_elected: OnLeadership | None, on_lost: OnLeadership | None, on_leader: OnLeader | None
    ) -> None:
        self.election = election
        self.told: Leadership | None = None
        self.leader: tuple[str, int] | None = None
        self.is_cancelled = False
        self._on_elected = on_elected
        self._on_lost = on_lost
        self._on_leader = on_leader

    def cancel(self) -> None:
        """Call nothing any more, from the next callback on. Idempotent."""
        self.is_cancelled = True

    def elected(self, leadership: Leadership) -> object:
        """This node leads. A leadership that is over by now is not told of at all.

        Returns:
            What the callback returned.

        Raises:
            Exception: the callback's.
        """
        if self.is_cancelled or self.told is not None or leadership.lost.is_set():
            return None
        self.told = leadership
        return None if self._on_elected is None else self._on_elected(leadership)

    def lost(self, leadership: Leadership) -> object:
        """It does not lead any more; told only after `elected`.

        Returns:
            What the callback returned.

        Raises:
            Exception: the callback's.
        """
        if self.is_cancelled or self.told is not leadership:
            return None
        self.told = None
        return None if self._on_lost is None else self._on_lost(leadership)

    def changed(self, leader: Leader | None) -> object:
        """Another leader is known, or none; told once each.

        Returns:
            What the callback returned.

        Raises:
            Exception: the callback's.
        """
        key = None if leader is None else (leader.node_id, leader.term)
        if self.is_cancelled or key == self.leader:
            return None
        self.leader = key
        return None if self._on_leader is None else self._on_leader(leader)
