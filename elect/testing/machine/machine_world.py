"""A simulation in which each frame that is under way can be reached: to deliver, drop, double or overtake it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from elect.core.events import Elected, Event, Lost
from elect.core.messages import Batch, Knowledge, Message
from elect.testing.simulation.simulation import Simulation
from elect.testing.simulation.simulation_options import Options, nanoseconds
from elect.testing.simulation.violation import InvariantViolation
from elect.testing.world.simulated_link import SimulatedLink
from elect.testing.world.world_observer import Observer

if TYPE_CHECKING:
    from elect.testing.world.process import Process

_STEP_S = 0.01
"""Half a hop: what is waited for is still under way when it is seen."""


class MachineApplication(Protocol):
    """What runs on the nodes, as far as the world tells it anything."""

    def begin_program(self, node: str) -> None:
        """A node's program starts, with nothing in its memory."""

    def on_elected(self, node: str, token: int) -> None:
        """A node hears that it leads."""

    def on_lost(self, node: str, token: int) -> None:
        """A node hears that it does not lead any more."""


@dataclass(eq=False, slots=True)
class MachineFrame:
    """A message, or the end of a stream (None), under way on a link.

    Attributes:
        is_late: overtaken by everything: it arrives only by hand, or when all is restored.
    """

    link: SimulatedLink
    number: int
    message: Message | None
    is_late: bool = False

    def __str__(self) -> str:
        return f"{self.link.path} {_describe(self.message)}"

    def arrive(self) -> None:
        """Get to the other end."""
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
    """A simulation, the frames in it, and the application on its nodes.

    Args:
        options: the world.
        application: told what happens on its nodes, at the moment itself; what it raises ends the step.
    """

    def __init__(self, options: Options, application: MachineApplication) -> None:
        super().__init__(options)
        self._frames: dict[MachineFrame, None] = {}
        self._world.carrier = self
        self._messenger = _Messenger(application, self.election)
        self.watch(self._messenger)

    def step(self, action: Callable[[], object]) -> None:
        """Do something, and what follows from it at once.

        Raises:
            InvariantViolation: a promise of the protocol is broken.
        """
        try:
            action()
            self.run(0)
        except InvariantViolation as violation:
            if self._messenger.error is not None:
                raise self._messenger.error from None
            violation.replay = "the steps that Hypothesis prints"
            raise

    def wait(self, is_met: Callable[[], bool], seconds: float) -> None:
        """Let time pass until a condition is met, at most so long."""
        end = self.now + seconds
        while not is_met() and self.now < end:
            self.run(_STEP_S)

    def after(self, seconds: float, action: Callable[[], object]) -> None:
        """Let the application do something when that time has passed."""
        self._world.scheduler.after(nanoseconds(seconds), self._messenger.call, action)

    # Frames.

    def take(self, at: int, link: SimulatedLink, frame: int, message: Message | None) -> None:
        """Take a frame that was sent, and let it arrive when it is due unless something is done to it until then."""
        taken = MachineFrame(link, frame, message)
        self._frames[taken] = None
        self._world.scheduler.at(at, self._due, taken)

    def _due(self, frame: MachineFrame) -> None:
        if frame in self._frames and not frame.is_late:
            self._let_arrive(frame)

    def _let_arrive(self, frame: MachineFrame) -> None:
        del self._frames[frame]
        frame.arrive()

    def frames(self) -> list[str]:
        """What is under way, oldest first, each as text that names it."""
        return list(dict.fromkeys(str(frame) for frame in self._frames if not frame.link.is_broken))

    def _find(self, name: str) -> MachineFrame:
        frame = next((frame for frame in self._frames if str(frame) == name), None)
        if frame is None:
            raise LookupError(f"{name!r} is not under way; these are: {self.frames()}")
        return frame

    def deliver(self, name: str) -> None:
        """Let a frame arrive now, before everything sent earlier."""
        self._let_arrive(self._find(name))

    def drop(self, name: str) -> None:
        """Lose a frame."""
        del self._frames[self._find(name)]

    def duplicate(self, name: str) -> None:
        """Let a copy of a frame arrive now; it arrives itself when it is due."""
        self._find(name).arrive()

    def overtake(self, name: str) -> None:
        """Let everything else on its way arrive before a frame, which waits until it is delivered by hand."""
        frame = self._find(name)
        frame.is_late = True
        self._frames[frame] = self._frames.pop(frame)

    def await_frame(self, kind: str, seconds: float) -> None:
        """Let time pass until a frame of that kind is under way, at most so long."""
        self.wait(lambda: self._is_sent(kind), seconds)

    def _is_sent(self, kind: str) -> bool:
        return any(kind in str(frame) for frame in self._frames if not frame.is_late)

    def _restore(self, unwilling: list[str]) -> None:
        for frame in [frame for frame in self._frames if frame.is_late]:
            self._let_arrive(frame)
        super()._restore(unwilling)

    # Nodes.

    @property
    def elected_count(self) -> int:
        """How often a node was told that it leads."""
        return self._messenger.elected_count

    @property
    def election(self) -> str:
        """The one that the application hears of."""
        return self._world.options.elections[0]

    def token(self, node: str) -> int | None:
        """The term in which a node holds a lease now, by its own clock; None: in none, or it does not run."""
        process = self._world.hosts[node].process
        if process is None or process.table.until(self.election) <= process.now:
            return None
        return process.table.claims[self.election].term

    def is_paused(self, node: str) -> bool:
        """Whether a node is stopped by a signal."""
        process = self._world.hosts[node].process
        return process is not None and process.is_paused

    def isolate(self, node: str) -> None:
        """Cut everything to and from a node."""
        for source, target in self._world.network.paths:
            if node in (source, target):
                self.cut(source, target, both=False)

    def mend_all(self) -> None:
        """Undo every cut, and nothing else."""
        for source, target in self._world.network.paths:
            self.mend(source, target, both=False)

    def is_cut(self, path: str) -> bool:
        """Whether nothing gets through in one direction; `path` is like "a->b"."""
        source, target = path.split("->")
        return self._world.network.path(source, target).is_cut


class _Messenger(Observer):
    """Tells the application what its nodes are told.

    Attributes:
        error: what the application raised.
        elected_count: how often it was told that a node leads.
    """

    def __init__(self, application: MachineApplication, election: str) -> None:
        self.error: Exception | None = None
        self.elected_count = 0
        self._application = application
        self._election = election

    def started(self, process: "Process") -> None:
        """Tell of a start."""
        self.call(lambda: self._application.begin_program(process.node_id))

    def told(self, process: "Process", event: Event) -> None:
        """Tell of a leadership that begins or ends."""
        application, node = self._application, process.node_id
        match event:
            case Elected(election=self._election, term=token):
                self.elected_count += 1
                self.call(lambda: application.on_elected(node, token))
            case Lost(election=self._election, term=token):
                self.call(lambda: application.on_lost(node, token))

    def call(self, action: Callable[[], object]) -> None:
        """Let the application do something; what it raises ends the step."""
        try:
            action()
        except Exception as error:
            self.error = error
            raise InvariantViolation("applications work", repr(error), [], "") from error
