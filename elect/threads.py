"""A thread of ours: it has a name, and does not die in silence."""

import logging
import threading
from collections.abc import Callable

logger = logging.getLogger(__name__)

OnDeath = Callable[[str, BaseException], None]
"""Told the name of a thread that ended by an error, and the error; on that thread."""


class OwnThread(threading.Thread):
    """A daemon thread whose death is reported: a half-dead elector is the worst state.

    Args:
        target: what it does; it returns when it was asked to.
        name: starts with "elect-".
        on_death: told when the target raises.
    """

    def __init__(self, target: Callable[[], None], *, name: str, on_death: OnDeath) -> None:
        super().__init__(name=name, daemon=True)
        self._work = target
        self._on_death = on_death

    def run(self) -> None:
        """Work until told to end."""
        try:
            self._work()
        except BaseException as error:
            logger.critical("! thread %s died: %r", self.name, error, exc_info=error)
            self._on_death(self.name, error)

    def finish(self, timeout: float) -> bool:
        """Wait for its end, unless it is the one that asks; whether it has ended, or never began."""
        if self.ident is None:
            return True
        if threading.current_thread() is not self:
            self.join(max(0.0, timeout))
        return not self.is_alive()
