"""What connections count, for Prometheus: the wire_* series, as a Meter."""

import threading
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge

_DIRECTIONS = ("in", "out")


class WireMetrics:
    """Counts for every listener and dialer that it is given to.

    Args:
        registry: where the series are; a new one by default.

    Attributes:
        registry: where they are.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry if registry is not None else CollectorRegistry()
        self._lock = threading.Lock()
        self._collectors: list[Counter | Gauge] = []
        self._labels: dict[str, set[tuple[Counter, str]]] = {}
        self._connections = self._gauge("wire_connections", "Links after their handshake.", "direction")
        self._handshakes = self._counter("wire_handshakes", "Handshakes, by how they ended.", "direction", "outcome")
        self._depth = self._gauge("wire_outbox_depth", "Messages that wait for a peer.", "peer")
        self._dropped = self._counter("wire_outbox_dropped", "Messages that were not sent.", "peer", "kind")
        self._rejected = self._counter("wire_rejected_frames", "Frames refused or skipped, by why.", "reason")
        self._dials = self._counter("wire_dials", "Dials, by how they ended.", "peer", "outcome")
        self._certificate_end = self._gauge(
            "wire_certificate_not_after_timestamp_seconds", "When a certificate in use ends, Unix time.", "certificate"
        )
        frames = self._counter("wire_frames", "Frames read or written.", "direction")
        size = self._counter("wire_bytes", "Bytes read or written.", "direction")
        # Looked up once: these two are counted for every frame.
        self._frames = {direction: frames.labels(direction) for direction in _DIRECTIONS}
        self._bytes = {direction: size.labels(direction) for direction in _DIRECTIONS}

    def add_connections(self, direction: str, change: int) -> None:
        """See Meter."""
        self._connections.labels(direction).inc(change)

    def add_frames(self, direction: str, frames: int, size: int) -> None:
        """See Meter."""
        self._frames[direction].inc(frames)
        self._bytes[direction].inc(size)

    def add_handshake(self, direction: str, outcome: str) -> None:
        """See Meter."""
        self._handshakes.labels(direction, outcome).inc()

    def add_dial(self, peer: str, outcome: str) -> None:
        """See Meter."""
        self._add(self._dials, peer, outcome)

    def add_dropped(self, peer: str, kind: str) -> None:
        """See Meter."""
        self._add(self._dropped, peer, kind)

    def add_rejected_frame(self, reason: str) -> None:
        """See Meter."""
        self._rejected.labels(reason).inc()

    def set_certificate_end(self, which: str, end_s: float) -> None:
        """See Meter."""
        self._certificate_end.labels(which).set(end_s)

    def watch_outbox(self, peer: str, depth: Callable[[], int]) -> None:
        """See Meter."""
        self._depth.labels(peer).set_function(depth)

    def forget_peer(self, peer: str) -> None:
        """See Meter."""
        with self._lock:
            known = self._labels.pop(peer, set())
        for counter, label in known:
            counter.remove(peer, label)
        self._depth.remove(peer)

    def close(self) -> None:
        """Leave the registry, so that another may come; again: nothing."""
        collectors, self._collectors = self._collectors, []
        for collector in collectors:
            self.registry.unregister(collector)

    def _add(self, counter: Counter, peer: str, label: str) -> None:
        with self._lock:
            self._labels.setdefault(peer, set()).add((counter, label))
        counter.labels(peer, label).inc()

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        counter = Counter(name, text, labels, registry=self.registry)
        self._collectors.append(counter)
        return counter

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        gauge = Gauge(name, text, labels, registry=self.registry)
        self._collectors.append(gauge)
        return gauge
