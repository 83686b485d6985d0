"""A Hypothesis state machine over a cluster of real Electors, for users to extend.

Each rule is one fault or one input. The checkers of the simulation check every promise of the protocol after each input
of each node. A failure shrinks to a few lines that can be pasted into a test.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from elect.core.elector import Elector
from elect.core.ready import Ready
from elect.testing.machine.machine_base import MachineBase
from elect.testing.machine.machine_world import MachineWorld

_AWAIT_S = 0.5
_LED_S = 2.0
_SEED_MAX = 9
_KINDS = ("Vote", "Grant", "Lead", "Follow", "Known", "Resign", "end of stream")

_Condition = Callable[[MachineBase, str], bool]


def _one_of(list_them: Callable[[MachineBase], list[str]]) -> st.SearchStrategy[str]:
    """Return a strategy for one of the texts that a machine has now."""
    return st.runner().flatmap(lambda machine: st.sampled_from(list_them(machine)))


def _node_that(condition: _Condition) -> st.SearchStrategy[str]:
    return _one_of(lambda machine: [node for node in machine.nodes if condition(machine, node)])


_one_at_a_time = precondition(lambda machine: not machine.is_faulty_now)
"""Faults come one at a time, with time between them: a cluster with faults only elects no leader."""


def _some_node(condition: _Condition) -> Callable[[MachineBase], bool]:
    """Return whether a node fulfils a condition."""
    return lambda machine: any(condition(machine, node) for node in machine.nodes)


def _some_path(condition: _Condition) -> Callable[[MachineBase], bool]:
    """Return whether a path fulfils a condition; a node alone has none."""
    return lambda machine: any(condition(machine, path) for path in machine.paths)


def _path_that(condition: _Condition) -> st.SearchStrategy[str]:
    return _one_of(lambda machine: [path for path in machine.paths if condition(machine, path)])


any_node: Final = _one_of(lambda machine: list(machine.nodes))
"""A strategy for the id of any node, in any state, for rules of your own."""

leading_node: Final = _one_of(
    lambda machine: [node for node in machine.nodes if machine.is_leader(node)] or list(machine.nodes)
)
"""A strategy for the id of a node that leads, or of any node while none does."""

_frame = _one_of(lambda machine: machine.frames)


def _is_connected(machine: MachineBase, path: str) -> bool:
    return not machine.is_cut(path)


def _has_active_source(machine: MachineBase, path: str) -> bool:
    return machine.is_active(path.partition("->")[0])


class ElectionMachine(MachineBase):
    """A cluster with one election, "default", to which Hypothesis applies faults.

    Subclass it, add rules and invariants about your own state, and let pytest collect `TestX = MyMachine.TestCase`.

        class Counter(ElectionMachine):
            def on_elected(self, node, token):
                self.memory[node].token = token

            @rule(node=leading_node)
            def increment(self, node): ...

        TestCounter = Counter.TestCase
    """

    # Time.

    @initialize(seed=st.integers(0, _SEED_MAX))
    def begin(self, seed: int) -> None:
        """Start all nodes, and run until one leads."""
        self.world = MachineWorld(replace(self.options, seed=seed), self)
        self._pass(lambda: self.world.wait(self.is_led, _LED_S))

    @rule(milliseconds=st.sampled_from((10, 50, 100, 400)))
    def tick(self, milliseconds: int) -> None:
        """Run for some milliseconds, without a fault."""
        self._pass(lambda: self.world.run(milliseconds / 1000))

    @rule(kind=st.sampled_from(_KINDS))
    def tick_until(self, kind: str) -> None:
        """Run until a frame of a kind is under way, half a second at most."""
        self._pass(lambda: self.world.await_frame(kind, _AWAIT_S))

    @rule()
    def tick_until_elected(self) -> None:
        """Run until a node is told that it leads, half a second at most."""
        count = self.world.elected_count
        self._pass(lambda: self.world.wait(lambda: self.world.elected_count > count, _AWAIT_S))

    @precondition(lambda machine: not machine.is_led())
    @rule()
    def recover(self) -> None:
        """Undo all faults, and run until a node leads, two seconds at most."""
        self.unwilling.clear()
        self.world.step(self.world.restore)
        self._pass(lambda: self.world.wait(self.is_led, _LED_S))

    def _pass(self, time: Callable[[], object]) -> None:
        self.is_faulty_now = False
        self.world.step(time)

    # Frames.

    @precondition(lambda machine: machine.frames)
    @_one_at_a_time
    @rule(frame=_frame)
    def deliver(self, frame: str) -> None:
        """Deliver a frame now, before frames that were sent earlier."""
        self._apply_fault(lambda: self.world.deliver(frame))

    @precondition(lambda machine: machine.frames)
    @_one_at_a_time
    @rule(frame=_frame)
    def drop(self, frame: str) -> None:
        """Lose a frame that is under way."""
        self._apply_fault(lambda: self.world.drop(frame))

    @precondition(lambda machine: machine.frames)
    @_one_at_a_time
    @rule(frame=_frame)
    def duplicate(self, frame: str) -> None:
        """Deliver a copy of a frame now; the frame itself arrives when it is due."""
        self._apply_fault(lambda: self.world.duplicate(frame))

    @precondition(lambda machine: machine.frames)
    @_one_at_a_time
    @rule(frame=_frame)
    def reorder(self, frame: str) -> None:
        """Hold a frame while all others overtake it; it arrives by `deliver`, or at the end of the run."""
        self._apply_fault(lambda: self.world.overtake(frame))

    # The network.

    @precondition(lambda machine: sum(machine.is_cut(path) for path in machine.paths) < len(machine.nodes))
    @precondition(_some_path(_is_connected))
    @_one_at_a_time
    @rule(path=_path_that(_is_connected))
    def cut(self, path: str) -> None:
        """Cut one direction; sent frames wait, as in TCP."""
        self._apply_fault(lambda: self.world.cut(*path.split("->"), both=False))

    @_one_at_a_time
    @precondition(_some_node(MachineBase.is_spare))
    @rule(node=_node_that(MachineBase.is_spare))
    def isolate(self, node: str) -> None:
        """Cut everything to a node and from it."""
        self._apply_fault(lambda: self.world.isolate(node))

    @precondition(_some_path(MachineBase.is_cut))
    @_one_at_a_time
    @rule()
    def heal(self) -> None:
        """Undo all cuts of the network."""
        self._apply_fault(self.world.mend_all)

    @precondition(_some_path(_has_active_source))
    @_one_at_a_time
    @rule(path=_path_that(_has_active_source))
    def redial(self, path: str) -> None:
        """Make a node close its link to another and dial again."""
        self._apply_fault(lambda: self.world.redial(*path.split("->")))

    # Programs.

    @precondition(_some_node(MachineBase.is_spare))
    @_one_at_a_time
    @rule(node=_node_that(MachineBase.is_spare), closes=st.booleans())
    def crash(self, node: str, closes: bool) -> None:
        """Kill a node: its sockets close, as with kill -9, or its host dies and closes nothing."""
        self._apply_fault(lambda: self.world.crash(node, closes=closes))

    @precondition(_some_node(MachineBase.is_down))
    @_one_at_a_time
    @rule(node=_node_that(MachineBase.is_down))
    def restart(self, node: str) -> None:
        """Start a node again with its disk."""
        self._apply_fault(lambda: self.world.restart(node))

    @precondition(_some_node(MachineBase.is_spare))
    @_one_at_a_time
    @rule(node=_node_that(MachineBase.is_spare))
    def pause(self, node: str) -> None:
        """Stop a node's program, as SIGSTOP does; its clock runs on."""
        self._apply_fault(lambda: self.world.pause(node))

    @precondition(_some_node(MachineBase.is_paused))
    @_one_at_a_time
    @rule(node=_node_that(MachineBase.is_paused))
    def resume(self, node: str) -> None:
        """Continue a paused node, as SIGCONT does."""
        self._apply_fault(lambda: self.world.resume(node))

    @_one_at_a_time
    @rule(node=any_node, milliseconds=st.sampled_from((50, 250)))
    def stall(self, node: str, milliseconds: int) -> None:
        """Stall a node's disk for a time."""
        self._apply_fault(lambda: self.world.disk(node, stall=milliseconds / 1000))

    # Applications.

    # A voter alone that resigns again and again rests up to 8 s, in which no other node could lead.
    @precondition(lambda machine: len(machine.voters) > 1)
    @precondition(_some_node(MachineBase.is_leader))
    @_one_at_a_time
    @rule(node=_node_that(MachineBase.is_leader), to=st.none() | any_node)
    def resign(self, node: str, to: str | None) -> None:
        """Resign, or hand over to another node, if that votes."""

        def call(elector: Elector, now: int) -> Ready:
            return elector.resign(now, self.world.election, to=to if to in elector.state.voters else None)

        self._tell(node, call)

    @precondition(lambda machine: sum(machine.is_willing(node) for node in machine.voters) > 1)
    @_one_at_a_time
    @rule(node=_node_that(MachineBase.is_willing))
    def pause_candidacy(self, node: str) -> None:
        """Pause a node's candidacy until it is resumed or restarted; a leader resigns."""
        self.unwilling.add(node)
        self._tell(node, lambda elector, now: elector.set_paused(now, is_paused=True))

    @precondition(_some_node(MachineBase.is_unwilling))
    @_one_at_a_time
    @rule(node=_node_that(MachineBase.is_unwilling))
    def resume_candidacy(self, node: str) -> None:
        """Resume the candidacy of a node that was paused."""
        self.unwilling.discard(node)
        self._tell(node, lambda elector, now: elector.set_paused(now, is_paused=False))

    @_one_at_a_time
    @rule(node=any_node, priority=st.sampled_from((1, 2, 3)))
    def set_priority(self, node: str, priority: int) -> None:
        """Change a node's priority, now and for its later starts."""
        self._apply_fault(lambda: self.world.set_standing(node, priority=priority))

    def _apply_fault(self, fault: Callable[[], object]) -> None:
        self.is_faulty_now = True
        self.world.step(fault)

    def _tell(self, node: str, call: Callable[[Elector, int], Ready]) -> None:
        self._apply_fault(lambda: self.world.tell(node, call))
