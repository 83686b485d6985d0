"""The loop of `elect exec`: run the program while this node leads, forward signals, and decide when to end."""

import errno
import math
import os
import random
import select
import signal
import threading
from dataclasses import dataclass

from elect.api.election import Election
from elect.api.node import Node
from elect.bridge.leadership import Leadership
from elect.cli.calling.child_process import BY_SIGNAL
from elect.cli.executing.supervised_program import Margins, ProgramEnd, SupervisedProgram, SupervisorDied
from elect.cli.executing.supervisor import NEVER
from elect.cli.executing.wakeup import ENDING, Wakeup
from elect.cli.exit_codes import ExitCode, Failure, failure_of
from elect.clock import NS_PER_S, now_ns
from elect.core.events import LossReason
from elect.runtime.service_manager import Watchdog
from wire.common.backoff import Backoff
from wire.common.log import Log

logger = Log(__name__)

ROUNDED_NS = 1_000_000

IDLE_NS = NS_PER_S // 2
"""The interval at which the node is checked while no program runs; an election wakes the loop."""

BACKOFF_INITIAL_S = 0.5
BACKOFF_MAX_S = 30.0
"""As for work that fails, see `elect.api.run`."""

STEADY_NS = 10 * NS_PER_S
"""A program that ran for longer than this did not fail at once: the next wait is the first one again."""

