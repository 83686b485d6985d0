"""The application's handle on one election."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from functools import partial

from elect.api.candidacy import Candidacy
from elect.api.required import Required
from elect.api.run import OnReturn, Run, Work
from elect.bridge import commands
from elect.bridge.dispatcher import Dispatcher
from elect.bridge.leadership import Leadership
from elect.bridge.node_context import NodeContext
from elect.bridge.published_election import LeadershipUser
from elect.bridge.subscription import OnLeader, OnLeadership, Subscription
from elect.clock import NS_PER_S
from elect.core.events import LossReason
from elect.core.messages import OFFSET_MAX, PRIORITY_MAX
from elect.errors import LeadershipLost, LeadershipTimeout, NotLeader, Stopped
from elect.leader import Leader
from elect.runtime.threads import OwnThread
from wire.common import arguments


class Election:
    """The handle of one election on one node. Any thread may use it. Made by `Node.election`; do not construct it.

    A node is a candidate from its first use of an election. After the first `lead` or `run` it is a candidate only
    while such a call is active.

        reports = node.election("reports")
        with reports.lead(timeout=10) as leadership:
            write_report(token=leadership.token)

    A node that gives up leadership several times in a row, each time within a second after it was elected, waits before
    it is a candidate again: half a second, then twice as long each time, up to 8 s. It gives up when a block or work
    ends, in `resign` and `pause`, when `on_elected` raises, or for the health hook. Other nodes can lead at once.

    Attributes:
        name: of the election.

    Args:
        candidacy: of this node in the election.
        context: of the node.
        dispatcher: of the node's callbacks.
        spawn: starts a thread that ends with the node.
    """

    def __init__(
        self,
        candidacy: Candidacy,
        context: NodeContext,
        dispatcher: Dispatcher,
        spawn: Callable[[Callable[[], None], str], OwnThread],
    ) -> None:
        self.name = candidacy.election
        self.published = context.published(self.name)
        self.candidacy = candidacy
        self._context = context
        self._dispatcher = dispatcher
        self._spawn = spawn

    def __repr__(self) -> str:
        return f"<Election {self.name!r} of node {self._context.node_id!r}>"

    @property
    def is_leader(self) -> bool:
        """Return whether this node leads on a lease that is valid now, by its own clock. Never blocks, never raises.

        It is False after a stop, after a fork, and when one of elect's own threads has died.
        """
        return self.leadership is not None

    @property
    def leadership(self) -> Leadership | None:
        """The present `Leadership`, or None if its lease is not valid at this call."""
        leadership = self.published.leadership
        return leadership if leadership is not None and leadership.valid() else None

    @property
    def leader(self) -> Leader | None:
        """The leader that this node knows, or None: a hint, not a promise. It is this node only while that leads."""
        return self._dated(self._context.leader_of(self.published))

    @property
    def healthy(self) -> bool:
        """Return whether the latest answer of the `health` hook is true and in time; True without a hook."""
        health = self._context.health
        return health is None or health.is_good(self._context.clock())

    def lead(self, timeout: float | None = None) -> AbstractContextManager[Leadership]:
        """Wait until this node leads, run the `with` block, then resign.

            with node.lead() as leadership:
                while not leadership.lost.wait(1.0):
                    store.write(next_order(), token=leadership.token)

        One block runs at a time in a process; blocks of other threads wait for it. Short blocks in a loop are slowed
        down, see the class.

        Args:
            timeout: seconds to wait for leadership, 0 or more; None waits without limit.

        Returns:
            The context manager, which gives the Leadership to the block.

        Raises:
            TypeError: `timeout` is no number.
            ValueError: `timeout` is below 0.
            LeadershipTimeout: this node did not lead in time.
            LeadershipLost: at the end of the block, if leadership was lost inside and the block did not raise.
            RuntimeError: this thread already leads this election, or a `run` of it is in progress.
            Stopped: the node does not run.
            Forked: the node runs in the process that this one was forked from.
        """
        seconds = arguments.seconds("timeout", timeout)
        self._context.check_running()
        self._check_free()
        return self._lead(seconds)

    @contextmanager
    def _lead(self, timeout: float | None) -> Iterator[Leadership]:
        user = LeadershipUser()
        with self.candidacy.hold():
            try:
                leadership = self._context.wait_for(lambda: self._try_enter(user), timeout)
                if leadership is None:
                    raise LeadershipTimeout(self.name, "leadership", timeout or 0.0)
                yield leadership
                loss = None if leadership.is_resigned else leadership.loss()
            finally:
                self._leave(user)
            if loss is not None:
                raise LeadershipLost(self.name, leadership.token, loss, self.leader)

    def run(self, work: Work, *, on_return: OnReturn = "resign") -> Run:
        """Call `work(leadership)` on a thread of its own each time this node leads. Returns at once.

            def work(leadership):
                while not leadership.lost.wait(1.0):
                    store.write(next_order(), token=leadership.token)

            node.run(work)

        Work that returns or raises soon after it began runs less and less often, see the class. After work that raises
        this node is no candidate for 0.5 s, then longer each time, up to 30 s.

        Args:
            work: has to return soon after `leadership.lost` is set. If it runs longer than the configured `grace`, a
                warning is logged, and this node is no candidate until it returns.
            on_return: "resign" resigns when the work returns; "keep" leads on without it.

        Returns:
            The run, which `Run.stop` ends. It also ends with the node.

        Raises:
            TypeError: `work` cannot be called, or is a coroutine function.
            ValueError: `on_return` is neither "resign" nor "keep".
            RuntimeError: another run of this election is in progress; stop that run first.
            ThreadError: the system cannot start a thread.
            Stopped: the node does not run.
            Forked: the node runs in the process that this one was forked from.
        """
        arguments.check_callable("work", work)
        arguments.choice("on_return", on_return, ("resign", "keep"))
        self._context.check_running()
        run = Run(self.candidacy, self._context, work, on_return)
        with self.candidacy.starting_run, self._context.changing():
            self._check_no_run()
            self._spawn(run.loop, f"elect-run-{self.name}")
            self.candidacy.runs.add(run)
        return run

    def subscribe(
        self,
        on_elected: OnLeadership | None = None,
        on_lost: OnLeadership | None = None,
        on_leader: OnLeader | None = None,
    ) -> Subscription:
        """Call back with the present state, then at each change. All callbacks of a node run on one thread, in order.

            node.subscribe(on_elected=lambda leadership: scheduler.start(), on_lost=lambda leadership: scheduler.stop())

        Elected and lost alternate, and each elected is followed by a lost, also when the node stops. `on_elected` and
        `on_lost` come before the `on_leader` of the same change. A slow callback delays the next ones, but no
        heartbeat. An exception is logged; if `on_elected` raised it, this node resigns.

        Args:
            on_elected: called with the Leadership, unless that is over by then.
            on_lost: called with the same Leadership, whose `reason` is set. After a resignation no other node leads
                before it returns, or before the configured `grace` is over.
            on_leader: called with the Leader, or with None when no leader is known.

        Returns:
            The subscription, which `Subscription.cancel` ends.

        Raises:
            TypeError: a callback cannot be called, or is a coroutine function.
            Stopped: the node no longer runs.
            Forked: the node runs in the process that this one was forked from.
        """
        for argument, callback in (("on_elected", on_elected), ("on_lost", on_lost), ("on_leader", on_leader)):
            if callback is not None:
                arguments.check_callable(argument, callback)
        self._context.check_living()
        subscription = Subscription(self.name, self._context.node_id, on_elected, on_lost, on_leader)
        self._dispatcher.subscribe(subscription, self.published)
        return subscription

    def watch(self) -> Iterator[Leader | None]:
        """Yield the leader that this node knows, or None: at once, and after each change. Ends when the node stops.

        A slow reader misses leaders between, never the latest.

        Raises:
            Stopped: the node is not started.
            Forked: the node runs in the process that this one was forked from.
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
        """Return the leader, as soon as this node knows one.

        Args:
            timeout: seconds to wait, 0 or more; None waits without limit.

        Raises:
            TypeError: `timeout` is no number.
            ValueError: `timeout` is below 0.
            LeadershipTimeout: no leader was known in time.
            Stopped: the node does not run.
            Forked: the node runs in the process that this one was forked from.
        """
        timeout = arguments.seconds("timeout", timeout)
        if (leader := self._context.wait_for(lambda: self.leader, timeout)) is None:
            raise LeadershipTimeout(self.name, "a leader", timeout or 0.0)
        return leader

    def resign(self, to: str | None = None, timeout: float | None = None) -> None:
        """Give up leadership, or hand it over, and wait until this node has resigned, or until the node `to` leads.

        `on_lost` is called before another node leads. This node stays a candidate; if it resigns several times in a
        row, see the class. Inside a callback this call does not wait.

        Args:
            to: the id of the node that should lead next; None: any.
            timeout: seconds to wait, 0 or more; None waits without limit. After a timeout the resignation goes on.

        Raises:
            NotLeader: this node does not lead.
            LeadershipTimeout: it was not done in time, or another node than `to` leads.
            TypeError: `to` is no text, or `timeout` no number.
            ValueError: `to` is not a peer, or `timeout` is below 0.
            Stopped: the node does not run, or it stops before the node `to` leads.
            Forked: the node runs in the process that this one was forked from.
        """
        timeout = arguments.seconds("timeout", timeout)
        to = None if to is None else arguments.text("to", to)
        self._context.check_running()
        if to is not None and to not in self._context.peers:
            known = ", ".join(self._context.peers)
            raise ValueError(f"to is {to!r}; {f'use the id of a peer: {known}' if known else 'there is no other node'}")
        if (leadership := self.leadership) is None:
            raise NotLeader(self.name, self.leader)
        self._context.resign(leadership, to)
        if not self._dispatcher.is_current:
            await_end = self._await_resigned if to is None else partial(self._await_successor, to)
            await_end(leadership.token, timeout)

    def be_candidate(self) -> None:
        """Be a candidate from now on, also without an active `lead` or `run`. Raises Stopped or Forked."""
        self._context.check_living()
        self.candidacy.keep()

    def pause(self, timeout: float | None = None) -> None:
        """Stop being a candidate in this election until `resume`; resign if this node leads it.

        Args:
            timeout: seconds, 0 or more; None waits without limit. After a timeout the command is still carried out.

        Raises:
            TypeError: `timeout` is no number.
            ValueError: `timeout` is below 0.
            LeadershipTimeout: it was not done in time.
            Stopped: the node does not run.
            Forked: the node runs in the process that this one was forked from.
        """
        self._set_paused("the pause", timeout, is_paused=True)

    def resume(self, timeout: float | None = None) -> None:
        """Be a candidate again. Takes and raises the same as `pause`."""
        self._set_paused("the end of the pause", timeout, is_paused=False)

    def set_offset(self, offset: int) -> None:
        """Set this node's replication offset in all elections: among equal priorities the highest offset leads.

        It never waits, and takes some microseconds. The next heartbeat announces the latest value.

        Args:
            offset: 0 to 2**63 - 1.

        Raises:
            TypeError: `offset` is no whole number.
            ValueError: `offset` is out of range.
            Stopped: the node does not run.
            Forked: the node runs in the process that this one was forked from.
        """
        offset = arguments.integer("offset", offset, 0, OFFSET_MAX)
        self._context.set_standing(offset=offset)

    def set_priority(self, priority: int) -> None:
        """Set this node's priority in all elections: the highest leads. With 0 this node resigns and only votes.

        The next heartbeat announces the latest value; 0 counts at once. It never waits, and raises as `set_offset`.

        Args:
            priority: 0 to 1,000,000.
        """
        priority = arguments.integer("priority", priority, 0, PRIORITY_MAX)
        self._context.set_standing(priority=priority)

    @property
    def required(self) -> Required:
        """The decorator for functions that may run only while this node leads, see its call.

        @node.required
        def clean_up(): ...

        @node.required(otherwise="raise", pass_leadership=True)
        def write(leadership, order): ...
        """
        return Required(self)

    def _dated(self, leader: Leader | None) -> Leader | None:
        return None if leader is None else replace(leader, as_of=self._context.turned_at / NS_PER_S)

    def _try_enter(self, user: LeadershipUser) -> Leadership | None:
        self._check_free()
        return self.published.try_enter(user)

    def _check_free(self) -> None:
        """Raise if a block could never begin."""
        user = self.published.in_use_by
        if user is not None and user.thread is threading.current_thread():
            raise RuntimeError(
                f"lead() of election {self.name!r}: this thread leads it already; use the Leadership that it has"
            )
        self._check_no_run()

    def _check_no_run(self) -> None:
        if self.candidacy.runs:
            raise RuntimeError(
                f"election {self.name!r}: a run() uses each leadership; stop that run first, or use another election"
            )

    def _leave(self, user: LeadershipUser) -> None:
        """End the use of the leadership, if the block had one, and resign."""
        if self.published.in_use_by is not user:
            return
        assert user.leadership is not None
        try:
            user.leadership.give_up(LossReason.RESIGNED)
        finally:
            with self._context.changing():
                self.published.leave(user)

    def _set_paused(self, awaited: str, timeout: float | None, *, is_paused: bool) -> None:
        arguments.seconds("timeout", timeout)
        self._context.check_running()
        self.candidacy.set_paused(is_paused=is_paused)
        self._context.do(commands.tick(), awaited, timeout, self.name)

    def _await_resigned(self, term: int, timeout: float | None) -> None:
        with suppress(Stopped):  # a node that stops leads no more
            if self._context.wait_for(lambda: self.published.has_resigned(term) or None, timeout) is None:
                raise LeadershipTimeout(self.name, "the resignation", timeout or 0.0)

    def _await_successor(self, to: str, term: int, timeout: float | None) -> None:
        def find() -> Leader | None:
            return leader if (leader := self.published.leader) is not None and leader.term > term else None

        found = self._context.wait_for(find, timeout)
        if found is None or found.node_id != to:
            instead = "" if found is None else f" ({found.node_id} leads)"
            raise LeadershipTimeout(self.name, f"leadership of {to}{instead}", timeout)
