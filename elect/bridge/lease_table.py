"""The table that `is_leader` reads: this node's claims, and until when each peer's support for it counts.

Claims and support are published together and read together: an old claim beside a new support, or a new claim beside
an old support, could pass for a lease that never was. There is no lock: a signal handler that reads may have
interrupted a thread that reads, and then waits for the orchestrator thread. So a claim that changes is published with
the support that belongs to it, before that support is published for all. A reader uses the newer of the two supports,
and reads the claim again after it. The clock is read after both, so a thread that was frozen in between notices it.

Source: PROTOCOL.md, section 4, "The lease".
"""

import os
from collections.abc import Mapping

from elect.clock import Clock, now_ns
from elect.core.quorum import FOREVER
from elect.core.ready import Lease

NO_TERM = 0

_Counted = tuple[int, Mapping[str, int]]
"""The number of a publication, and its support by peer."""


class LeaseTable:
    """The published leases. One thread publishes; any thread or signal handler reads. No method raises or waits.

    Args:
        clock: of the node.
    """

    def __init__(self, clock: Clock = now_ns) -> None:
        self._clock = clock
        self._claims: dict[str, tuple[Lease, _Counted]] = {}
        self._counted: _Counted = (0, {})
        self._given_up: dict[str, set[int]] = {}
        self._process_id = os.getpid()
        self._is_open = True

    def publish(self, leases: Mapping[str, Lease | None], counted: Mapping[str, int] | None) -> None:
        """Publish one Ready's claims (None: given up) and support (None: unchanged)."""
        if not leases and counted is None:
            return
        latest = self._counted if counted is None else (self._counted[0] + 1, counted)
        for election, lease in leases.items():
            if lease is None:
                self._claims.pop(election, None)
            else:
                self._claims[election] = (lease, latest)
        self._counted = latest

    def give_up(self, election: str, term: int) -> None:
        """End the lease of this term and of lower ones; the orchestrator thread learns of it later."""
        terms = self._given_up.setdefault(election, set())
        terms.add(term)
        terms.difference_update([each for each in tuple(terms) if each < term])

    def close(self) -> None:
        """End every lease for good."""
        self._is_open = False

    @property
    def is_closed(self) -> bool:
        """Return whether every lease has ended for good: it was closed, or this is a forked child."""
        return not self._is_open or os.getpid() != self._process_id

    def token(self, election: str) -> int:
        """Return the term in which this node leads on a lease valid now, or 0."""
        term, until = self.read(election)
        return term if self._clock() < until else NO_TERM

    def remaining_ns(self, election: str, term: int) -> int:
        """Return the least time until the lease of that term ends, ns; 0: there is no such lease."""
        claimed, until = self.read(election)
        if claimed != term:
            return 0
        return until if until == FOREVER else max(0, until - self._clock())

    def supports(self, peer: str) -> bool:
        """Return whether a peer's support counts now."""
        return self._clock() < self._counted[1].get(peer, 0)

    def read(self, election: str) -> tuple[int, int]:
        """Return the claimed term and the end of its lease (ns); (0, 0) without a claim, and in another process."""
        while (claim := self._claims.get(election)) is not None:
            latest = self._counted
            if self._claims.get(election) is not claim:  # it changed meanwhile, and the support with it
                continue
            lease, own = claim
            counted = (own if own[0] > latest[0] else latest)[1]
            if not self._is_held(election, lease):
                break
            return lease.term, lease.until(counted)
        return NO_TERM, 0

    def _is_held(self, election: str, lease: Lease) -> bool:
        given_up = self._given_up.get(election)
        is_given_up = given_up is not None and lease.term <= max(given_up, default=NO_TERM)
        return not is_given_up and not self.is_closed
