"""The leases and the counted support that a process has published, for the checkers."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from elect.bridge.lease_table import LeaseTable
from elect.core.ready import Lease

if TYPE_CHECKING:
    from elect.testing.world.process import Process

_ALWAYS = 2**63 - 1


class LeaseRecord:
    """A second implementation of the lease table, to compare the product's with."""

    __slots__ = ("claims", "counted", "given_up")

    def __init__(self) -> None:
        self.claims: dict[str, Lease] = {}
        self.counted: Mapping[str, int] = {}
        self.given_up: dict[str, int] = {}

    def publish(self, leases: Mapping[str, Lease | None], counted: Mapping[str, int] | None) -> None:
        """Record the leases and the counted support of a Ready."""
        if counted is not None:
            self.counted = counted
        for election, lease in leases.items():
            if lease is None or (self.given_up and lease.term <= self.given_up.get(election, 0)):
                self.claims.pop(election, None)
            else:
                self.claims[election] = lease

    def give_up(self, election: str, term: int) -> None:
        """End the lease of a term, before the orchestrator thread is told."""
        self.given_up[election] = max(term, self.given_up.get(election, 0))
        claim = self.claims.get(election)
        if claim is not None and claim.term <= term:
            del self.claims[election]

    def until(self, election: str) -> int:
        """Return the end of the node's lease in an election, by its own clock; 0 without one."""
        lease = self.claims.get(election)
        if lease is None:
            return 0
        counted = self.counted
        ends = sorted((counted.get(follower, 0) for follower in lease.followers), reverse=True)
        needed = lease.quorum - 1
        if needed <= 0:
            return _ALWAYS
        return ends[needed - 1] if needed <= len(ends) else 0


class RecordedLeases(LeaseTable):
    """The product's table, compared with the record at every change."""

    def __init__(self, process: "Process") -> None:
        super().__init__(lambda: process.now)
        self._process = process
        self.record = LeaseRecord()

    def publish(self, leases: Mapping[str, Lease | None], counted: Mapping[str, int] | None) -> None:
        """Publish in both, and tell the observers. The publisher calls this at every step."""
        world = self._process.world
        if leases or counted is not None:
            super().publish(leases, counted)
            self.record.publish(leases, counted)
            for election in leases:
                ours, theirs = self.record.until(election), self.read(election)[1]
                if ours != theirs:
                    world.fail("lease tables agree", f"{self._process} publishes {theirs}, and {ours} is recorded")
            for observer in world.observers:
                observer.published(self._process, leases, counted)
        for observer in world.steppers:
            observer.stepped(self._process)

    def give_up(self, election: str, term: int) -> None:
        """End the lease of a term in both."""
        super().give_up(election, term)
        self.record.give_up(election, term)
