"""An ElectionMachine without its rules: the world, the methods to override, and the questions."""

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import ClassVar, Final

from hypothesis.stateful import RuleBasedStateMachine

from elect.core.quorum import majority
from elect.testing.machine.machine_world import MachineWorld
from elect.testing.simulation.simulation_options import Options, Span

_HOP = Span(low=0.02, high=0.02)
"""A fifth of a heartbeat interval: frames are often under way, and a campaign still ends in time."""

_WRITE = Span(low=0.005, high=0.005)
_AT_ONCE = Span(low=0.0, high=0.0)

_OPTIONS: Final = Options(
    heartbeat_interval=0.1,
    support_duration=0.3,
    drift=0.01,
    delay=_HOP,
    disk_latency=_WRITE,
    acknowledgement=_AT_ONCE,
    lateness=_AT_ONCE,
    backoff=_HOP,
)
"""All durations are fixed, so that only Hypothesis varies a run."""


class MachineBase(RuleBasedStateMachine):
    """A cluster without faults.

    Attributes:
        options: of the simulation; set it in the class. Hypothesis draws the seed.
        is_settling: undo all faults at the end of each run, and check that one node leads in time and stays leader;
            set it in the class.
        world: the simulation; made by `begin`.
        memory: by node, for your program's memory; empty after each start.
        disk: by node, for your program's files; survives crashes.
        unwilling: nodes whose candidacy is paused.
        is_faulty_now: a fault struck since time last passed.
    """

    options: ClassVar[Options] = _OPTIONS
    is_settling: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        self.world = MachineWorld(self.options, self)
        self.memory = {node: SimpleNamespace() for node in self.nodes}
        self.disk = {node: SimpleNamespace() for node in self.nodes}
        self.unwilling: set[str] = set()
        self.is_faulty_now = False
        self._outer_error = sys.exception()

    # Methods to override.

    def on_started(self, node: str) -> None:
        """Called when a node's program starts, for the first time or after a crash. Its `memory` is empty."""

    def on_elected(self, node: str, token: int) -> None:
        """Called when a node is told that it leads."""

    def on_lost(self, node: str, token: int) -> None:
        """Called when a node is told that it leads no longer: a paused node later, a crashed node never."""

    def begin_program(self, node: str) -> None:
        """Empty the memory of a node whose program starts."""
        self.memory[node] = SimpleNamespace()
        self.disk.setdefault(node, SimpleNamespace())
        self.unwilling.discard(node)
        self.on_started(node)

    # Methods to call.

    def after(self, seconds: float, action: Callable[[], object]) -> None:
        """Call `action` after `seconds` of virtual time.

        Raises:
            TypeError: `seconds` is no number, or `action` no function.
            ValueError: `seconds` is below 0.
        """
        self.world.after(seconds, action)

    # Questions.

    @property
    def nodes(self) -> tuple[str, ...]:
        """Return the ids of the nodes, also of those that a rule of yours added."""
        return self.world.node_ids

    @property
    def voters(self) -> tuple[str, ...]:
        """Return the ids of the nodes that vote now: all of them, unless a rule of yours changes the members."""
        return self.world.members().voters

    @property
    def paths(self) -> tuple[str, ...]:
        """Return the directions between two nodes, like "a->b"."""
        return tuple(f"{source}->{target}" for source in self.nodes for target in self.nodes if source != target)

    @property
    def frames(self) -> list[str]:
        """Return the frames under way, oldest first, like "a->b Vote 2"."""
        return self.world.frames()

    @property
    def now(self) -> float:
        """Return the virtual seconds since the start."""
        return self.world.now

    def is_up(self, node: str) -> bool:
        """Return whether a node's program runs or is paused."""
        return self.world.is_running(node)

    def is_down(self, node: str) -> bool:
        """Return whether a node has crashed."""
        return not self.is_up(node)

    def is_paused(self, node: str) -> bool:
        """Return whether a node's program is stopped, as by SIGSTOP; frames that it sent before may still arrive."""
        return self.world.is_paused(node)

    def is_active(self, node: str) -> bool:
        """Return whether a node's program is up and not paused."""
        return self.is_up(node) and not self.is_paused(node)

    def is_leader(self, node: str) -> bool:
        """Return `node.is_leader` as that node sees it now; False if the node is down or paused."""
        return self.token(node) is not None

    def is_led(self) -> bool:
        """Return whether a node leads now."""
        return any(self.is_leader(node) for node in self.nodes)

    def token(self, node: str) -> int | None:
        """Return the token with which a node leads now; None if it does not lead, is down or paused."""
        return self.world.token(node) if self.is_active(node) else None

    def is_cut(self, path: str) -> bool:
        """Return whether a direction, like "a->b", is cut."""
        return self.world.is_cut(path)

    def is_spare(self, node: str) -> bool:
        """Return whether a majority of the voters is left without this node; without one no node can lead."""
        voters = self.voters
        others = [other for other in voters if other != node]
        connected = [other for other in others if self.is_active(other) and not self.is_isolated(other)]
        return self.is_active(node) and len(connected) >= majority(len(voters))

    def is_isolated(self, node: str) -> bool:
        """Return whether everything to a node is cut."""
        self.world.is_running(node)  # a name that no node has is an error, and not isolated
        return all(self.is_cut(path) for path in self.paths if path.endswith(f">{node}"))

    def is_willing(self, node: str) -> bool:
        """Return whether a node is active and its candidacy is not paused."""
        return self.is_active(node) and node not in self.unwilling

    def is_unwilling(self, node: str) -> bool:
        """Return whether a node is active and its candidacy is paused."""
        return self.is_active(node) and node in self.unwilling

    def teardown(self) -> None:
        """Undo all faults, and check that one node leads in time and stays, unless the run has failed already."""
        if self.is_settling and sys.exception() is self._outer_error:
            self.world.step(self.world.settle)
