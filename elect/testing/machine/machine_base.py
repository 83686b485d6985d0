"""What an election machine is without its rules: the world, what users override, what they may ask."""

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import ClassVar, Final

from hypothesis.stateful import RuleBasedStateMachine

from elect.core.quorum import majority
from elect.testing.machine.machine_world import MachineWorld
from elect.testing.simulation.simulation_options import Options, Span

_HOP = Span(low=0.02, high=0.02)
"""A fifth of an interval: so long that frames are often under way, so short that a campaign ends in time."""

_WRITE = Span(low=0.005, high=0.005)
_AT_ONCE = Span(low=0.0, high=0.0)

_OPTIONS: Final = Options(
    support_duration=0.3,
    drift=0.01,
    delay=_HOP,
    disk_latency=_WRITE,
    acknowledgement=_AT_ONCE,
    lateness=_AT_ONCE,
    backoff=_HOP,
)
"""Everything takes as long as it always does: what varies is Hypothesis's part."""


class MachineBase(RuleBasedStateMachine):
    """A cluster to which nothing happens yet.

    Attributes:
        options: the world; set it in the class. Its seed is drawn.
        is_settling: whether at the end of each run all faults are undone, and there must be one leader in time, who
            stays; set it in the class.
        world: the simulation in which all this happens; made by `begin`.
        memory: by node, for what your program holds in memory: empty after each start.
        disk: by node, for what it has written: survives crashes.
        unwilling: who was told to be no candidate.
        is_troubled: whether something befell the cluster since time passed.
    """

    options: ClassVar[Options] = _OPTIONS
    is_settling: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        self.world = MachineWorld(self.options, self)
        self.memory = {node: SimpleNamespace() for node in self.nodes}
        self.disk = {node: SimpleNamespace() for node in self.nodes}
        self.unwilling: set[str] = set()
        self.is_troubled = False
        self._outer_error = sys.exception()

    # What a subclass may override.

    def on_started(self, node: str) -> None:
        """A node's program starts, for the first time or after a crash. Its `memory` is empty."""

    def on_elected(self, node: str, token: int) -> None:
        """A node is told that it leads, at the moment itself."""

    def on_lost(self, node: str, token: int) -> None:
        """A node is told that it leads no more. One that is paused is told later, one that crashes never."""

    def begin_program(self, node: str) -> None:
        """A node's program starts: forget what it held in memory."""
        self.memory[node] = SimpleNamespace()
        self.unwilling.discard(node)
        self.on_started(node)

    # What it may call.

    def after(self, seconds: float, action: Callable[[], object]) -> None:
        """Do something when so much virtual time has passed, whatever happens until then."""
        self.world.after(seconds, action)

    # Questions.

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes' ids."""
        return self.options.node_ids

    @property
    def paths(self) -> tuple[str, ...]:
        """The directions between two nodes, like "a->b"."""
        return tuple(f"{source}->{target}" for source in self.nodes for target in self.nodes if source != target)

    @property
    def frames(self) -> list[str]:
        """What is under way between nodes, oldest first, like "a->b Vote 2"."""
        return self.world.frames()

    @property
    def now(self) -> float:
        """Virtual seconds since the start."""
        return self.world.now

    def is_up(self, node: str) -> bool:
        """Whether a node's program runs or is paused."""
        return self.world.is_running(node)

    def is_down(self, node: str) -> bool:
        """Whether a node has crashed."""
        return not self.is_up(node)

    def is_paused(self, node: str) -> bool:
        """Whether a node's program is stopped, as by SIGSTOP: it does nothing, but what it did may still arrive."""
        return self.world.is_paused(node)

    def is_active(self, node: str) -> bool:
        """Whether a node's program can do anything: it is up and not paused."""
        return self.is_up(node) and not self.is_paused(node)

    def is_leader(self, node: str) -> bool:
        """What `node.is_leader` answers at this moment; False on a node that can't ask."""
        return self.token(node) is not None

    def is_led(self) -> bool:
        """Whether some node leads at this moment."""
        return any(self.is_leader(node) for node in self.nodes)

    def token(self, node: str) -> int | None:
        """The token with which a node leads at this moment; None: it does not, or it can't ask."""
        return self.world.token(node) if self.is_active(node) else None

    def is_cut(self, path: str) -> bool:
        """Whether nothing gets through in this direction, like "a->b"."""
        return self.world.is_cut(path)

    def is_spare(self, node: str) -> bool:
        """Whether a majority is left if this node goes: without one nothing happens any more."""
        others = [other for other in self.nodes if other != node]
        connected = [other for other in others if self.is_active(other) and not self.is_isolated(other)]
        return self.is_active(node) and len(connected) >= majority(len(self.nodes))

    def is_isolated(self, node: str) -> bool:
        """Whether nothing gets through to a node."""
        return all(self.is_cut(path) for path in self.paths if path.endswith(f">{node}"))

    def is_willing(self, node: str) -> bool:
        """Whether a node can do anything and has not been told to be no candidate."""
        return self.is_active(node) and node not in self.unwilling

    def is_unwilling(self, node: str) -> bool:
        """Whether a node can do anything and has been told to be no candidate."""
        return self.is_active(node) and node in self.unwilling

    def teardown(self) -> None:
        """Undo all faults and see one leader come in time, and stay, unless the run has failed already."""
        if self.is_settling and sys.exception() is self._outer_error:
            self.world.step(self.world.settle)
