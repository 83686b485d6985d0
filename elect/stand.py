"""Whether this node stands in one election: from the start, or only while somebody here wants to lead."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from elect import acts
from elect.core.ready import LossReason
from elect.inbox import Act


class Stand:
    """Keeps the core's word in step with what the application wants. Any thread.

    A node stands from the start. From the first `hold` on it stands only while at least one lasts: who asked to lead
    for a while did not ask to lead for ever.

    Args:
        election: its name.
        post: carries an act to the protocol's thread, in order; must not raise.
    """

    def __init__(self, election: str, post: Callable[[Act], object]) -> None:
        self._election = election
        self._post = post
        self._lock = threading.RLock()
        self._holds = 0
        self._is_kept = True
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
        with self._lock:
            self._is_live = True
            self._settle(LossReason.WITHDRAWN)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Stand while this lasts."""
        self.begin()
        try:
            yield
        finally:
            self.end()

    def begin(self) -> None:
        """Begin a hold."""
        with self._lock:
            self._is_kept = self._is_kept and self._is_asked
            self._holds += 1
            self._settle(LossReason.WITHDRAWN)

    def end(self, reason: LossReason = LossReason.RESIGNED) -> None:
        """End one; the last one's end is a resignation, for this reason."""
        with self._lock:
            assert self._holds, "a hold ends once"
            self._holds -= 1
            self._settle(reason)

    def keep(self) -> None:
        """Stand in any case."""
        with self._lock:
            self._is_kept = self._is_asked = True
            self._settle(LossReason.WITHDRAWN)

    def set_paused(self, *, is_paused: bool) -> None:
        """Take no part as a candidate, or take part again."""
        with self._lock:
            self._is_paused = is_paused
            self._settle(LossReason.PAUSED)

    def abandon(self) -> None:
        """In a forked child: the lock may be in the hands of a thread that does not exist here."""
        self._lock = threading.RLock()
        self._is_live = False

    def _settle(self, reason: LossReason) -> None:
        is_wanted = (self._is_kept or self._holds > 0) and not self._is_paused
        if not self._is_live or is_wanted is self._is_standing:
            return
        self._is_standing = is_wanted
        self._post(acts.enter(self._election) if is_wanted else acts.leave(self._election, reason))
