"""The simulation's counterpart of the counts of steps: it records every event at the step that it follows from."""

from typing import TYPE_CHECKING

from elect.core.events import Event
from elect.testing.simulation.transcript import describe

if TYPE_CHECKING:
    from elect.testing.world.process import Process


class EventRecorder:
    """A StepObserver that tells the world's observers, and counts nothing."""

    def __init__(self, process: "Process") -> None:
        self._process = process

    def observe_events(self, events: tuple[Event, ...]) -> None:
        """Record events before the application hears of them."""
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

    def observe_tick(self, lag_ns: int) -> None:
        """Count nothing."""

    def observe_round_trip(self, peer: str, took_ns: int) -> None:
        """Count nothing."""

    def observe_store_write(self, took_ns: int) -> None:
        """Count nothing."""

    def observe_ignored(self, ignored: int) -> None:
        """Count nothing."""

    def count_bug(self) -> None:
        """Count nothing: the command raises."""
