"""What `is_leader` reads: this node's claims, and until when each peer's support for it counts.

Claims and support are published together and read together, under the only lock of the protocol: an old claim beside
a new support could pass for a lease that never was. The clock is read after them, so a thread that was frozen in
between finds out.

Source: PROTOCOL.md, section 4, "The lease"; ARCHITECTURE, section 1.
"""

import os
import threading
from collections.abc import Mapping

from elect.clock import Clock, now_ns
from elect.core.quorum import FOREVER, nth_largest
from elect.core.ready import Lease

NO_TERM = 0


class Leases:
    """The published table. One thread publishes; any thread, and any signal handler, asks.

    Nothing here raises or waits: the lock (a reentrant one, for signal handlers) is held for a few lookups.

    Args:
        clock: the node's.
    """

    def __init__(self, clock: Clock = now_ns) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._claims: dict[str, Lease] = {}
        self._counted: Mapping[str, int] = {}
        self._given_up: dict[str, int] = {}
        self._process_id = os.getpid()
        self._is_open = True

    def publish(self, leases: Mapping[str, Lease | None], counted: Mapping[str, int] | None) -> None:
        """Take what one Ready says of claims (None: given up) and of support (None: as before)."""
        if not leases and counted is None:
            return
        with self._lock:
            if not self._is_open:
                return
            if counted is not None:
                self._counted = counted
            for election, lease in leases.items():
                if lease is None or lease.term <= self._given_up.get(election, NO_TERM):
                    self._claims.pop(election, None)
                else:
                    self._claims[election] = lease

    def give_up(self, election: str, term: int) -> None:
        """Hold no lease in this term any more, from now on; the protocol's thread hears of it later."""
        with self._lock:
            self._given_up[election] = max(term, self._given_up.get(election, NO_TERM))
            claim = self._claims.get(election)
            if claim is not None and claim.term <= term:
                del self._claims[election]

    def close(self) -> None:
        """Hold no lease any more, for good."""
        with self._lock:
            self._is_open = False
            self._claims.clear()

    def abandon(self) -> None:
        """In a forked child: the lock may be in the hands of a thread that does not exist here."""
        self._lock = threading.RLock()
        self.close()

    def token(self, election: str) -> int:
        """The term in which this node leads on a lease valid now, or 0."""
        term, until = self.read(election)
        return term if self._clock() < until else NO_TERM

    def remaining_ns(self, election: str, term: int) -> int:
        """How long the lease of that term still holds, at least; 0: it does not."""
        claimed, until = self.read(election)
        if claimed != term:
            return 0
        return until if until == FOREVER else max(0, until - self._clock())

    def supports(self, peer: str) -> bool:
        """Whether a peer's support counts now."""
        return self._clock() < self._counted.get(peer, 0)

    def read(self, election: str) -> tuple[int, int]:
        """The claimed term, and until when it holds (ns); (0, 0) without a claim, and in another process."""
        if os.getpid() != self._process_id:
            return NO_TERM, 0
        with self._lock:
            lease = self._claims.get(election)
            if lease is None:
                return NO_TERM, 0
            return lease.term, _until(lease, self._counted)


def _until(lease: Lease, counted: Mapping[str, int]) -> int:
    """Until when a quorum supports and follows (ns)."""
    ends = [counted.get(follower, 0) for follower in lease.followers]
    return nth_largest(ends, lease.quorum - lease.counts_self)
