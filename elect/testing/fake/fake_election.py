"""FakeElection: an election that a unit test wins and loses on command."""

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from elect.api.candidacy import Candidacy
from elect.api.election import Election
from elect.bridge.dispatcher import Dispatcher
from elect.bridge.leadership import Leadership
from elect.bridge.node_context import Lifecycle
from elect.core.events import LossReason
from elect.core.messages import TERM_MAX, check_name
from elect.errors import LeadershipTimeout, ThreadError
from elect.leader import Profile
from elect.runtime import fork
from elect.runtime.threads import OwnThread
from elect.testing.fake.fake_context import NODE, OTHERS, FakeContext
from wire.common import arguments
from wire.common.deadline import Deadline

SETTLE_S = 2.0
"""Longest wait for callbacks: a callback may itself wait for the test."""


class FakeElection(Election):
    """The Election of node "a" in a cluster with "b" and "c", which is won and lost only on command.

    The handle, the thread of the callbacks and the protocol are the real ones. The cluster is not: its time stands
    still, so a lease ends when the test says so. A command returns after the callbacks. A signal handler may make the
    same calls as with a node; a command in it is carried out after the one that it interrupts.

    >>> with FakeElection() as election:
    ...     leadership = election.elect(token=7)
    ...     election.is_leader
    ...     election.lose()
    ...     leadership.lost.is_set()
    True
    True

    Args:
        name: of the election.

    Raises:
        TypeError: the name is no text.
        ValueError: the name is not allowed.
        ThreadError: the system cannot start a thread.
    """

    def __init__(self, name: str = "default") -> None:
        name = arguments.text("name", name)
        check_name("name", name)
        self._callbacks = Dispatcher(self._acknowledge)
        self._fake = FakeContext(name, self._callbacks)
        self._threads: list[OwnThread] = []
        super().__init__(Candidacy(name, self._fake.post), self._fake, self._callbacks, self._begin)
        try:
            self._begin(self._callbacks.run, "elect-events")
            self._begin(self._fake.run_commands, "elect-orchestrator")
        except ThreadError:
            self.close()
            raise
        fork.register(self._fake)
        self.candidacy.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def elect(self, token: int | None = None, *, timeout: float | None = 5.0) -> Leadership:
        """Make this node lead: at once if it is a candidate, else as soon as the program calls `lead` or `run`.

        After `lapse` the lease of the same term comes back, with the same token.

        Args:
            token: the fencing token of a new term; default: the next one. A node that leads needs `lose` before.
            timeout: seconds to wait for a candidate; None: no limit; 0: do not wait.

        Raises:
            LeadershipTimeout: the node is no candidate.
            TypeError: `token` is no whole number, or `timeout` no number.
            ValueError: `token` is no higher than an earlier one, or no token, or this node leads, even if its lease has
                lapsed; or `timeout` is below 0.
            RuntimeError: the node does not take leadership, for example with priority 0.
            Stopped: the election is closed.
        """
        deadline = Deadline(arguments.bounded_seconds("timeout", timeout))
        token = None if token is None else arguments.integer("token", token, 1, TERM_MAX)
        leadership = self._fake.elect(token)
        while leadership is None:  # a candidate may withdraw before it is made to lead
            if self._fake.wait_for(lambda: self._fake.is_candidate or None, deadline.remaining_s) is None:
                raise LeadershipTimeout(self.name, "a candidate", timeout or 0.0)
            leadership = self._fake.elect(token)
        self._flush()
        return leadership

    def lose(self, reason: LossReason = LossReason.LEASE_LAPSED) -> None:
        """End the leadership of this node, if it leads.

        Raises:
            TypeError: `reason` is no LossReason.
            Stopped: the election is closed.
        """
        arguments.check_type("reason", reason, LossReason, "a LossReason")
        self._fake.lose(reason)
        self._flush()

    def lapse(self) -> None:
        """Let the lease run out, as after a lost connection; `elect` brings it back.

        Raises:
            Stopped: the election is closed.
        """
        self._fake.lapse()
        self._flush()

    def follow(
        self, leader: str | None, *, address: str | None = None, metadata: Mapping[str, str] | None = None
    ) -> None:
        """Make another node lead, or none; if this node leads, it loses its lease first.

        Args:
            leader: "b", "c", or None.
            address: advertised by that node.
            metadata: sent with its leadership.

        Raises:
            TypeError: an argument is no text, or `metadata` no mapping of texts.
            ValueError: there is no such node.
            Stopped: the election is closed.
        """
        leader, address = (
            None if value is None else arguments.text(argument, value)
            for argument, value in (("leader", leader), ("address", address))
        )
        told = arguments.texts("metadata", {} if metadata is None else metadata)
        if leader not in (None, *OTHERS):
            raise ValueError(f"leader is {leader!r}; one of {', '.join(OTHERS)} or None is needed, {NODE} is this node")
        self._fake.follow(leader, Profile(address=address, metadata=told))
        self._flush()

    def close(self, timeout: float | None = 2.0) -> bool:
        """Stop, as a node does: the leadership ends, callbacks are told. Return whether all threads have ended."""
        deadline = Deadline(arguments.bounded_seconds("timeout", timeout))
        fork.unregister(self._fake)
        self._fake.close()
        self._callbacks.close()
        is_done = [thread.finish(deadline.remaining_s) for thread in self._threads]
        return all(is_done)

    def _flush(self) -> None:
        if self._fake.state is Lifecycle.RUNNING:  # else the thread of the callbacks ends, and `close` waits for it
            self._callbacks.flush(SETTLE_S)

    def _acknowledge(self, election: str, term: int) -> None:
        self._fake.acknowledge(election, term)

    def _begin(self, work: Callable[[], None], name: str) -> OwnThread:
        thread = OwnThread(work, name=name, on_death=lambda *_: self._fake.close())
        self._threads.append(thread)
        thread.start()
        return thread
