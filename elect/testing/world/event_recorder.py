"""The simulation's observer of steps: it records every event at the step that caused it, and counts nothing."""

from typing import TYPE_CHECKING

from elect.core.events import Event
from elect.testing.simulation.transcript import describe

if TYPE_CHECKING:
    from elect.testing.world.process import Process


class EventRecorder:
    """A StepObserver that passes events on to the world's observers."""

    def __init__(self, process: "Process") -> None:
        self._process = process

    def observe_events(self, events: tuple[Event, ...]) -> None:
        """Record events before the application is told of them."""
        process, world = self._process, self._process.world
        for event in events:
            world.record(process.node_id, event)
            text = describe(event)
            if text:
                world.note(str(process), text)
            for observer in world.observers:
                observer.told(process, event)
        for observer in world.steppers:
            observer.stepped(process)

    def observe_tick(self, *_: object, **__: object) -> None:
        """Ignore a measurement; the simulation has no metrics."""

    observe_round_trip = observe_store_write = observe_ignored = count_bug = observe_tick
