"""A simulation in which each frame under way can be delivered, dropped, duplicated or overtaken."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from elect.core.events import Elected, Event, Lost
from elect.core.membership_messages import Message
from elect.core.messages import Batch, Knowledge
from elect.testing.simulation.network_controls import duration
from elect.testing.simulation.simulation import Simulation
from elect.testing.simulation.simulation_options import Options
from elect.testing.simulation.violation import InvariantViolation
from elect.testing.world.process import Process
from elect.testing.world.simulated_link import SimulatedLink
from elect.testing.world.world_observer import Observer
from wire.common import arguments

_STEP_S = 0.01
"""Half the delay of a frame: a frame that is waited for is still under way when it is seen."""


class MachineApplication(Protocol):
    """The application on the nodes."""

    def begin_program(self, node: str) -> None:
        """Called when a node's program starts."""

    def on_elected(self, node: str, token: int) -> None:
        """Called when a node is told that it leads."""

    def on_lost(self, node: str, token: int) -> None:
        """Called when a node is told that it leads no longer."""


@dataclass(eq=False, slots=True)
class MachineFrame:
    """A message, or the end of a stream (None), under way on a link.

    Attributes:
        is_late: all other frames overtake it; it arrives by `deliver`, or when everything is restored.
    """

    link: SimulatedLink
    number: int
    message: Message | None
    is_late: bool = False

    def __str__(self) -> str:
        return f"{self.link.path} {_describe(self.message)}"

    def arrive(self) -> None:
        """Arrive at the other end."""
        self.link.arrive(self.number, self.message)


def _describe(message: Message | None) -> str:
    match message:
        case None:
            return "end of stream"
        case Batch():
            return ", ".join(f"{type(entry).__name__} {entry.term}" for entry in message.entries)
        case Knowledge():
            return ", ".join(f"Known {known.leader or 'nobody'} {known.term}" for known in message.entries)
        case _:
            return type(message).__name__


