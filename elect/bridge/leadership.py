"""What an application holds while its node leads."""

import math
from collections.abc import Callable

from elect.bridge.flag import Flag
from elect.bridge.lease_table import LeaseTable
from elect.core.events import LossReason
from elect.core.quorum import FOREVER
from elect.errors import LeadershipLost

NS_PER_S = 1_000_000_000

GiveUp = Callable[["Leadership", LossReason], None]
"""Tells the protocol's thread that a leadership was given up; never waits."""


class Leadership:
    """One stretch of leading on a valid lease. Once lost, it stays lost: a lease that comes back makes another one.

    Attributes:
        election: in which election.
        node_id: this node.
        token: the fencing token (the term): pass it to whatever the work writes to, which refuses lower ones.
        lost: an Event, set when it is over. It is set when this process gets to know; `valid` knows it by the clock.
        reason: why, once lost.
    """

    def __init__(self, *, election: str, node_id: str, token: int, leases: LeaseTable, give_up: GiveUp) -> None:
        self.election = election
        self.node_id = node_id
        self.token = token
        self.lost = Flag()
        self.reason: LossReason | None = None
        self.is_resigned = False
        self._leases = leases
        self._give_up = give_up

    def __repr__(self) -> str:
        state = f"lost ({self.reason})" if self.lost.is_set() else "held"
        return f"<Leadership of {self.election!r} by {self.node_id!r}, token {self.token}: {state}>"

    def remaining(self) -> float:
        """Seconds of lease that are left if nobody extends it; 0 when it is over, infinite without peers."""
        if self.lost.is_set():
            return 0.0
        remaining_ns = self._leases.remaining_ns(self.election, self.token)
        return math.inf if remaining_ns == FOREVER else remaining_ns / NS_PER_S

    def valid(self) -> bool:
        """Whether the lease holds at this call, by this node's clock. Never blocks, never raises."""
        return not self.lost.is_set() and self._leases.token(self.election) == self.token

    def check(self) -> None:
        """Return if the lease holds.

        Raises:
            LeadershipLost: it does not.
        """
        if not self.valid():
            raise LeadershipLost(self.election, self.token, self.reason or LossReason.LEASE_LAPSED)

    def resign(self) -> None:
        """Give it up; it is over when this returns. Idempotent; never waits."""
        self.is_resigned = True
        self.give_up(LossReason.RESIGNED)

    def give_up(self, reason: LossReason) -> None:
        """Give it up for a reason; no thread of ours needs to be alive for it to be over."""
        if not self.lost.is_set():
            self._give_up(self, reason)  # first: an interrupt must not leave it over here, and held for the other nodes
            self._leases.give_up(self.election, self.token)
            self.end(reason)

    def end(self, reason: LossReason | None) -> None:
        """Note that it is over; the first reason stays."""
        if not self.lost.is_set():
            self.reason = reason
            self.lost.set()

    def abandon(self) -> None:
        """In a forked child: over."""
        self.lost.set()
