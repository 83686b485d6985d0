"""Whether this node stands in one election: from the start, or only while somebody here wants to lead."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from elect.bridge import commands
from elect.bridge.inbox import Command
from elect.core.elector import Elector
from elect.core.events import LossReason
from elect.core.ready import Ready


class Candidacy:
    """Keeps the core's word in step with what the application wants. Any thread.

    A node stands from the start. From the first `hold` on it stands only while at least one lasts: who asked to lead
    for a while did not ask to lead for ever.

    Args:
        election: its name.
        post: carries an act to the protocol's thread; must not raise.
    """

    def __init__(self, election: str, post: Callable[[Command], object]) -> None:
        self._election = election
        self._post = post
        self._holds: set[object] = set()
        self._has_held = False
        self._is_asked = False
        self._is_paused = False
        self._is_live = False
        self._is_standing = False

    @property
    def is_paused(self) -> bool:
        """Whether it was told to take no part in this election."""
        return self._is_paused

    def start(self) -> None:
        """The node runs: what was wanted before takes effect."""
        self._is_live, self._is_standing = True, False
        self._settle(LossReason.WITHDRAWN)

    @contextmanager
    def hold(self) -> Iterator[object]:
        """Candidacy while this lasts; yields what names it for `end` and `begin`."""
        holder = object()
        try:
            self.begin(holder)
            yield holder
        finally:
            self.end(holder)

    def begin(self, holder: object) -> None:
        """Begin a hold."""
        self._holds.add(holder)
        self._has_held = True
        self._settle(LossReason.WITHDRAWN)

    def end(self, holder: object, reason: LossReason = LossReason.RESIGNED) -> None:
        """End it, if it was begun; the last one's end is a resignation, for this reason."""
        try:
            self._holds.discard(holder)
        finally:
            self._settle(reason)

    def keep(self) -> None:
        """Candidacy in any case."""
        self._is_asked = True
        self._settle(LossReason.WITHDRAWN)

    def set_paused(self, *, is_paused: bool) -> None:
        """Take no part as a candidate, or take part again."""
        self._is_paused = is_paused
        self._settle(LossReason.PAUSED)

    def abandon(self) -> None:
        """In a forked child: ask for nothing."""
        self._is_live = False

    def _settle(self, reason: LossReason) -> None:
        """Have the protocol's thread see what is wanted then: signals and threads may want in any order."""

        def act(elector: Elector, now: int) -> Ready:
            is_kept = self._is_asked or not self._has_held
            is_wanted = (is_kept or bool(self._holds)) and not self._is_paused
            if is_wanted is self._is_standing:
                return elector.tick(now)
            self._is_standing = is_wanted
            todo = commands.enter(self._election) if is_wanted else commands.leave(self._election, reason)
            return todo(elector, now)

        if self._is_live:
            self._post(act)
