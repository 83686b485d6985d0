"""This node's candidacy in one election: from the start, or only while a `lead` or `run` is active."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from elect.bridge import commands
from elect.bridge.inbox import Command
from elect.core.elector import Elector
from elect.core.events import LossReason
from elect.core.ready import Ready


class Candidacy:
    """Enters and leaves the election in the core as the application wants it. Any thread may call it.

    A node is a candidate from the start. After the first `hold` it is one only while at least one hold lasts: a
    program that wants to lead for a limited time does not want to lead without limit.

    Attributes:
        election: the name of the election.
        runs: the `Run` in progress, which makes this node a candidate; at most one.
        starting_run: held by the thread that starts a `Run`.

    Args:
        election: the name of the election.
        post: passes a command to the orchestrator thread; must not raise.
    """

    def __init__(self, election: str, post: Callable[[Command], object]) -> None:
        self.election = election
        self.runs: set[object] = set()
        self.starting_run = threading.Lock()
        self._post = post
        self._holds: set[object] = set()
        self._has_held = False
        self._is_asked = False
        self._is_paused = False
        self._is_live = False
        self._is_entered = False

    @property
    def is_paused(self) -> bool:
        """Return whether the candidacy is paused."""
        return self._is_paused

    @property
    def is_entered(self) -> bool:
        """Return whether this node is a candidate, as the orchestrator thread knows it."""
        return self._is_entered

    def start(self) -> None:
        """Apply what the application wants, now that the node runs."""
        self._is_live, self._is_entered = True, False
        self._post_change(LossReason.WITHDRAWN)

    @contextmanager
    def hold(self) -> Iterator[object]:
        """Be a candidate in the block; yields the holder, for `remove_holder` and `add_holder`."""
        holder = object()
        try:
            self.add_holder(holder)
            yield holder
        finally:
            self.remove_holder(holder)

    def add_holder(self, holder: object) -> None:
        """Be a candidate until `remove_holder`."""
        self._holds.add(holder)
        self._has_held = True
        self._post_change(LossReason.WITHDRAWN)

    def remove_holder(self, holder: object, reason: LossReason = LossReason.RESIGNED) -> None:
        """Remove a holder, if it was added. After the last one this node resigns, for this reason."""
        try:
            self._holds.discard(holder)
        finally:
            self._post_change(reason)

    def keep(self) -> None:
        """Be a candidate also without a holder."""
        self._is_asked = True
        self._post_change(LossReason.WITHDRAWN)

    def set_paused(self, *, is_paused: bool) -> None:
        """Pause the candidacy, or resume it."""
        self._is_paused = is_paused
        self._post_change(LossReason.PAUSED)

    def _post_change(self, reason: LossReason) -> None:
        """Post a command that enters or leaves as is wanted when it is carried out: calls may come in any order."""

        def act(elector: Elector, now: int) -> Ready:
            is_kept = self._is_asked or not self._has_held
            is_wanted = (is_kept or bool(self._holds)) and not self._is_paused
            if is_wanted is self._is_entered:
                return elector.tick(now)
            self._is_entered = is_wanted
            todo = commands.enter(self.election) if is_wanted else commands.leave(self.election, reason)
            return todo(elector, now)

        if self._is_live:
            self._post(act)
