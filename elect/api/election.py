"""The application's handle on one election."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from typing import Concatenate, Literal, ParamSpec, TypeVar, overload

from elect.api.candidacy import Candidacy
from elect.api.required import Job, LeaderOnly, Otherwise, PassingLeaderOnly, S, SkippingLeaderOnly, Y
from elect.api.run import OnReturn, Run, Work
from elect.bridge import commands
from elect.bridge.dispatcher import Dispatcher
from elect.bridge.leadership import NS_PER_S, Leadership
from elect.bridge.node_context import NodeContext
from elect.bridge.published_election import Occupant
from elect.bridge.subscription import OnLeader, OnLeadership, Subscription
from elect.core.events import LossReason
from elect.core.messages import OFFSET_MAX, PRIORITY_MAX
from elect.errors import LeadershipLost, LeadershipTimeout, NotLeader, Stopped
from elect.leader import Leader
from elect.runtime.threads import OwnThread
from wire.common import arguments

P = ParamSpec("P")
R = TypeVar("R")


class Election:
    """One named election, as one node takes part in it. Any thread may use it; made by `Node.election`.

    From its first use a node stands in it; from the first `lead` or `run` on, only while one of these is in progress.

    A node that gives leadership up several times in a row, each time within a second after it was elected, rests before
    it stands again: half a second, then twice as long each time, up to 8 s. How it does so makes no difference: a block
    or work that ends, `resign`, `pause`, a callback that raises, the health hook. Other nodes may lead at once.

    Args:
        name: of the election.
        context: of the node.
        dispatcher: of the node's callbacks.
        spawn: starts a thread of the node's.
    """

    def __init__(
        self,
        name: str,
        context: NodeContext,
        dispatcher: Dispatcher,
        spawn: Callable[[Callable[[], None], str], OwnThread],
    ) -> None:
        self.name = name
        self.published = context.published(name)
        self.standing = Candidacy(name, context.post)
        self._context = context
        self._dispatcher = dispatcher
        self._spawn = spawn
        self._run: Run | None = None
        self._beginning = threading.Lock()

    def __repr__(self) -> str:
        return f"<Election {self.name!r} of node {self._context.node_id!r}>"

    @property
    def is_leader(self) -> bool:
        """Whether this node leads on a lease that is valid at this call, by its own clock. Never blocks, never raises.

        False after stop, after fork, and when a thread of ours has died.
        """
        return self._context.leases.token(self.name) != 0

    @property
    def leadership(self) -> Leadership | None:
        """The current leadership, if its lease is valid at this call."""
        leadership = self.published.leadership
        return leadership if leadership is not None and leadership.valid() else None

    @property
    def leader(self) -> Leader | None:
        """Who leads as far as this node knows: a hint, not a promise."""
        return self._dated(self.published.leader)

    @property
    def healthy(self) -> bool:
        """Whether the `health` hook's latest answer is good and in time; True without a hook."""
        health = self._context.health
        return health is None or health.is_good(self._context.clock())

    def lead(self, timeout: float | None = None) -> AbstractContextManager[Leadership]:
        """Lead for the length of a `with` block: campaign, wait, work, resign. One block at a time in a process.

        While a thread is in a block, the blocks of other threads wait. A loop of short blocks is slowed down: see the
        class.

        Args:
            timeout: seconds to wait for leadership; None for ever, 0 once.

        Raises:
            TypeError, ValueError: `timeout` is no number of seconds, or below 0.
            LeadershipTimeout: it did not come in time.
            LeadershipLost: at the end of the block, if it was lost inside and the block itself did not raise.
            RuntimeError: this thread is in a block of this election, or in the work of a run; or a run is in progress,
                which takes every leadership.
            Stopped: the node does not run.
            Forked: it runs in this process's parent.
        """
        seconds = arguments.seconds("timeout", timeout)
        self._context.check_running()
        self._check_free()
        return self._lead(seconds)

    @contextmanager
    def _lead(self, timeout: float | None) -> Iterator[Leadership]:
        occupant = Occupant()
        with self.standing.hold():
            try:
                leadership = self._context.wait_for(lambda: self._occupy(occupant), timeout)
                if leadership is None:
                    raise LeadershipTimeout(self.name, "leadership", timeout or 0.0)
                yield leadership
                is_lost = not leadership.is_resigned and not leadership.valid()
            finally:
                self._leave(occupant)
            if is_lost:
                reason = leadership.reason or LossReason.LEASE_LAPSED
                raise LeadershipLost(self.name, leadership.token, reason, self.leader)

    def run(self, work: Work, *, on_return: OnReturn = "resign") -> Run:
        """Run `work(leadership)` on a thread of its own each time this node leads; returns at once.

        Work that returns or raises soon after it began runs less and less often: see the class.

        Args:
            work: ends soon after `leadership.lost` is set; after the configured `grace` it is reported.
            on_return: what its return means: "resign", or "keep" to lead on without it.

        Returns:
            What stops it; it also ends with the node.

        Raises:
            TypeError: `work` can't be called, or is a coroutine function.
            ValueError: `on_return` is neither.
            RuntimeError: another run of this election is in progress; stop that one first.
            Stopped: the node does not run.
            Forked: it runs in this process's parent.
        """
        arguments.check_callable("work", work)
        arguments.choice("on_return", on_return, ("resign", "keep"))
        self._context.check_running()
        run = Run(self, self._context, work, on_return)
        with self._beginning, self._context.changing():
            self._check_no_run()
            self._spawn(run.loop, f"elect-run-{self.name}")
            self._run = run
        return run

    def subscribe(
        self,
        on_elected: OnLeadership | None = None,
        on_lost: OnLeadership | None = None,
        on_leader: OnLeader | None = None,
    ) -> Subscription:
        """Call back on changes, and now with how things are; all callbacks of a node run on one thread, in order.

        Elected and lost strictly alternate, and lost comes only after elected, also when the node stops. A node that is
        elected calls `on_elected` before `on_leader`, one that loses `on_lost` before `on_leader`. A callback
        that is slow or raises delays the next ones, never the protocol; when `on_elected` raises, this node resigns.

        Args:
            on_elected: given the Leadership; not called for one that is over by the time its turn comes.
            on_lost: given the same Leadership, its `reason` set; until it returns, a leadership that was given up is
                not passed on (for at most the configured `grace`).
            on_leader: given the Leader, or None: nobody is known to lead.

        Returns:
            What cancels it.

        Raises:
            TypeError: a callback can't be called, or is a coroutine function.
            Stopped: the node does not run any more.
            Forked: it runs in this process's parent.
        """
        for argument, callback in (("on_elected", on_elected), ("on_lost", on_lost), ("on_leader", on_leader)):
            if callback is not None:
                arguments.check_callable(argument, callback)
        self._context.check_living()
        subscription = Subscription(self.name, on_elected, on_lost, on_leader)
        self._dispatcher.subscribe(subscription, self.published)
        return subscription

    def watch(self) -> Iterator[Leader | None]:
        """Yield whom this node knows to lead: now, and at each change; the latest value wins. Ends at stop.

        Raises:
            Stopped: the node was not started.
            Forked: it runs in this process's parent.
        """
        self._context.check_started()
        return self._watch()

    def _watch(self) -> Iterator[Leader | None]:
        seen = -1

        def find() -> tuple[int, Leader | None] | None:
            change = self.published.leader_change
            return None if change[0] == seen else change

        with suppress(Stopped):
            while (found := self._context.wait_for(find, None)) is not None:
                seen, leader = found
                yield self._dated(leader)

    def wait_for_leader(self, timeout: float | None = None) -> Leader:
        """Wait until this node knows who leads.

        Args:
            timeout: seconds; None for ever, 0 once.

        Raises:
            TypeError, ValueError: `timeout` is no number of seconds, or below 0.
            LeadershipTimeout: it did not in time.
            Stopped: the node does not run.
        """
        timeout = arguments.seconds("timeout", timeout)
        leader = self._context.wait_for(lambda: self.leader, timeout)
        if leader is None:
            raise LeadershipTimeout(self.name, "a leader", timeout or 0.0)
        return leader

    def resign(self, to: str | None = None, timeout: float | None = None) -> None:
        """Give leadership up, or hand it over, and wait until this node has resigned, or the other one leads.

        The application is told first; this node stays a candidate, but rests when it resigns again and again: see the
        class. In a callback it does not wait: what it would wait for comes after the callback.

        Args:
            to: the id of the node that should lead next.
            timeout: seconds; None for ever, 0 once. What was begun goes on.

        Raises:
            NotLeader: there is nothing to give up.
            LeadershipTimeout: it was not done in time, or somebody else leads than asked for.
            TypeError: `to` is no text, or `timeout` no number.
            ValueError: `to` is not another voter, or `timeout` below 0.
            Stopped: the node does not run.
        """
        timeout = arguments.seconds("timeout", timeout)
        to = None if to is None else arguments.text("to", to)
        self._context.check_running()
        if to is not None and to not in self._context.config.peers:
            raise ValueError(f"to is {to!r}; one of {sorted(self._context.config.peers)} is needed")
        leadership = self.leadership
        if leadership is None:
            raise NotLeader(self.name, self.leader)
        self._context.resign(leadership, to)
        if not self._dispatcher.is_current:
            self._await_resigned(leadership.token, to, timeout)

    def stand(self) -> None:
        """Be a candidate from now on, also without a call of `lead` or `run`; a node starts as one."""
        self._context.check_living()
        self.standing.keep()

    def pause(self, timeout: float | None = None) -> None:
        """Take no part in this election as a candidate until `resume`; what is led is resigned.

        Args:
            timeout: seconds; None for ever, 0 once. What was begun goes on.

        Raises:
            TypeError, ValueError: `timeout` is no number of seconds, or below 0.
            LeadershipTimeout: it was not done in time.
            Stopped: the node does not run.
        """
        self._set_paused("the pause", timeout, is_paused=True)

    def resume(self, timeout: float | None = None) -> None:
        """Take part again; see `pause`."""
        self._set_paused("the end of the pause", timeout, is_paused=False)

    def set_offset(self, offset: int, timeout: float | None = None) -> None:
        """Say how far this node's replication is, in all elections: among equal priorities the highest leads.

        Args:
            offset: 0 to 2**63 - 1.
            timeout: seconds; None for ever, 0 once. What was begun goes on.

        Raises:
            TypeError: `offset` is no whole number, or `timeout` no number.
            ValueError: one of them is out of range.
            LeadershipTimeout: it was not done in time.
            Stopped: the node does not run.
        """
        offset = arguments.integer("offset", offset, 0, OFFSET_MAX)
        self._context.do(commands.set_standing(offset=offset), "the offset", timeout)

    def set_priority(self, priority: int, timeout: float | None = None) -> None:
        """Change this node's priority in all elections; with 0 it resigns and never leads.

        Args:
            priority: 0 to 1,000,000.
            timeout: see `set_offset`; it raises the same errors.
        """
        priority = arguments.integer("priority", priority, 0, PRIORITY_MAX)
        self._context.do(commands.set_standing(priority=priority), "the priority", timeout)

    @overload
    def required(self, job: Job[P, Y, S, R]) -> Job[P, Y, S, R | None]: ...

    @overload
    def required(self, job: Callable[P, R]) -> Callable[P, R | None]: ...

    @overload
    def required(
        self, *, otherwise: Literal["raise"], pass_leadership: Literal[False] = False
    ) -> Callable[[Callable[P, R]], Callable[P, R]]: ...

    @overload
    def required(
        self, *, otherwise: Literal["raise"], pass_leadership: Literal[True]
    ) -> Callable[[Callable[Concatenate[Leadership, P], R]], Callable[P, R]]: ...

    @overload
    def required(
        self, *, otherwise: Literal["skip"] = "skip", pass_leadership: Literal[False] = False
    ) -> SkippingLeaderOnly: ...

    @overload
    def required(self, *, otherwise: Literal["skip"] = "skip", pass_leadership: Literal[True]) -> PassingLeaderOnly: ...

    def required(self, job: object = None, *, otherwise: Otherwise = "skip", pass_leadership: bool = False) -> object:
        """Decorate a job, or a coroutine function, that is to run only while this node leads.

        Args:
            job: what to run.
            otherwise: what a call does while it does not lead: "skip" returns None, "raise" raises NotLeader.
            pass_leadership: give the job the Leadership as its first argument.

        Raises:
            TypeError: `job` can't be called or is a generator function, or another argument is of a wrong type.
            ValueError: `otherwise` is neither.
        """
        guard = LeaderOnly(self, otherwise=otherwise, is_passing=arguments.flag("pass_leadership", pass_leadership))
        return guard.wrap if job is None else guard.wrap(job)

    def _dated(self, leader: Leader | None) -> Leader | None:
        return None if leader is None else replace(leader, as_of=self._context.turned_at / NS_PER_S)

    def _occupy(self, occupant: Occupant) -> Leadership | None:
        self._check_free()
        return self.published.occupy(occupant)

    def _check_free(self) -> None:
        """Refuse a block whose turn will never come."""
        occupant = self.published.occupant
        if occupant is not None and occupant.thread is threading.current_thread():
            raise RuntimeError(
                f"lead() of election {self.name!r}: this thread leads it already; use the Leadership that it was given"
            )
        self._check_no_run()

    def _check_no_run(self) -> None:
        if self._run is not None and not self._run.is_stopping:
            raise RuntimeError(
                f"election {self.name!r}: a run() leads it whenever this node can; stop that run first, "
                "or use another election"
            )

    def _leave(self, occupant: Occupant) -> None:
        """The body is over, and with it the leadership, if it had come to one."""
        if self.published.occupant is not occupant:
            return
        assert occupant.leadership is not None
        try:
            occupant.leadership.give_up(LossReason.RESIGNED)
        finally:
            with self._context.changing():
                self.published.vacate(occupant)

    def _set_paused(self, awaited: str, timeout: float | None, *, is_paused: bool) -> None:
        arguments.seconds("timeout", timeout)
        self._context.check_running()
        self.standing.set_paused(is_paused=is_paused)
        self._context.do(commands.nothing(), awaited, timeout, self.name)

    def _await_resigned(self, term: int, to: str | None, timeout: float | None) -> None:
        def find() -> Leader | bool | None:
            if not self.published.has_resigned(term):
                return None
            leader = self.published.leader
            is_succeeded = leader is not None and leader.term > term
            return leader if to is not None and is_succeeded else (True if to is None else None)

        awaited = "the resignation" if to is None else f"leadership of {to}"
        found = self._context.wait_for(find, timeout)
        if found is None or (isinstance(found, Leader) and found.node_id != to):
            raise LeadershipTimeout(self.name, awaited, timeout or 0.0)
