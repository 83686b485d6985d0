"""Prints the events of a node as JSON, one line each: `elect run --events`."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from elect.clock import NS_PER_S, now_ns
from elect.core.events import Elected, Event, LeaderChanged, Lost, PeerChanged


class JsonEvents:
    """Writes lines that never interleave; `boottime` is the moment of the event, not of the writing.

    Args:
        node_id: the id of the node.
        stream: gets the lines until its reader closes it; None: nothing is written.
    """

    def __init__(self, node_id: str, stream: TextIO | None) -> None:
        self._node_id = node_id
        self._stream = stream
        self._lock = threading.RLock()

    @contextmanager
    def write_first(self, name: str) -> Iterator[None]:
        """Write a line at the end of the block, before the events that occur in it."""
        with self._lock:
            yield
            self.write(name, now_ns())

    def write_event(self, event: Event) -> None:
        """Write an event of the core, if it is one that users see."""
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
            election: its election, if it has one.
            term: the term of the election.
            leader: the leader of the election.
            more: the fields that only this event has.
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
            if self._stream is None:
                return
            try:
                self._stream.write(line)
                self._stream.flush()
            except OSError:
                self._stream = None
