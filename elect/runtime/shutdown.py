"""The resignations of a node that stops: its links close when others lead what it led.

Until then it votes: its own vote may be the one that its successor needs.
"""

from collections.abc import Iterator

from elect.bridge.signal_safe_event import SignalSafeEvent
from elect.core.elector import Elector
from elect.core.events import LossReason
from elect.core.ready import Ready


class ShutdownHandover:
    """Begun and observed by the orchestrator thread; the thread that stops the node waits for it.

    Attributes:
        resigned: the application acknowledged every loss, and Resign has left for every peer.
        succeeded: every peer that can has answered, and each election has another leader; or there is no such peer.
    """

    def __init__(self) -> None:
        self.resigned = SignalSafeEvent()
        self.succeeded = SignalSafeEvent()
        self._elections: tuple[str, ...] = ()

    def begin(self, elector: Elector, now: int) -> Iterator[Ready]:
        """Resign every election that this node leads, and be a candidate in none."""
        elections = elector.state.elections
        self._elections = tuple(name for name, election in elections.items() if election.leadership is not None)
        for name in self._elections:
            yield elector.leave(now, name, LossReason.STOPPED)
        yield elector.set_paused(now, is_paused=True)

    def observe(self, elector: Elector) -> None:
        """Set the events whose condition is true now; called after every input."""
        led = [elector.state.elections[name] for name in self._elections]
        if any(election.leadership is not None for election in led):
            return
        self.resigned.set()
        listening = [peer for peer in elector.state.support.peers.values() if peer.opened]
        is_heard = not any(peer.resigns for peer in listening)
        if not listening or (is_heard and all(election.leader[0] is not None for election in led)):
            self.succeeded.set()
