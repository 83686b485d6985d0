"""FakeElection: leadership granted and taken on command, for unit tests of an application's own code."""

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from elect.api.election import Election
from elect.bridge import commands
from elect.bridge.dispatcher import Dispatcher
from elect.bridge.leadership import Leadership
from elect.bridge.publisher import Profile
from elect.core.events import LossReason
from elect.core.messages import TERM_MAX, check_name
from elect.errors import LeadershipTimeout
from elect.runtime.threads import OwnThread
from elect.testing.fake.fake_context import NODE, OTHERS, FakeContext
from wire.common import arguments
from wire.common.deadline import Deadline

SETTLE_S = 2.0
"""A command waits for callbacks, but not for ever: one may wait for the test itself."""


class FakeElection(Election):
    """An Election of node "a", beside "b" and "c", which nobody wins or loses but on command.

    What an application uses of it is real: the handle, the thread of the callbacks, the protocol. Only the cluster is
    not: its time stands still, so that a lease ends when the test says so. A command returns when callbacks have heard.

        with FakeElection() as election:
            scheduler = Scheduler(election)
            election.elect()
            assert scheduler.is_active
            election.lose()
            assert not scheduler.is_active

    Args:
        name: of the election.

    Raises:
        TypeError, ValueError: it is no name.
    """

    def __init__(self, name: str = "default") -> None:
        name = arguments.text("name", name)
        check_name("name", name)
        self._callbacks = Dispatcher(self._acknowledge)
        self._fake = FakeContext(name, self._callbacks)
        self._threads: list[OwnThread] = []
        super().__init__(name, self._fake, self._callbacks, self._begin)
        self._begin(self._callbacks.run, "elect-events")
        self.standing.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def elect(self, token: int | None = None, *, timeout: float | None = 5.0) -> Leadership:
        """Let this node lead: at once if it stands, or as soon as somebody calls `lead` or `run`.

        After `lapse` this is the same term's lease that comes back, with the same token.

        Args:
            token: the fencing token; default: the next one.
            timeout: seconds to wait for somebody who wants to lead; None for ever, 0 once.

        Raises:
            LeadershipTimeout: nobody wants to.
            TypeError: `token` is no whole number, or `timeout` no number.
            ValueError: there was a token as high before, or it is no token; or `timeout` is below 0.
            RuntimeError: it doesn't take leadership; its priority is 0, for one.
            Stopped: it was closed.
        """
        timeout = arguments.seconds("timeout", timeout)
        token = None if token is None else arguments.integer("token", token, 1, TERM_MAX)
        if self._fake.wait_for(lambda: self._fake.is_standing or None, timeout) is None:
            raise LeadershipTimeout(self.name, "a candidate", timeout or 0.0)
        self._fake.elect(token)
        leadership = self.published.leadership
        assert leadership is not None
        self._callbacks.flush(SETTLE_S)
        return leadership

    def lose(self, reason: LossReason = LossReason.LEASE_LAPSED) -> None:
        """Let this node lead no longer; nothing happens if it does not.

        Raises:
            TypeError: `reason` is no LossReason.
            Stopped: it was closed.
        """
        arguments.check_type("reason", reason, LossReason, "a LossReason")
        self._fake.check_running()
        self._fake.lose(reason)
        self._callbacks.flush(SETTLE_S)

    def lapse(self) -> None:
        """Let the lease run out, as when the others are not heard for a while; `elect` brings it back.

        Raises:
            Stopped: it was closed.
        """
        self._fake.check_running()
        self._fake.lapse()
        self._callbacks.flush(SETTLE_S)

    def follow(
        self, leader: str | None, *, address: str | None = None, metadata: Mapping[str, str] | None = None
    ) -> None:
        """Let another node lead, or nobody; if this node leads, it loses its lease first.

        Args:
            leader: "b", "c", or None.
            address: what it advertises.
            metadata: what travels with its leadership.

        Raises:
            TypeError: an argument is no text, or `metadata` no mapping of texts.
            ValueError: there is no such node.
            Stopped: it was closed.
        """
        leader, address = (
            None if value is None else arguments.text(argument, value)
            for argument, value in (("leader", leader), ("address", address))
        )
        told = arguments.texts("metadata", {} if metadata is None else metadata)
        if leader not in (None, *OTHERS):
            raise ValueError(f"leader is {leader!r}; one of {', '.join(OTHERS)} or None is needed, {NODE} is this node")
        self._fake.check_running()
        self._fake.follow(leader, Profile(address=address, metadata=told))
        self._callbacks.flush(SETTLE_S)

    def close(self, timeout: float | None = 2.0) -> bool:
        """End as a node that stops does: what is led is over, callbacks hear of it. Whether all threads have ended."""
        deadline = Deadline(arguments.bounded_seconds("timeout", timeout))
        self._fake.close()
        self._callbacks.close()
        is_done = [thread.finish(deadline.remaining_s) for thread in self._threads]
        return all(is_done)

    def _acknowledge(self, election: str, term: int) -> None:
        self._fake.post(commands.acknowledge(election, term))

    def _begin(self, work: Callable[[], None], name: str) -> OwnThread:
        thread = OwnThread(work, name=name, on_death=lambda *_: self._fake.close())
        self._threads.append(thread)
        thread.start()
        return thread
