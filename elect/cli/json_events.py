"""`--events`: what happens in a node as JSON, a line an event."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from elect.clock import now_ns
from elect.core.events import Elected, Event, LeaderChanged, Lost, PeerChanged

NS_PER_S = 1_000_000_000


class JsonEvents:
    """Writes lines that never interleave; `boottime` is that of the moment itself, not of writing.

    Args:
        node_id: whose events these are.
        stream: where they go.
    """

    def __init__(self, node_id: str, stream: TextIO) -> None:
        self._node_id = node_id
        self._stream = stream
        self._lock = threading.RLock()
        self.is_broken = False
        """Nobody reads them any more."""

    @contextmanager
    def first(self, name: str) -> Iterator[None]:
        """Write a line at the end of the block, before whatever happens in it."""
        with self._lock:
            yield
            self.write(name, now_ns())

    def take(self, event: Event) -> None:
        """Write an event of the core, if it is one of those that are told."""
        match event:
            case Elected():
                self.write("elected", event.at, election=event.election, term=event.term, leader=self._node_id)
            case Lost():
                self.write("lost", event.at, election=event.election, term=event.term, reason=event.reason.value)
            case LeaderChanged():
                self.write("leader", event.at, election=event.election, term=event.term, leader=event.leader)
            case PeerChanged():
                self.write("peer", event.at, peer=event.peer, supported=event.supported)
            case _:
                pass

    def write(
        self,
        name: str,
        at: int,
        *,
        election: str | None = None,
        term: int | None = None,
        leader: str | None = None,
        **more: object,
    ) -> None:
        """Write one line.

        Args:
            name: of the event.
            at: ns of the node's clock.
            election: in which, if in one.
            term: the election's.
            leader: who leads it.
            more: what only this kind of event has.
        """
        content = {
            "event": name,
            "election": election,
            "node": self._node_id,
            "term": term,
            "leader": leader,
            "boottime": at / NS_PER_S,
            **more,
        }
        line = json.dumps(content) + "\n"
        with self._lock:
            if self.is_broken:
                return
            try:
                self._stream.write(line)
                self._stream.flush()
            except OSError:
                self.is_broken = True
