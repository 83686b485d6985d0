"""The object that an application holds while its node leads."""

import math
from collections.abc import Callable

from elect.bridge.lease_table import LeaseTable
from elect.bridge.signal_safe_event import SignalSafeEvent
from elect.clock import NS_PER_S
from elect.core.events import LossReason
from elect.core.quorum import FOREVER
from elect.errors import LeadershipLost

GiveUp = Callable[["Leadership", LossReason], None]
"""Posts to the orchestrator thread that a leadership is given up; never waits."""


class Leadership:
    """A period in which this node leads on a valid lease. Once lost it stays lost; a renewed lease makes a new one.

        with node.lead() as leadership:
            while not leadership.lost.wait(1.0):
                store.write(next_order(), token=leadership.token)

    Attributes:
        election: the name of the election.
        node_id: the id of this node.
        token: the fencing token, which is the term. Send it with each write; the store refuses one below its highest.
        lost: an Event that is set when this process learns that the leadership is over. `valid` asks the clock.
        reason: why it was lost; None before.
    """

    def __init__(self, *, election: str, node_id: str, token: int, leases: LeaseTable, give_up: GiveUp) -> None:
        self.election = election
        self.node_id = node_id
        self.token = token
        self.lost = SignalSafeEvent()
        self.reason: LossReason | None = None
        self.is_resigned = False
        self._leases = leases
        self._give_up = give_up

    def __repr__(self) -> str:
        state = f"lost ({self.reason})" if self.lost.is_set() else "held"
        return f"<Leadership of {self.election!r} by {self.node_id!r}, token {self.token}: {state}>"

    def remaining(self) -> float:
        """Return the seconds until the lease ends unless it is extended: 0.0 once lost, infinity without peers."""
        if self.lost.is_set():
            return 0.0
        remaining_ns = self._leases.remaining_ns(self.election, self.token)
        return math.inf if remaining_ns == FOREVER else remaining_ns / NS_PER_S

    def valid(self) -> bool:
        """Return whether the lease is valid at this call, by this node's clock. Never blocks, never raises."""
        return not self.lost.is_set() and self._leases.token(self.election) == self.token

    def check(self) -> None:
        """Raise unless the lease is valid at this call.

        Raises:
            LeadershipLost: the lease is not valid.
        """
        if (loss := self.loss()) is not None:
            raise LeadershipLost(self.election, self.token, loss)

    def loss(self) -> LossReason | None:
        """Return the reason why the lease is not valid at this call; None while it is valid.

        Before `lost` is set only the end of the lease is known: the node has ended, or the lease has lapsed.
        """
        if self.valid():
            return None
        if self.reason is not None:
            return self.reason
        return LossReason.STOPPED if self._leases.is_closed else LossReason.LEASE_LAPSED

    def resign(self) -> None:
        """Give this leadership up; it is lost when this returns. Idempotent; never waits."""
        self.is_resigned = True
        self.give_up(LossReason.RESIGNED)

    def give_up(self, reason: LossReason) -> None:
        """Give this leadership up for a reason. It is lost at once, also when elect's own threads have ended."""
        if not self.lost.is_set():
            # First: after an interrupt it must not be lost here and led for the other nodes.
            self._give_up(self, reason)
            self.end(reason)

    def end(self, reason: LossReason) -> None:
        """End the lease, and set `lost`. The reason of a lease that is over already stays."""
        self._set_reason(self._over() or reason)  # first: a thread that finds no lease asks for the reason
        self._leases.give_up(self.election, self.token)
        self.mark_lost(reason)

    def _over(self) -> LossReason | None:
        """Return why the lease is over already; None while it holds, and where its claim was taken back meanwhile."""
        claimed, _ = self._leases.read(self.election)
        return self.loss() if claimed == self.token or self._leases.is_closed else None

    def mark_lost(self, reason: LossReason) -> None:
        """Set `lost`, and `reason` unless it is set."""
        self._set_reason(reason)
        self.lost.set()

    def _set_reason(self, reason: LossReason) -> None:
        if self.reason is None:
            self.reason = reason
