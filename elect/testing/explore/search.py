"""Visits every small world that can be reached, nearest first, so that no way to what it finds is shorter.

Source: Holzmann, "The Model Checker SPIN", IEEE Transactions on Software Engineering, 1997.
"""

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct

from elect.testing.explore.bounds import Bounds
from elect.testing.explore.explored_step import Step
from elect.testing.explore.explored_world import ExploredWorlds, Move, World
from elect.testing.explore.history import Broken
from elect.testing.explore.naming import after, inverse
from elect.testing.explore.replay import replay
from elect.testing.explore.symmetry import Symmetry
from elect.testing.explore.trace import Trace, move_of, step_of
from wire.common import arguments

DEFAULT = Bounds(candidacies=2, losses=1, failures=1, resignations=1)
"""Three nodes come to 1.7 million worlds within these, and to no others."""

_PROGRESS_EVERY = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploration:
    """What was visited.

    Attributes:
        states: worlds that differ in more than who is who.
        transitions: steps between them, those that change nothing left out.
        depth: steps to the farthest.
        is_complete: there are no others within the bounds.
    """

    states: int
    transitions: int
    depth: int
    is_complete: bool

    def __str__(self) -> str:
        end = "all there are within the bounds" if self.is_complete else "there are more"
        return f"{self.states:,} states, {self.transitions:,} transitions, depth {self.depth}: {end}"


class Search:
    """One search.

    Of each world visited remain its numbers in a few bytes (not a hash: no two worlds are ever taken for one), and how
    it was reached.
    """

    def __init__(
        self, nodes: int, bounds: Bounds, start: Trace, progress: Callable[[Exploration], None] | None
    ) -> None:
        self._worlds = ExploredWorlds(nodes, bounds)
        self._symmetry = Symmetry(self._worlds)
        self._start = start
        self._progress = progress
        self._root = self._play_start()
        self._pack = Struct(f"{len(self._root)}I").pack
        self._seen: set[bytes] = set()
        self._parents = array("I")
        self._moves = array("I")
        self._move_numbers: dict[Move, int] = {}
        self._transitions = 0

    def _play_start(self) -> World:
        world = self._worlds.first()
        for step in self._start.steps:
            try:
                reached = self._worlds.apply(world, move_of(step), is_free=True)
            except Broken:
                replay(self._start)
                raise
            if reached is None:
                raise ValueError(f"{step}: not possible there")
            world = reached
        return world

    def run(self, states_max: int) -> Exploration:
        """Visit all worlds, or so many."""
        level: list[tuple[int, World]] = []
        self._note(0, ("", 0, 0, 0), self._symmetry.canonical(self._root), level)
        depth = 0
        while level:
            found: list[tuple[int, World]] = []
            for index, world in level:
                self._expand(index, world, found)
                if len(self._seen) >= states_max:
                    return self._report(depth + 1, is_complete=False)
                if self._progress is not None and index % _PROGRESS_EVERY == 0:
                    self._progress(self._report(depth + 1, is_complete=False))
            level = found
            depth += bool(found)
        return self._report(depth, is_complete=True)

    def _expand(self, index: int, world: World, found: list[tuple[int, World]]) -> None:
        for move in self._worlds.moves(world):
            try:
                reached = self._worlds.apply(world, move)
            except Broken as error:
                self._tell(index, move, error)
                raise
            if reached is not None and reached != world:
                self._transitions += 1
                self._note(index, move, self._symmetry.canonical(reached), found)

    def _note(self, parent: int, move: Move, world: World, found: list[tuple[int, World]]) -> None:
        packed = self._pack(*world)
        if packed not in self._seen:
            self._seen.add(packed)
            found.append((len(self._parents), world))
            self._parents.append(parent)
            self._moves.append(self._move_numbers.setdefault(move, len(self._move_numbers)))

    def _report(self, depth: int, *, is_complete: bool) -> Exploration:
        return Exploration(states=len(self._seen), transitions=self._transitions, depth=depth, is_complete=is_complete)

    # What was found.

    def _tell(self, index: int, last: Move, error: Broken) -> None:
        """Raise what the trace to a broken promise raises when it is played without any of the search's means."""
        trace = self._trace(index, last)
        replay(trace)
        raise AssertionError(f"the search is wrong: {error.invariant} ({error.detail}) is not seen in {trace}")

    def _trace(self, index: int, last: Move) -> Trace:
        """The way to a world and on, under the names that the nodes have at the start."""
        by_number, moves = list(self._move_numbers), [last]
        while index:
            moves.append(by_number[self._moves[index]])
            index = self._parents[index]
        steps, raw = list(self._start.steps), self._root
        name_of = inverse(self._symmetry.order(raw))
        for move in reversed(moves[1:]):
            steps.append(self._named(move, name_of))
            reached = self._worlds.apply(self._symmetry.canonical(raw), move)
            assert reached is not None
            raw = reached
            name_of = after(name_of, inverse(self._symmetry.order(raw)))
        return Trace(self._worlds.nodes, (*steps, self._named(last, name_of)))

    @staticmethod
    def _named(move: Move, name_of: tuple[int, ...]) -> Step:
        verb, place, peer, count = move
        return step_of((verb, name_of[place], name_of[peer], count))


def explore(
    nodes: int = 3,
    *,
    bounds: Bounds | None = None,
    states_max: int = 2_000_000,
    start: Trace | str | None = None,
    progress: Callable[[Exploration], None] | None = None,
) -> Exploration:
    """Visit every world that a small cluster can come to, nearest first, and check each.

    Args:
        nodes: 2 or 3; the bounds must be narrow for more.
        bounds: what may happen how often on one path; `DEFAULT` if left out.
        states_max: stop at about so many worlds; a million take about 40 seconds of one core, and 250 MiB.
        start: steps to begin after, beyond the bounds; their `wait` counts all the same.
        progress: called now and then, with what has been visited so far.

    Raises:
        InvariantViolation: a promise can be broken; its transcript is a shortest way to that, its `replay` plays it
            again.
        TypeError: an argument is of another type, or a coroutine function.
        ValueError: a step of `start` is not possible.
    """
    arguments.check_type("nodes", nodes, int, "a whole number")
    arguments.check_type("bounds", bounds, (Bounds, type(None)), "a Bounds")
    arguments.check_type("states_max", states_max, int, "a whole number")
    if progress is not None:
        arguments.check_callable("progress", progress)
    trace = Trace.parse(start) if isinstance(start, str) else start or Trace(nodes)
    if trace.nodes != nodes:
        raise ValueError(f"start has {trace.nodes} nodes, not {nodes}")
    return Search(nodes, DEFAULT if bounds is None else bounds, trace, progress).run(states_max)