AT_ONCE = {LossReason.LEASE_LAPSED, LossReason.SUPERSEDED, LossReason.STOPPED}
"""After such a loss another node may lead at any moment. After others Resign waits for `on_lost`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionPlan:
    """The options of `elect exec`.

    Attributes:
        name: of the program.
        is_once: end after the first run, whatever ended it.
        is_restarting: run the program again after it has ended by itself.
        is_terminated: send SIGTERM before SIGKILL.
        try_ns: the time in which this node must lead, or None.
        grace_ns: the time from SIGTERM to SIGKILL, at most.
        margins: before the end of a lease.
    """

    name: str
    is_once: bool
    is_restarting: bool
    is_terminated: bool
    try_ns: int | None
    grace_ns: int
    margins: Margins


class ProgramRunner:
    """Runs the program of `elect exec`. Belongs to the main thread; callbacks run on the dispatcher thread.

    Args:
        node: a node, to be started when this exists.
        election: its election.
        program: to be run.
        wakeup: wakes the loop.
        plan: the options.
    """

    def __init__(
        self, node: Node, election: Election, program: SupervisedProgram, wakeup: Wakeup, plan: ExecutionPlan
    ) -> None:
        self._node = node
        self._election = election
        self._program = program
        self._wakeup = wakeup
        self._plan = plan
        self._backoff = Backoff(BACKOFF_INITIAL_S, BACKOFF_MAX_S, random.Random())  # noqa: S311 - spreads, hides nothing
        self._watchdog = Watchdog(node.visit)
        self._turn_ns = node.config.heartbeat_interval_ns // 4
        self._give_up_at = None if plan.try_ns is None else now_ns() + plan.try_ns
        self._leadership: Leadership | None = None
        self._start_at = self._started_at = self._rest_until = 0
        self._signal = 0
        self._is_stuck = False
        self._losing = threading.Lock()
        """Held while the program is started or a loss begins: a program that starts is noticed by the loss."""
        self._poll = select.poll()
        self._poll.register(wakeup.read_end, select.POLLIN)
        self._poll.register(program, select.POLLIN)
        election.candidacy.add_holder(self)
        node.call_on_failure(self._kill)
        election.subscribe(on_elected=lambda _: wakeup.wake(), on_lost=self._lose)

    def run(self) -> int:
        """Run until the program has ended for good, or a signal came; return the exit code.

        Raises:
            Failure: the command ends for a reason of its own.
        """
        try:
            while True:
                self._poll.poll(self._wait_ms())
                for number in self._wakeup.take():
                    self._receive_signal(number)
                code: int | None = None
                for end in self._program.receive():
                    code = self._judge(end)
                if not self._program.idle.is_set():
                    self._extend()
                elif code is None:
                    code = self._review()
                if code is not None:
                    return code
                self._check_node()
        except SupervisorDied:
            raise Failure("the process that supervises the program has ended", ExitCode.NODE_FAILED) from None

    def _wait_ms(self) -> float:
        wait_ns = IDLE_NS
        if not self._program.idle.is_set():
            wait_ns = self._turn_ns
        elif (due_at := self._give_up_at if self._leadership is None else self._start_at) is not None:
            wait_ns = max(min(IDLE_NS, due_at - now_ns()), 0)
        return self._watchdog.wait_ms(wait_ns / 1e6)

    def _receive_signal(self, number: int) -> None:
        if number in ENDING or (number == signal.SIGHUP and self._program.idle.is_set()):
            self._signal = number
        if not self._program.idle.is_set():
            self._program.forward(number)
            if self._signal:
                self._program.stop(self._plan.grace_ns, is_terminated=False)

    def _review(self) -> int | None:
        """Start the program if it is time to; return the exit code if a signal came.

        Raises:
            Failure: this node did not lead in time.
        """
        now, leadership = now_ns(), self._election.leadership
        if self._signal:
            return BY_SIGNAL + self._signal
        if leadership is None:
            self._leadership = None
            if self._give_up_at is not None and now >= self._give_up_at:
                raise Failure(f"node {self._node.config.node} did not lead in time", ExitCode.NOT_ELECTED)
        elif leadership is not self._leadership:
            self._leadership, self._give_up_at = leadership, None
            # The program of the former leader may have lost its node a moment ago, and be killed just now.
            self._start_at = max(now + self._plan.margins.kill_ns, self._rest_until)
        elif now >= self._start_at:
            self._start(leadership)
        return None

    def _start(self, leadership: Leadership) -> None:
        with self._losing:
            if leadership.valid():
                self._started_at = now_ns()
                self._program.run(leadership.token, lease_until(leadership))

    def _extend(self) -> None:
        """Move the deadlines of the program with the lease, or with what is left of it."""
        leadership = self._leadership
        assert leadership is not None
        if leadership.valid():
            self._program.extend(lease_until(leadership))
        elif leadership.lost.is_set() and leadership.reason not in AT_ONCE:
            until = self._node.bound_until(leadership, self._turn_ns / NS_PER_S)
            if until is not None:
                self._program.extend(until)
        if self._program.check() and not self._is_stuck:
            self._is_stuck = True
            logger.warning("! %s cannot be killed; this node is no candidate until it is dead", self._plan.name)
            self._election.candidacy.remove_holder(self, LossReason.UNHEALTHY)

    def _lose(self, leadership: Leadership) -> None:
        """End the program; on the dispatcher thread. Resign leaves when this returns, or after the grace."""
        with self._losing:
            if leadership is not self._leadership or self._program.idle.is_set():
                return
            if leadership.reason in AT_ONCE or not self._plan.is_terminated:
                self._program.kill()
            else:
                self._program.stop(self._plan.grace_ns)
        self._program.idle.wait(self._node.config.grace_ns / NS_PER_S)

    def _kill(self) -> None:
        """Kill the program when the node fails: its links are closed next, and another node leads."""
        with self._losing:
            self._program.kill()

    def _judge(self, end: ProgramEnd) -> int | None:
        """Return the exit code that follows from an end of the program; None: it is to be run again.

        Raises:
            Failure: the command ends for a reason of its own.
        """
        leadership, self._leadership = self._leadership, None
        if self._is_stuck:
            self._is_stuck = False
            self._election.candidacy.add_holder(self)
        if end.error:
            is_missing = end.error == errno.ENOENT
            code = ExitCode.COMMAND_NOT_FOUND if is_missing else ExitCode.CANNOT_EXECUTE
            raise Failure(f"{self._plan.name}: {os.strerror(end.error)}", code)
        if self._signal:
            return end.code if end.is_started else BY_SIGNAL + self._signal
        if not end.is_ended_here:
            if not self._plan.is_restarting:
                return end.code
            self._rest(end.code)
            return None
        assert leadership is not None
        leadership.resign()  # its lease may have been extended at the last moment
        what = "ended" if end.is_started else "not run"
        text = f"this node no longer leads in term {leadership.token}; {self._plan.name} was {what}"
        if self._plan.is_once:
            raise Failure(text, ExitCode.NO_LONGER_LEADS)
        logger.info("* %s", text)
        return None

    def _rest(self, code: int) -> None:
        """Run the program again later."""
        now = now_ns()
        if now - self._started_at > STEADY_NS:
            self._backoff.reset()
        rest_s = self._backoff.next_s()
        self._rest_until = now + int(rest_s * NS_PER_S)
        logger.info("* %s ended with exit code %d; it is run again in %.1f s", self._plan.name, code, rest_s)

    def _check_node(self) -> None:
        self._watchdog.review()
        if not self._node.is_alive:
            self._program.kill()
            raise failure_of(self._node.failure, ExitCode.NODE_FAILED)


def lease_until(leadership: Leadership) -> int:
    """Return the end of a lease, rounded down to a millisecond; NEVER for that of a single voter."""
    now = now_ns()  # before the remaining time is read: the sum is then too early rather than too late
    remaining = leadership.remaining()
    # Not rounded, the sum would move by nanoseconds with each call, and each deadline that moves is sent and answered.
    return NEVER if remaining == math.inf else (now + int(remaining * NS_PER_S)) // ROUNDED_NS * ROUNDED_NS