class MachineWorld(Simulation):
    """A simulation with its frames and an application on its nodes.

    Args:
        options: of the simulation.
        application: told of starts, elections and losses; an exception of it ends the step.
    """

    def __init__(self, options: Options, application: MachineApplication) -> None:
        super().__init__(options)
        self._frames: dict[MachineFrame, None] = {}
        self._world.carry = self._carry
        self._observer = _ApplicationObserver(application, self.election)
        self.watch(self._observer)

    def step(self, action: Callable[[], object]) -> None:
        """Call `action`, and perform everything that is due now.

        Raises:
            InvariantViolation: a promise of the protocol is broken.
        """
        try:
            action()
            self.run(0)
        except InvariantViolation as violation:
            if self._observer.error is not None:
                raise self._observer.error from None
            violation.replay = "the steps that Hypothesis prints"
            raise

    def wait(self, is_met: Callable[[], bool], seconds: float) -> None:
        """Run until a condition is met, at most `seconds`."""
        end = self.now + seconds
        while not is_met() and self.now < end:
            self.run(_STEP_S)

    def after(self, seconds: float, action: Callable[[], object]) -> None:
        """Call an action of the application after `seconds` of virtual time."""
        arguments.check_callable("action", action)
        self._world.scheduler.after(duration("seconds", seconds), self._observer.call, action)

    # Frames.

    def _carry(self, at: int, link: SimulatedLink, number: int, message: Message | None) -> None:
        """Keep a frame that was sent; it arrives when it is due, unless a rule delivers or drops it before."""
        frame = MachineFrame(link, number, message)
        self._frames[frame] = None
        self._world.scheduler.at(at, self._due, frame)

    def _due(self, frame: MachineFrame) -> None:
        if frame in self._frames and not frame.is_late:
            self._let_arrive(frame)

    def _let_arrive(self, frame: MachineFrame) -> None:
        del self._frames[frame]
        frame.arrive()

    def frames(self) -> list[str]:
        """Return the frames under way, oldest first, each as a text that names it."""
        return list(dict.fromkeys(str(frame) for frame in self._frames if not frame.link.is_broken))

    def _find(self, name: str) -> MachineFrame:
        frame = next((frame for frame in self._frames if str(frame) == name), None)
        if frame is None:
            raise LookupError(f"{name!r} is not under way; these are: {self.frames()}")
        return frame

    def deliver(self, name: str) -> None:
        """Deliver a frame now, before frames that were sent earlier."""
        self._let_arrive(self._find(name))

    def drop(self, name: str) -> None:
        """Lose a frame that is under way."""
        del self._frames[self._find(name)]

    def duplicate(self, name: str) -> None:
        """Deliver a copy of a frame now; the frame itself arrives when it is due."""
        self._find(name).arrive()

    def overtake(self, name: str) -> None:
        """Hold a frame until `deliver` names it; all others overtake it."""
        frame = self._find(name)
        frame.is_late = True
        self._frames[frame] = self._frames.pop(frame)

    def await_frame(self, kind: str, seconds: float) -> None:
        """Run until a frame of a kind is under way, at most `seconds`."""
        self.wait(lambda: any(kind in str(frame) for frame in self._frames if not frame.is_late), seconds)

    def _restore(self, unwilling: list[str]) -> None:
        for frame in [frame for frame in self._frames if frame.is_late]:
            self._let_arrive(frame)
        super()._restore(unwilling)

    # Nodes.

    @property
    def node_ids(self) -> tuple[str, ...]:
        """Return the ids of the nodes, also of those that were added."""
        return self._world.node_ids

    @property
    def elected_count(self) -> int:
        """Return the number of times that a node was told that it leads."""
        return self._observer.elected_count

    @property
    def election(self) -> str:
        """Return the election that the application is told of."""
        return self._world.options.elections[0]

    def token(self, node: str) -> int | None:
        """Return the term of the lease that a node holds now, by its own clock; None without one."""
        process = self._host(node).process
        if process is None or process.table.until(self.election) <= process.now:
            return None
        return process.table.claims[self.election].term

    def is_paused(self, node: str) -> bool:
        """Return whether a node is stopped by a signal."""
        process = self._host(node).process
        return process is not None and process.gate.is_paused

    def isolate(self, node: str) -> None:
        """Cut everything to and from a node."""
        self.partition([node], [other for other in self._world.hosts if other != node])

    def mend_all(self) -> None:
        """Undo every cut, in both directions."""
        for source, target in self._world.network.paths:
            self.mend(source, target, both=False)

    def is_cut(self, path: str) -> bool:
        """Return whether a direction, like "a->b", is cut."""
        source, _, target = arguments.text("path", path).partition("->")
        if (source, target) not in self._world.network.paths:
            raise ValueError(f"path is {path!r}; a direction between two nodes, like 'a->b', is needed")
        return self._world.network.path(source, target).is_cut


class _ApplicationObserver(Observer):
    """Tells the application of starts, elections and losses.

    Attributes:
        error: raised by the application.
        elected_count: number of times that a node was told that it leads.
    """

    def __init__(self, application: MachineApplication, election: str) -> None:
        self.error: Exception | None = None
        self.elected_count = 0
        self._application = application
        self._election = election

    def started(self, process: Process) -> None:
        """Tell the application of a start."""
        self.call(lambda: self._application.begin_program(process.node_id))

    def told(self, process: Process, event: Event) -> None:
        """Tell the application of an election or a loss."""
        application, node = self._application, process.node_id
        match event:
            case Elected(election=self._election, term=token):
                self.elected_count += 1
                self.call(lambda: application.on_elected(node, token))
            case Lost(election=self._election, term=token):
                self.call(lambda: application.on_lost(node, token))

    def call(self, action: Callable[[], object]) -> None:
        """Call the application; an exception of it ends the step."""
        try:
            action()
        except Exception as error:
            self.error = error
            raise InvariantViolation("applications work", repr(error), [], "") from error
