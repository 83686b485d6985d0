"""WireMetrics: a Meter that counts for Prometheus, in these series.

    wire_connections                             gauge    direction           Open links; in: the other end dialed.
    wire_frames_total                            counter  direction           Frames of open links, without keepalives.
    wire_bytes_total                             counter  direction           Bytes of open links, with keepalives.
    wire_handshakes_total                        counter  direction, outcome  Ended handshakes, by outcome.
    wire_dials_total                             counter  peer, outcome       Dials of a peer, by outcome.
    wire_outbox_depth                            gauge    peer                Messages that wait; */*: for all clients.
    wire_outbox_sent_total                       counter  peer                Messages written to a peer.
    wire_outbox_coalesced_total                  counter  peer, kind          Messages replaced before they were sent.
    wire_outbox_dropped_total                    counter  peer, kind          Messages lost: queue full, or link ended.
    wire_rejected_frames_total                   counter  reason              Frames refused or skipped, by reason.
    wire_last_received_timestamp_seconds         gauge    peer                Unix time of the last read from a peer.
    wire_certificate_not_after_timestamp_seconds gauge    certificate         Unix time at which a certificate ends.

`direction` is "in" or "out"; of handshakes and connections, "in" is those that the other end dialed. `outcome` is "ok"
or, as `reason` is, the reason of an error in `wire.protocol.wire_errors`. `kind` is a message's class in lower case.
`certificate` is "own" or "ca", and is there under TLS alone. Bytes are counted as they are before TLS. A message is not
sent when its outbox is full or its link has ended, or when it cannot be encoded. The series of a peer are removed when
its last dialer and its last link have ended. The links of a SharedLinks are one peer, "*/*".
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Metric

from wire.common.deadline import now_s
from wire.common.log import harmless
from wire.io.meter import Meter

_DIRECTIONS = ("in", "out")


class WireMetrics(Meter):
    """The counters of every listener and dialer that has it in its Endpoint.

    Args:
        registry: the registry of the series; a new one by default.
        is_registered: put the series there at once; otherwise `register` does.

    Attributes:
        registry: the registry of the series.

    Raises:
        ValueError: the registry has such series already.
    """

    def __init__(self, registry: CollectorRegistry | None = None, *, is_registered: bool = True) -> None:
        self.registry = registry if registry is not None else CollectorRegistry()
        self._lock = threading.Lock()
        self._collectors: list[Counter | Gauge] = []
        self._registered: list[Counter | Gauge] = []
        self._peers: dict[str, _Peer] = {}
        self._connections = self._gauge("wire_connections", "Open links; in: the other end dialed.", "direction")
        self._handshakes = self._counter("wire_handshakes", "Ended handshakes, by outcome.", "direction", "outcome")
        self._depth = self._gauge("wire_outbox_depth", "Messages that wait; */*: for all clients.", "peer")
        self._sent = self._counter("wire_outbox_sent", "Messages written to a peer.", "peer")
        self._coalesced = self._counter(
            "wire_outbox_coalesced", "Messages replaced before they were sent.", "peer", "kind"
        )
        self._dropped = self._counter(
            "wire_outbox_dropped", "Messages lost: queue full, or link ended.", "peer", "kind"
        )
        self._rejected = self._counter("wire_rejected_frames", "Frames refused or skipped, by reason.", "reason")
        self._dials = self._counter("wire_dials", "Dials of a peer, by outcome.", "peer", "outcome")
        self._received = self._gauge(
            "wire_last_received_timestamp_seconds", "Unix time of the last read from a peer.", "peer"
        )
        self._certificate_end = self._gauge(
            "wire_certificate_not_after_timestamp_seconds",
            "Unix time at which a certificate ends.",
            "certificate",
        )
        self._frames = self._counter("wire_frames", "Frames of open links, without keepalives.", "direction")
        self._bytes = self._counter("wire_bytes", "Bytes of open links, with keepalives.", "direction")
        self._flows = {direction: _Flow() for direction in _DIRECTIONS}
        for direction in _DIRECTIONS:
            self._frames.labels(direction)
            self._bytes.labels(direction)
        if is_registered:
            self.register()

    @harmless
    def add_connections(self, direction: str, change: int) -> None:
        """See Meter."""
        self._connections.labels(direction).inc(change)

    @harmless
    def add_frames(self, direction: str, frames: int, size: int) -> None:
        """See Meter."""
        with self._lock:
            flow = self._flows[direction]
            flow.frames += frames
            flow.size += size

    @harmless
    def add_handshake(self, direction: str, outcome: str) -> None:
        """See Meter."""
        self._handshakes.labels(direction, outcome).inc()

    @harmless
    def add_dial(self, peer: str, outcome: str) -> None:
        """See Meter."""
        self._add(self._dials, 1, peer, outcome)

    @harmless
    def add_sent(self, peer: str, messages: int) -> None:
        """See Meter."""
        with self._lock:
            if known := self._peers.get(peer):
                known.sent += messages

    @harmless
    def add_coalesced(self, peer: str, kind: str) -> None:
        """See Meter."""
        self._add(self._coalesced, 1, peer, kind)

    @harmless
    def add_dropped(self, peer: str, kind: str) -> None:
        """See Meter."""
        self._add(self._dropped, 1, peer, kind)

    @harmless
    def add_received(self, peer: str) -> None:
        """See Meter."""
        with self._lock:
            if known := self._peers.get(peer):
                known.received_s = now_s()

    @harmless
    def add_rejected_frame(self, reason: str) -> None:
        """See Meter."""
        self._rejected.labels(reason).inc()

    @harmless
    def set_certificate_end(self, which: str, end_s: float) -> None:
        """See Meter."""
        self._certificate_end.labels(which).set(end_s)

    @harmless
    def watch_peer(self, peer: str, depth: Callable[[], int] | None = None) -> None:
        """See Meter."""
        with self._lock:
            known = self._peers.setdefault(peer, _Peer())
            known.watching += 1
            if depth is not None:
                known.depths = (*known.depths, depth)
                known.series.add((self._depth, (peer,)))
                self._depth.labels(peer).set_function(known.depth)
        self._add(self._sent, 0, peer)

    @harmless
    def forget_peer(self, peer: str, depth: Callable[[], int] | None = None) -> None:
        """See Meter."""
        with self._lock:
            if (known := self._peers.get(peer)) is None:
                return
            known.watching -= 1
            known.depths = tuple(each for each in known.depths if each != depth)
            if not known.watching:
                del self._peers[peer]
                for series, labels in known.series:
                    series.remove(*labels)

    def register(self) -> None:
        """Put the series into the registry, unless they are there.

        Raises:
            ValueError: the registry has such series already; none of these is put there.
        """
        try:
            for collector in self._collectors[len(self._registered) :]:
                self.registry.register(collector)
                self._registered.append(collector)
        except ValueError:
            self.close()
            raise

    @harmless
    def close(self) -> None:
        """Take the series out of the registry, if they are there."""
        while self._registered:
            self.registry.unregister(self._registered.pop())

    def _fold(self) -> None:
        """Add to the series what was counted for each read and write. To add it there at each would cost more."""
        with self._lock:
            for direction, flow in self._flows.items():
                self._frames.labels(direction).inc(flow.frames)
                self._bytes.labels(direction).inc(flow.size)
                flow.frames = flow.size = 0
            for peer, known in self._peers.items():
                if known.sent:
                    self._sent.labels(peer).inc(known.sent)
                    known.sent = 0
                if known.received_s:
                    known.series.add((self._received, (peer,)))
                    received = self._received.labels(peer)
                    received.set_to_current_time()
                    received.dec(now_s() - known.received_s)

    def _add(self, counter: Counter, count: int, peer: str, *labels: str) -> None:
        with self._lock:
            if known := self._peers.get(peer):
                known.series.add((counter, (peer, *labels)))
                counter.labels(peer, *labels).inc(count)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        counter = _FoldedCounter(name, text, labels, registry=None)
        counter.fold = self._fold
        self._collectors.append(counter)
        return counter

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        gauge = _FoldedGauge(name, text, labels, registry=None)
        gauge.fold = self._fold
        self._collectors.append(gauge)
        return gauge


class _FoldedCounter(Counter):
    """A counter that calls `fold` before each scrape."""

    fold: Callable[[], None]

    def collect(self) -> Iterable[Metric]:
        self.fold()
        return super().collect()


class _FoldedGauge(Gauge):
    """A gauge that calls `fold` before each scrape."""

    fold: Callable[[], None]

    def collect(self) -> Iterable[Metric]:
        self.fold()
        return super().collect()


@dataclass(slots=True)
class _Flow:
    """The frames and bytes in one direction that no scrape has seen."""

    frames: int = 0
    size: int = 0


@dataclass(slots=True)
class _Peer:
    """A peer that has a dialer or a link.

    Attributes:
        watching: the number of its dialers and links.
        depths: the functions that return the depths of their outboxes.
        series: the series with its name, and their labels.
        sent: the messages written to it that no scrape has seen.
        received_s: the time of the last read from it; 0: none.
    """

    watching: int = 0
    depths: tuple[Callable[[], int], ...] = ()
    series: set[tuple[Counter | Gauge, tuple[str, ...]]] = field(default_factory=set)
    sent: int = 0
    received_s: float = 0.0

    def depth(self) -> int:
        """Return the sum of the depths."""
        return sum(depth() for depth in self.depths)
