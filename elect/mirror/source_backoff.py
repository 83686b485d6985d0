"""SourceBackoff: which node of the source is dialed next, and after which wait. Pure: time and randomness are given.

The nodes are tried in turn. A round over all of them is made without a wait; then comes a wait, which doubles from
round to round. A link that held for HELD_NS ends this: the next round begins with the shortest wait.
"""

import random
from collections.abc import Sequence

from elect.clock import NS_PER_S
from wire.protocol.address import Address

FIRST_NS = 500_000_000
LONGEST_NS = 30 * NS_PER_S
JITTER = 0.25
"""Many mirrors lose the same source at the same moment; they do not come back at the same moment."""

HELD_NS = 5 * NS_PER_S
"""A link that breaks sooner, each time, would be dialed twice a second for ever."""


class SourceBackoff:
    """The turns and waits of one mirror.

    Args:
        addresses: of nodes of the source, at least one.
        rng: for the random part of each wait.

    Attributes:
        attempts: dials since the last link that held.
    """

    def __init__(self, addresses: Sequence[Address], rng: random.Random) -> None:
        self._addresses = tuple(addresses)
        self._rng = rng
        self._place = -1
        self._untried = len(addresses)
        self._wait_ns = FIRST_NS
        self._opened_at: int | None = None
        self.attempts = 0

    def next_address(self) -> Address:
        """Return the address to dial now."""
        self.attempts += 1
        self._place = (self._place + 1) % len(self._addresses)
        self._untried -= 1
        self._opened_at = None
        return self._addresses[self._place]

    def note_opened(self, now: int) -> None:
        """Note that the source has welcomed this mirror."""
        self._opened_at = now

    def wait_ns(self, now: int) -> int:
        """Return the wait after a dial that failed, or a link that ended; 0: another node has its turn."""
        if self._opened_at is not None and now - self._opened_at >= HELD_NS:
            self._wait_ns = FIRST_NS
            self._untried = len(self._addresses) - 1
            self.attempts = 0
        if self._untried > 0:
            return 0
        self._untried = len(self._addresses)
        wait_ns = self._wait_ns
        self._wait_ns = min(2 * wait_ns, LONGEST_NS)
        return int(wait_ns * self._rng.uniform(1 - JITTER, 1 + JITTER))
