"""Makes the events of a node, each once for all listeners."""

import threading

from elect.clock import NS_PER_S
from elect.core.events import Event
from elect.monitoring.event_fields import event_fields
from elect.web.elections import ElectionList
from elect.web.events.encoding import encode, make_id, parse_id
from elect.web.events.event_stream import EventStream
from elect.web.node_protocol import NodeProtocol
from wire.common.deadline import now_s

LISTENERS_MAX = 256
"""Each costs a descriptor, and some microseconds for each event."""

ROWS_OF_STATE, ROWS_OF_REPORT = 100, 24
"""The first elections, in the order of `/elections`: a screen or two, and what is repeated with each report."""

CHANGES_OF_STATE = 128

REPORT_INTERVAL_S = 0.5
"""A lease lasts for a second by default: a report shows it before it would be over."""

WAIT_S_MIN = 0.01
"""Another thread may be making the report that is due."""

Made = tuple[int, bytes]
"""A number, and the bytes that belong to it."""


class EventSource:
    """The source of all listeners of one application. Any thread may call it.

    Blocks that were made are kept as one value each, which another thread may replace at any time: each is read once.

    Args:
        node: whose events they are.
        elections: of the node.
        listeners_max: limits the listeners.
    """

    def __init__(self, node: NodeProtocol, elections: ElectionList, *, listeners_max: int = LISTENERS_MAX) -> None:
        self._node = node
        self._elections = elections
        self._listeners_max = listeners_max
        self._lock = threading.Lock()
        self._making = threading.Lock()
        self._streams: set[EventStream] = set()
        self._interval_s = min(REPORT_INTERVAL_S, node.config.support_duration_ns / NS_PER_S / 2)
        self._report: Made = (0, b"")
        self._report_due_s = 0.0
        self._state: Made = (0, b"")
        self._state_due_s = 0.0
        self._changes: tuple[int, Made] = (0, (0, b""))

    def __len__(self) -> int:
        """The number of listeners."""
        return len(self._streams)

    def open(self, last_event_id: str) -> EventStream | None:
        """Return the stream of a new listener, or None: there are too many.

        Args:
            last_event_id: the id of the last event that it had; empty: it is new.
        """
        with self._lock:
            if len(self._streams) >= self._listeners_max:
                return None
            position = parse_id(self._node.history.name, last_event_id)
            stream = EventStream(self, None if position is None or position > self.last else position)
            self._streams.add(stream)
        return stream

    def close(self, stream: EventStream) -> None:
        """Forget a listener."""
        with self._lock:
            self._streams.discard(stream)

    @property
    def last(self) -> int:
        """The number of the latest change."""
        return self._node.history.last

    def wait(self, after: int, timeout: float | None = None) -> bool:
        """Wait until there is a change after that number, or a report is due; return whether there is a change.

        Args:
            after: the number.
            timeout: seconds; None waits for the next report.

        Raises:
            Stopped, Forked: the node no longer runs.
        """
        due_s = max(WAIT_S_MIN, self._report_due_s - now_s())
        return self._node.wait_for_events(after, due_s if timeout is None else min(due_s, timeout))

    def missed(self, position: int | None) -> Made:
        """Return the changes after a position as bytes, and the new position.

        If they are not kept, that is the state: once in each interval, however many elections change meanwhile.
        """
        if position is not None:
            made_for, made = self._changes
            if made_for == position and made[0] == self.last:
                return made
            if (events := self._node.history.since(position)) is not None:
                changes = b"".join(self._encode(number, event) for number, event in events)
                made = events[-1][0] if events else position, changes
                self._changes = position, made
                return made
        state = self._make_state()
        return state if position is None or position < state[0] else (position, b"")

    def _encode(self, number: int, event: Event) -> bytes:
        """Return an event; a listener has all of it once it has the id, which the last part bears."""
        parts = list(event_fields(event, self._node.config.node))
        ids = [None] * (len(parts) - 1) + [make_id(self._node.history.name, number)]
        return b"".join(encode("change", fields, event_id) for fields, event_id in zip(parts, ids, strict=False))

    def report(self, seen: int) -> Made | None:
        """Return the latest report and its number, or None if it is the one that was seen."""
        if now_s() >= self._report_due_s:
            with self._making:
                if now_s() >= self._report_due_s:
                    self._report_due_s = now_s() + self._interval_s
                    self._report = self._report[0] + 1, encode("report", self._describe(ROWS_OF_REPORT))
        report = self._report
        return None if report[0] == seen else report

    def last_words(self) -> bytes:
        """Return the event that ends every stream."""
        return encode("stopped", {"node": self._node.config.node, "state": self._node.state})

    def _make_state(self) -> Made:
        """Return the state and its position; one that is newer than the interval is still good."""
        with self._making:
            if now_s() >= self._state_due_s:
                self._state_due_s = now_s() + self._interval_s
                history, node_id = self._node.history, self._node.config.node
                kept = history.kept()
                position = kept[-1][0] if kept else 0
                changes = [fields for _, event in kept[-CHANGES_OF_STATE:] for fields in event_fields(event, node_id)]
                content = {**self._describe(ROWS_OF_STATE), "changes": changes}
                self._state = position, encode("state", content, make_id(history.name, position))
            return self._state

    def _describe(self, rows: int) -> dict[str, object]:
        """Return the status of the node with its first elections, without what no page shows."""
        content = self._node.status(self._elections.first(rows)).to_dict()
        threads = content.pop("threads", None)
        if isinstance(threads, dict):
            content["dead_threads"] = [name for name, is_alive in threads.items() if not is_alive]
        peers = content.get("peers")
        if isinstance(peers, list):
            content["peers"] = [{**peer, "history": None} for peer in peers]
        listed = {**self._elections.counts(), "first": content.pop("elections", [])}
        support_s = self._node.config.support_duration_ns / NS_PER_S
        return {**content, "elections": listed, "support_duration": support_s}
