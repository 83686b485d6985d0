"""The latest events of a node, numbered: a listener that was away gets those that it missed."""

from collections import deque
from collections.abc import Iterable

from elect.core.events import Event
from elect.monitoring.event_fields import SHOWN

EVENTS_MAX = 512
"""About a hundred failovers of one election. When thousands of elections change at once, a new state says it better."""


class EventHistory:
    """A bounded history. One thread notes events and waits for nobody; any thread reads.

    Args:
        name: different for each start of a node, so that a number of an earlier one is not mistaken.
        events_max: the events that are kept.
    """

    def __init__(self, name: str, events_max: int = EVENTS_MAX) -> None:
        self.name = name
        self._events: deque[tuple[int, Event]] = deque(maxlen=events_max)
        self._last = 0

    @property
    def last(self) -> int:
        """The number of the latest event; 0: there was none."""
        return self._last

    def note(self, events: Iterable[Event]) -> None:
        """Append those events that users see."""
        for event in events:
            if isinstance(event, SHOWN):
                self._events.append((self._last + 1, event))
                self._last += 1

    def since(self, number: int) -> list[tuple[int, Event]] | None:
        """Return the events after that number, each with its own; None: some are not kept any more, or never were."""
        kept = self.kept()
        first = kept[0][0] if kept else self._last + 1
        if not first - 1 <= number <= self._last:
            return None
        return kept[number - first + 1 :]

    def kept(self) -> list[tuple[int, Event]]:
        """Return all events that are kept, each with its number."""
        return list(self._events.copy())  # one step, while another thread appends
