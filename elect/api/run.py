"""Work that runs while this node leads: `Election.run`."""

import random
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from elect.bridge.leadership import Leadership
from elect.bridge.published_election import Occupant
from elect.core.events import LossReason
from elect.errors import Forked, Stopped
from wire.common import arguments
from wire.common.backoff import Backoff
from wire.common.log import Log

if TYPE_CHECKING:
    from elect.api.election import Election
    from elect.bridge.node_context import NodeContext

logger = Log(__name__)

BACKOFF_INITIAL_S = 0.5
BACKOFF_MAX_S = 30.0
"""Work that fails at once should not make leadership go round and round; half a minute is soon enough for a repair."""

Work = Callable[[Leadership], object]
OnReturn = Literal["resign", "keep"]


class WorkThread(threading.Thread):
    """A thread in which the application's work runs."""


class Run:
    """Runs `work(leadership)` on a thread of its own each time this node leads, never two at once, until stopped.

    Work that returns resigns (or keeps leading idly, with on_return="keep"); work that raises resigns, and this node
    stands back for a while. Work that goes on after its leadership is lost is reported when the grace is over; until it
    ends this node does not stand.

    Args:
        election: its handle.
        context: of its node.
        work: the application's.
        on_return: what its return means.
        backoff: how long to stand back.
    """

    def __init__(
        self,
        election: "Election",
        context: "NodeContext",
        work: Work,
        on_return: OnReturn,
        backoff: Backoff | None = None,
    ) -> None:
        self._election = election
        self._context = context
        self._work = work
        self._on_return = on_return
        self._backoff = backoff or Backoff(BACKOFF_INITIAL_S, BACKOFF_MAX_S, random.Random())  # noqa: S311 - spreads, hides nothing
        self._holder: object = None
        self._is_stopping = False
        self._is_working = False

    @property
    def is_working(self) -> bool:
        """Whether the work is in progress."""
        return self._is_working

    @property
    def is_stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._is_stopping

    def stop(self) -> None:
        """Run it no more: if it is in progress, its leadership is resigned, and `lost` set. Never waits."""
        with self._context.changing():
            self._is_stopping = True

    def loop(self) -> None:
        """Lead and work, again and again; on a thread of its own."""
        try:
            while not self._is_stopping:
                with self._election.standing.hold() as self._holder:
                    is_failed = self._work_once(Occupant())
                if is_failed:
                    self._stand_back()
        except (Stopped, Forked):
            return

    def _work_once(self, occupant: Occupant) -> bool:
        """Wait for a leadership and work in it, to the end of both; whether it failed."""
        leadership = self._context.wait_for(lambda: self._occupy(occupant), None)
        if leadership is None or leadership is self:
            return False
        assert isinstance(leadership, Leadership)
        errors: list[BaseException] = []
        thread = WorkThread(
            target=self._body, args=(leadership, errors), name=f"elect-work-{self._election.name}", daemon=True
        )
        occupant.thread = thread
        self._is_working = True
        try:
            self._start(thread, leadership, errors)
            self._context.wait_for(lambda: self._is_over(leadership) or None, None)
        finally:
            self._end(leadership, thread, errors)
            with self._context.changing():
                self._election.published.vacate(occupant)
        return bool(errors)

    def _start(self, thread: WorkThread, leadership: Leadership, errors: list[BaseException]) -> None:
        """Begin the work; without a thread it counts as work that failed."""
        try:
            thread.start()
        except RuntimeError as error:
            logger.warning("! no thread for the work of election %r: %s", leadership.election, error)
            errors.append(error)
            leadership.give_up(LossReason.WORK_FAILED)
            self._is_working = False

    def _occupy(self, occupant: Occupant) -> "Leadership | Run | None":
        return self if self._is_stopping else self._election.published.occupy(occupant)

    def _is_over(self, leadership: Leadership) -> bool:
        is_kept = self._on_return == "keep" and not self._is_stopping
        return leadership.lost.is_set() or self._is_stopping or not (self._is_working or is_kept)

    def _body(self, leadership: Leadership, errors: list[BaseException]) -> None:
        try:
            arguments.check_returned("work", self._work(leadership))
        except BaseException as error:
            errors.append(error)
            leadership.give_up(LossReason.WORK_FAILED)
            logger.exception("the work of election %r raised in term %d", leadership.election, leadership.token)
        finally:
            with self._context.changing():
                self._is_working = False

    def _end(self, leadership: Leadership, thread: WorkThread, errors: list[BaseException]) -> None:
        """The leadership is over, or is resigned now; wait for the work to end."""
        if not leadership.lost.is_set():
            leadership.resign()
        grace_s = self._context.config.grace_ns / 1_000_000_000
        if thread.ident is not None:
            thread.join(grace_s)
        if thread.is_alive():
            logger.warning(
                "! the work of election %r still runs %.1f s after term %d was lost",
                leadership.election,
                grace_s,
                leadership.token,
            )
            self._await_late(thread)
        if not errors:
            self._backoff.reset()

    def _await_late(self, thread: WorkThread) -> None:
        """Stand aside until the work ends."""
        standing = self._election.standing
        standing.end(self._holder, LossReason.UNHEALTHY)
        try:
            self._context.wait_for(lambda: None if self._is_working else True, None)
            thread.join()
        finally:
            standing.begin(self._holder)

    def _stand_back(self) -> None:
        self._context.wait_for(lambda: True if self._is_stopping else None, self._backoff.next_s())
