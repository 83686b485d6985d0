"""The series of one node, its own and wire's, in a registry that may be shared."""

from collections.abc import Callable

from elect.clock import Clock
from elect.monitoring.metrics import Metrics, Registry, Sample
from wire.common.log import harmless
from wire.link_metrics import WireMetrics


class Series:
    """Puts them into the registry and takes them out again.

    A registry that was given has the series of one node at a time, from its start to its stop. One of the node's own
    has them always.

    Args:
        given: a Metrics, or the registry for one, or None: a registry of the node's own.
        sample: asked at a scrape.
        clock: the node's.

    Attributes:
        metrics: elect's.
        meter: wire's.
    """

    def __init__(self, given: Metrics | Registry | None, sample: Callable[[], Sample], clock: Clock) -> None:
        is_own = given is None
        self._sample = sample
        self.metrics = given if isinstance(given, Metrics) else Metrics(given, clock=clock, is_registered=is_own)
        self.meter = WireMetrics(self.metrics.registry, is_registered=is_own)
        if is_own:
            self.metrics.attach(sample)
        self._lent: tuple[Metrics | WireMetrics, ...] = ()
        if not is_own:
            self._lent = (self.meter,) if isinstance(given, Metrics) else (self.meter, self.metrics)

    def register(self) -> None:
        """Put them into the registry.

        Raises:
            ValueError: another node's are there.
        """
        try:
            self.metrics.register()
            self.meter.register()
        except ValueError as error:
            raise ValueError(
                "the registry in metrics has the series of another node that was not stopped; stop that node first, or"
                " give each node a registry of its own"
            ) from error
        self.metrics.attach(self._sample)

    def unregister(self) -> None:
        """Leave a shared registry to a later node."""
        for series in self._lent:
            harmless(series.close)()
