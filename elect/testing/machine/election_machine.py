"""A Hypothesis state machine over a cluster of real Electors, for users to extend.

Each rule is one thing that may befall a cluster. Every promise of the protocol is checked after each input that any
node handles, by the simulation's own checkers; a failure shrinks to a few lines that can be pasted into a test.
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
    """One of the texts that a machine has at this moment."""
    return st.runner().flatmap(lambda machine: st.sampled_from(list_them(machine)))


def _node_that(condition: _Condition) -> st.SearchStrategy[str]:
    return _one_of(lambda machine: [node for node in machine.nodes if condition(machine, node)])


_trouble = precondition(lambda machine: not machine.is_troubled)
"""One at a time: a cluster to which troubles only come elects nobody."""


def _some_node(condition: _Condition) -> Callable[[MachineBase], bool]:
    """Whether there is a node of that kind."""
    return lambda machine: any(condition(machine, node) for node in machine.nodes)


def _path_that(condition: _Condition) -> st.SearchStrategy[str]:
    return _one_of(lambda machine: [path for path in machine.paths if condition(machine, path)])


any_node: Final = _one_of(lambda machine: list(machine.nodes))
"""A node's id, whatever its state: for rules of your own."""

leading_node: Final = _one_of(
    lambda machine: [node for node in machine.nodes if machine.is_leader(node)] or list(machine.nodes)
)
"""A node that leads, or any node while nobody does."""

_frame = _one_of(lambda machine: machine.frames)


