"""A node's own `lead`, `run`, `is_leader`, …: those of the election "default"."""

from collections.abc import Iterator
from contextlib import AbstractContextManager

from elect.api.election import Election
from elect.api.run import OnReturn, Run, Work
from elect.bridge.leadership import Leadership
from elect.bridge.subscription import OnLeader, OnLeadership, Subscription
from elect.leader import Leader


class DefaultElection:
    """Passes on to one election, for programs that need only one.

    Attributes:
        required: see Election.required.
    """

    def __init__(self, election: Election) -> None:
        self._default = election
        self.required = election.required

    @property
    def is_leader(self) -> bool:
        """Whether this node leads on a lease that is valid at this call. Never blocks, never raises."""
        return self._default.is_leader

    @property
    def leadership(self) -> Leadership | None:
        """See Election.leadership."""
        return self._default.leadership

    @property
    def leader(self) -> Leader | None:
        """See Election.leader."""
        return self._default.leader

    @property
    def healthy(self) -> bool:
        """See Election.healthy."""
        return self._default.healthy

    def lead(self, timeout: float | None = None) -> AbstractContextManager[Leadership]:
        """See Election.lead."""
        return self._default.lead(timeout)

    def run(self, work: Work, *, on_return: OnReturn = "resign") -> Run:
        """See Election.run."""
        return self._default.run(work, on_return=on_return)

    def subscribe(
        self,
        on_elected: OnLeadership | None = None,
        on_lost: OnLeadership | None = None,
        on_leader: OnLeader | None = None,
    ) -> Subscription:
        """See Election.subscribe."""
        return self._default.subscribe(on_elected, on_lost, on_leader)

    def watch(self) -> Iterator[Leader | None]:
        """See Election.watch."""
        return self._default.watch()

    def wait_for_leader(self, timeout: float | None = None) -> Leader:
        """See Election.wait_for_leader."""
        return self._default.wait_for_leader(timeout)

    def resign(self, to: str | None = None, timeout: float | None = None) -> None:
        """See Election.resign."""
        self._default.resign(to, timeout)

    def set_offset(self, offset: int, timeout: float | None = None) -> None:
        """See Election.set_offset."""
        self._default.set_offset(offset, timeout)

    def set_priority(self, priority: int, timeout: float | None = None) -> None:
        """See Election.set_priority."""
        self._default.set_priority(priority, timeout)
