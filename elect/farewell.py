"""The last resignations of a node that stops: when everybody has heard, its links may close."""

import threading
from collections.abc import Iterator

from elect.core.elector import Elector
from elect.core.ready import LossReason, Ready


class Farewell:
    """Begun and looked after by the protocol's thread, waited for by the one that stops the node.

    Attributes:
        resigned: the application acknowledged every loss, and Resign has left for every peer.
        answered: every peer that can has answered.
    """

    def __init__(self) -> None:
        self.resigned = threading.Event()
        self.answered = threading.Event()
        self._elections: tuple[str, ...] = ()

    def begin(self, elector: Elector, now: int) -> Iterator[Ready]:
        """Resign what is led, and stand for nothing."""
        elections = elector.state.elections
        self._elections = tuple(name for name, election in elections.items() if election.leadership is not None)
        for name in self._elections:
            yield elector.leave(now, name, LossReason.STOPPED)
        yield elector.set_paused(now, is_paused=True)

    def look(self, elector: Elector) -> None:
        """Note what is done by now; called after every input."""
        state = elector.state
        if self.resigned.is_set() is False and all(
            state.elections[name].leadership is None for name in self._elections
        ):
            self.resigned.set()
        if self.resigned.is_set() and not any(peer.resigns for peer in state.support.peers.values() if peer.opened):
            self.answered.set()
