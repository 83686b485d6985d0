"""Prints the events of a node as JSON, one line each: `elect run --events`."""

import json
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from elect.clock import now_ns
from elect.core.events import Event
from elect.monitoring.event_fields import Fields, event_fields, fields_of
from elect.monitoring.member_phase import MemberLifecycle


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
        self._phases: deque[tuple[MemberLifecycle, int]] = deque()

    @contextmanager
    def write_first(self, name: str) -> Iterator[None]:
        """Write a line at the end of the block, before the events that occur in it."""
        with self._lock:
            yield
            self._write(name, now_ns())
            self.write_phases()

    def write_event(self, event: Event) -> None:
        """Write an event of the core, if it is one that users see."""
        for fields in event_fields(event, self._node_id):
            with self._lock:
                self.write_phases()
                self._write_line(fields)

    def note_lifecycle(self, value: MemberLifecycle) -> None:
        """Note the phase of the node as a member, on any thread; never waits. The next line comes after its line."""
        self._phases.append((value, now_ns()))

    def write_phases(self) -> None:
        """Write a line for each phase that was noted."""
        with self._lock:
            while self._phases:
                value, at = self._phases.popleft()
                self._write("lifecycle", at, phase=value.phase.value, attempt=value.attempt, reason=value.reason)

    def write(self, name: str, at: int, **more: object) -> None:
        """Write one line, after those of the phases that were noted before.

        Args:
            name: of the event.
            at: ns of the node's clock.
            more: further fields.
        """
        with self._lock:
            self.write_phases()
            self._write(name, at, **more)

    def _write(self, name: str, at: int, **fields: object) -> None:
        self._write_line(fields_of(name, self._node_id, at, **fields))

    def _write_line(self, fields: Fields) -> None:
        line = json.dumps(fields) + "\n"
        with self._lock:
            if self._stream is None:
                return
            try:
                self._stream.write(line)
                self._stream.flush()
            except OSError:
                self._stream = None
