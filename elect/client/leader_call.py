"""LeaderCall: one call of a function with the leader, repeated until it has an outcome or the time is over."""

import random
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from elect.client.call_errors import CallOutcome, outcome_of
from elect.client.leader_finder import LeaderFinder
from elect.clock import NS_PER_S
from elect.errors import CallInterrupted, LeaderUnavailable, NotLeader
from elect.leader import Leader
from wire.common import arguments
from wire.common.backoff import Backoff

BACKOFF_S, BACKOFF_S_MAX = 0.05, 1.0
"""Before a node is called again: its application needs milliseconds to learn that its node leads."""

TRAIL_MAX = 16
"""Nodes whose calls have failed, the latest ones: one that is called again in between is one of them."""

Result = TypeVar("Result")


class LeaderCall:
    """One call of the leader. Belongs to one thread.

    Args:
        find: returns the finder of this process, which is another one after a fork.
        election: the name of the election.
        timeout: seconds; a part of an error.
        deadline_ns: the end of the timeout.
        is_idempotent: a call that may have been carried out is repeated, too.
    """

    def __init__(
        self,
        find: Callable[[], LeaderFinder],
        election: str,
        timeout: float,
        *,
        deadline_ns: int,
        is_idempotent: bool,
    ) -> None:
        self._find = find
        self._election = election
        self._timeout = timeout
        self._is_idempotent = is_idempotent
        self._deadline_ns = deadline_ns
        self._backoff = Backoff(BACKOFF_S, BACKOFF_S_MAX, random.Random())  # noqa: S311 - for the jitter of waits
        self._trail: list[str] = []
        self._denied: dict[str, int] = {}

    def run(self, work: Callable[[Leader], Result]) -> Result:
        """Call `work` with the leader, until it returns; return its result. Raises as `Client.call`."""
        error: Exception | None = None
        while True:
            leader = self._next_leader(error)
            try:
                return work(leader)
            except Exception as raised:  # noqa: BLE001 - those of the application are raised again
                error = raised
            outcome = outcome_of(error)
            if outcome is CallOutcome.OTHER:
                raise error
            if outcome is CallOutcome.INTERRUPTED and not self._is_idempotent:
                raise CallInterrupted(self._election, leader) from error
            self._note_failed(leader, error)

    def _next_leader(self, error: Exception | None) -> Leader:
        """Return a leader that is ready; a node whose call has failed before is called again only after a backoff."""
        finder = self._find()
        try:
            if self._trail:
                pause_ns = finder.clock() + int(self._backoff.next_s() * NS_PER_S)
                if pause_ns >= self._deadline_ns:
                    return finder.find_leader(self._election, self._deadline_ns, self._is_new)
                with suppress(LeaderUnavailable):
                    return finder.find_leader(self._election, pause_ns, self._is_new)
                finder.doubt(self._election)  # it may have ended meanwhile
            return finder.find_leader(self._election, self._deadline_ns)
        except LeaderUnavailable as raised:
            raised.timeout = self._timeout
            raised.loop = raised.loop or self._loop()
            raise raised from error

    def _is_new(self, leader: Leader) -> bool:
        return leader.node_id not in self._trail

    def _note_failed(self, leader: Leader, error: Exception) -> None:
        """Doubt the leader; follow the hint of an application, unless that leads back to a node that has denied it."""
        finder = self._find()
        finder.doubt(self._election)
        self._trail = [*self._trail, leader.node_id][-TRAIL_MAX:]
        if not isinstance(error, NotLeader):
            return
        self._denied[leader.node_id] = leader.term
        hint = error.leader
        _check_hint(hint)
        if hint is not None and hint.term > self._denied.get(hint.node_id, -1):
            finder.take_hint(self._election, hint)

    def _loop(self) -> tuple[str, ...]:
        """Return the part of the trail that begins and ends with the same node, or nothing."""
        last = self._trail[-1:]
        if not last or last[0] not in self._trail[:-1]:
            return ()
        start = len(self._trail) - 2 - self._trail[-2::-1].index(last[0])
        return tuple(self._trail[start:]) if len(set(self._trail[start:])) > 1 else ()


def _check_hint(hint: object) -> None:
    """Raise TypeError unless the hint of an application is a Leader, or None: a term from a header is a text."""
    arguments.check_type("the leader of a NotLeader", hint, (Leader, type(None)), "a Leader")
    if isinstance(hint, Leader):
        arguments.text("the node_id of the leader of a NotLeader", hint.node_id)
        arguments.check_type("the term of the leader of a NotLeader", hint.term, int, "a whole number")
        arguments.check_type(
            "the address of the leader of a NotLeader", hint.address, (str, type(None)), "text or None"
        )