class ElectionMachine(MachineBase):
    """A cluster that Hypothesis plays with, and its one election, "default".

    Subclass it, add rules and invariants about your own state, and let pytest collect `TestX = MyMachine.TestCase`.
    """

    # Time.

    @initialize(seed=st.integers(0, _SEED_MAX))
    def begin(self, seed: int) -> None:
        """Start all nodes, and let time pass until one leads."""
        self.world = MachineWorld(replace(self.options, seed=seed), self)
        self._pass(lambda: self.world.wait(self.is_led, _LED_S))

    @rule(milliseconds=st.sampled_from((10, 50, 100, 400)))
    def tick(self, milliseconds: int) -> None:
        """Let time pass: what is due arrives, is written, ends."""
        self._pass(lambda: self.world.run(milliseconds / 1000))

    @rule(kind=st.sampled_from(_KINDS))
    def tick_until(self, kind: str) -> None:
        """Let time pass until a frame of that kind is under way, half a second at most."""
        self._pass(lambda: self.world.await_frame(kind, _AWAIT_S))

    @rule()
    def tick_until_elected(self) -> None:
        """Let time pass until a node is told that it leads, half a second at most."""
        count = self.world.elected_count
        self._pass(lambda: self.world.wait(lambda: self.world.elected_count > count, _AWAIT_S))

    @precondition(lambda machine: not machine.is_led())
    @rule()
    def recover(self) -> None:
        """Undo all faults, and let time pass until a node leads, two seconds at most."""
        self.unwilling.clear()
        self.world.step(self.world.restore)
        self._pass(lambda: self.world.wait(self.is_led, _LED_S))

    def _pass(self, time: Callable[[], object]) -> None:
        self.is_troubled = False
        self.world.step(time)

    # Frames.

    @precondition(lambda machine: machine.frames)
    @_trouble
    @rule(frame=_frame)
    def deliver(self, frame: str) -> None:
        """Let a frame arrive now, before anything sent earlier."""
        self._befall(lambda: self.world.deliver(frame))

    @precondition(lambda machine: machine.frames)
    @_trouble
    @rule(frame=_frame)
    def drop(self, frame: str) -> None:
        """Lose a frame."""
        self._befall(lambda: self.world.drop(frame))

    @precondition(lambda machine: machine.frames)
    @_trouble
    @rule(frame=_frame)
    def duplicate(self, frame: str) -> None:
        """Let a copy of a frame arrive now; the frame itself comes when it is due."""
        self._befall(lambda: self.world.duplicate(frame))

    @precondition(lambda machine: machine.frames)
    @_trouble
    @rule(frame=_frame)
    def reorder(self, frame: str) -> None:
        """Let everything overtake a frame: it arrives when it is delivered by hand, or at the end of the run."""
        self._befall(lambda: self.world.overtake(frame))

    # The network.

    @precondition(lambda machine: sum(machine.is_cut(path) for path in machine.paths) < len(machine.nodes))
    @_trouble
    @rule(path=_path_that(lambda machine, path: not machine.is_cut(path)))
    def cut(self, path: str) -> None:
        """Let nothing through in one direction; what is sent waits, as in TCP."""
        self._befall(lambda: self.world.cut(*path.split("->"), both=False))

    @_trouble
    @precondition(_some_node(MachineBase.is_spare))
    @rule(node=_node_that(MachineBase.is_spare))
    def isolate(self, node: str) -> None:
        """Let nothing through to a node and from it."""
        self._befall(lambda: self.world.isolate(node))

    @precondition(lambda machine: any(machine.is_cut(path) for path in machine.paths))
    @_trouble
    @rule()
    def heal(self) -> None:
        """Undo all cuts."""
        self._befall(self.world.mend_all)

    @precondition(lambda machine: any(machine.is_active(node) for node in machine.nodes))
    @_trouble
    @rule(path=_path_that(lambda machine, path: machine.is_active(path.split("->")[0])))
    def redial(self, path: str) -> None:
        """Let a node close its link to another, for a reason of its own, and dial again."""
        self._befall(lambda: self.world.redial(*path.split("->")))

    # Programs.

    @precondition(_some_node(MachineBase.is_spare))
    @_trouble
    @rule(node=_node_that(MachineBase.is_spare), closes=st.booleans())
    def crash(self, node: str, closes: bool) -> None:
        """Kill a node: its sockets close, as with kill -9, or its host is gone and closes nothing."""
        self._befall(lambda: self.world.crash(node, closes=closes))

    @precondition(_some_node(MachineBase.is_down))
    @_trouble
    @rule(node=_node_that(MachineBase.is_down))
    def restart(self, node: str) -> None:
        """Start a node again, on what its disk holds."""
        self._befall(lambda: self.world.restart(node))

    @precondition(_some_node(MachineBase.is_spare))
    @_trouble
    @rule(node=_node_that(MachineBase.is_spare))
    def pause(self, node: str) -> None:
        """Stop a node's program, as SIGSTOP does; its clock runs on."""
        self._befall(lambda: self.world.pause(node))

    @precondition(_some_node(MachineBase.is_paused))
    @_trouble
    @rule(node=_node_that(MachineBase.is_paused))
    def resume(self, node: str) -> None:
        """Let a paused node go on."""
        self._befall(lambda: self.world.resume(node))

    @_trouble
    @rule(node=any_node, milliseconds=st.sampled_from((50, 250)))
    def stall(self, node: str, milliseconds: int) -> None:
        """Let a node's disk complete nothing for a while."""
        self._befall(lambda: self.world.disk(node, stall=milliseconds / 1000))

    # What applications do.

    @precondition(_some_node(MachineBase.is_leader))
    @_trouble
    @rule(node=_node_that(MachineBase.is_leader), to=st.none() | any_node)
    def resign(self, node: str, to: str | None) -> None:
        """Give leadership up, or hand it over."""
        self._tell(node, lambda elector, now: elector.resign(now, self.world.election, to=to))

    @precondition(lambda machine: sum(machine.is_willing(node) for node in machine.nodes) > 1)
    @_trouble
    @rule(node=_node_that(MachineBase.is_willing))
    def pause_candidacy(self, node: str) -> None:
        """Let a node be no candidate until it is resumed or restarted; what it leads it resigns."""
        self.unwilling.add(node)
        self._tell(node, lambda elector, now: elector.set_paused(now, is_paused=True))

    @precondition(_some_node(MachineBase.is_unwilling))
    @_trouble
    @rule(node=_node_that(MachineBase.is_unwilling))
    def resume_candidacy(self, node: str) -> None:
        """Let a node be a candidate again."""
        self.unwilling.discard(node)
        self._tell(node, lambda elector, now: elector.set_paused(now, is_paused=False))

    @_trouble
    @rule(node=any_node, priority=st.sampled_from((1, 2, 3)))
    def set_priority(self, node: str, priority: int) -> None:
        """Change a node's priority, now and for its later starts."""
        self._befall(lambda: self.world.set_standing(node, priority=priority))

    def _befall(self, trouble: Callable[[], object]) -> None:
        self.is_troubled = True
        self.world.step(trouble)

    def _tell(self, node: str, call: Callable[[Elector, int], Ready]) -> None:
        self._befall(lambda: self.world.tell(node, call))
