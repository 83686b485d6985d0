"""Work that runs while this node leads: `Election.run`."""

import random
from collections.abc import Callable
from typing import Literal

from elect.api.candidacy import Candidacy
from elect.bridge.leadership import Leadership
from elect.bridge.node_context import Lifecycle, NodeContext
from elect.bridge.published_election import LeadershipUser
from elect.clock import NS_PER_S
from elect.core.events import LossReason
from elect.errors import Forked, Stopped
from elect.runtime.threads import WorkThread
from wire.common import arguments
from wire.common.backoff import Backoff
from wire.common.log import Log

logger = Log(__name__)

BACKOFF_INITIAL_S = 0.5
BACKOFF_MAX_S = 30.0
"""Work that fails at once must not pass leadership around; half a minute is a short wait after a repair."""

Work = Callable[[Leadership], object]
OnReturn = Literal["resign", "keep"]


class Run:
    """Calls `work(leadership)` each time this node leads, one call at a time, until stopped. Made by `Election.run`.

    Args:
        candidacy: of this node in the election.
        context: of its node.
        work: of the application.
        on_return: "resign" or "keep": what a return of `work` means.
    """

    def __init__(
        self,
        candidacy: Candidacy,
        context: NodeContext,
        work: Work,
        on_return: OnReturn,
    ) -> None:
        self._published = context.published(candidacy.election)
        self._candidacy = candidacy
        self._context = context
        self._work = work
        self._on_return = on_return
        self._backoff = Backoff(BACKOFF_INITIAL_S, BACKOFF_MAX_S, random.Random())  # noqa: S311 - spreads, hides nothing
        self._holder: object = None
        self._is_stopping = False
        self._is_working = False

    @property
    def is_working(self) -> bool:
        """Return whether the work runs now."""
        return self._is_working

    def stop(self) -> None:
        """End the run. If the work runs now, its leadership is resigned and `lost` is set. Never waits."""
        with self._context.changing():
            self._is_stopping = True
            self._candidacy.runs.discard(self)

    def loop(self) -> None:
        """Wait for leadership and work, until stopped; on a thread of its own."""
        try:
            while not self._is_stopping:
                with self._candidacy.hold() as self._holder:
                    is_failed = self._work_once(LeadershipUser())
                if is_failed:
                    self._wait_after_failure()
        except (Stopped, Forked):
            return

    def _work_once(self, user: LeadershipUser) -> bool:
        """Wait for a leadership and work in it until both end; return whether the work failed."""
        leadership = self._context.wait_for(lambda: self._try_enter(user), None)
        if leadership is None or leadership is self:
            return False
        assert isinstance(leadership, Leadership)
        errors: list[BaseException] = []
        thread = WorkThread(
            target=self._body, args=(leadership, errors), name=f"elect-work-{self._published.election}", daemon=True
        )
        user.thread = thread
        self._is_working = True
        try:
            self._start(thread, leadership, errors)
            self._context.wait_for(lambda: self._is_over(leadership) or None, None)
        finally:
            self._end(leadership, thread, errors)
            with self._context.changing():
                self._published.leave(user)
        return bool(errors)

    def _start(self, thread: WorkThread, leadership: Leadership, errors: list[BaseException]) -> None:
        """Start the work. Without a thread it counts as failed."""
        try:
            thread.start()
        except RuntimeError as error:
            logger.warning("! cannot start a thread for the work of %s: %s", _name(leadership), error)
            errors.append(error)
            leadership.give_up(LossReason.WORK_FAILED)
            self._is_working = False

    def _try_enter(self, user: LeadershipUser) -> "Leadership | Run | None":
        return self if self._is_stopping else self._published.try_enter(user)

    def _is_over(self, leadership: Leadership) -> bool:
        is_kept = self._on_return == "keep" and not self._is_stopping
        return leadership.lost.is_set() or self._is_stopping or not (self._is_working or is_kept)

    def _body(self, leadership: Leadership, errors: list[BaseException]) -> None:
        try:
            arguments.check_returned("work", self._work(leadership))
        except BaseException as error:
            errors.append(error)
            leadership.give_up(LossReason.WORK_FAILED)
            logger.exception("the work of %s raised in term %d", _name(leadership), leadership.token)
        finally:
            with self._context.changing():
                self._is_working = False

    def _end(self, leadership: Leadership, thread: WorkThread, errors: list[BaseException]) -> None:
        """Resign the leadership unless it is lost, and wait for the work to end."""
        if self._context.state is not Lifecycle.RUNNING:
            leadership.give_up(LossReason.STOPPED)
        elif not leadership.lost.is_set():
            leadership.resign()
        grace_s = self._context.config.grace_ns / NS_PER_S
        if thread.ident is not None:
            thread.join(grace_s)
        if thread.is_alive():
            logger.warning(
                "! the work of %s still runs %.1f s after term %d was lost",
                _name(leadership),
                grace_s,
                leadership.token,
            )
            self._await_late(thread)
        if not errors:
            self._backoff.reset()

    def _await_late(self, thread: WorkThread) -> None:
        """Stop being a candidate until the work ends."""
        self._candidacy.remove_holder(self._holder, LossReason.UNHEALTHY)
        try:
            self._context.wait_for(lambda: None if self._is_working else True, None)
            thread.join()
        finally:
            self._candidacy.add_holder(self._holder)

    def _wait_after_failure(self) -> None:
        self._context.wait_for(lambda: True if self._is_stopping else None, self._backoff.next_s())


def _name(leadership: Leadership) -> str:
    """Return the name of the election in a log line: a process may have several nodes."""
    return f"election {leadership.election!r} on node {leadership.node_id}"
