"""Visit every small world that can be reached, nearest first, so that no trace to a violation is shorter.

Worlds that differ only in which node is which are visited once. No rule of safety depends on a node's id: an id only
breaks ties in the candidates' order, and here the search decides which node campaigns. So all permutations of the nodes
are symmetries.

Source: Holzmann, "The Model Checker SPIN", IEEE Transactions on Software Engineering, 1997; Emerson and Sistla,
"Symmetry and Model Checking", Formal Methods in System Design, 1996.
"""

from array import array
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, permutations
from struct import Struct

from elect.testing.explore.bounds import Bounds
from elect.testing.explore.explored_world import ExploredWorlds, World
from elect.testing.explore.renaming import Places, after, inverse
from elect.testing.explore.replay import replay
from elect.testing.explore.steps import Broken, Move, Step, Trace, move_of, step_of
from wire.common import arguments


class Symmetry:
    """Chooses one of the worlds that differ in which node is which: forms ascend by place; ties go to the least."""

    def __init__(self, worlds: ExploredWorlds) -> None:
        self._worlds = worlds
        self._parts = worlds.cache.condition_forms
        self._orders: dict[tuple[int, ...], list[Places]] = {}
        self._identity = tuple(range(worlds.nodes))

    def canonical(self, world: World) -> World:
        """Return the world that is visited in place of this one."""
        orders = self._orders_of(world)
        if len(orders) == 1:
            return self.renamed(world, orders[0])
        return min([self.renamed(world, order) for order in orders])

    def order(self, world: World) -> Places:
        """Return the permutation from a world to its canonical one."""
        return min(self._orders_of(world), key=lambda order: self.renamed(world, order))

    def _orders_of(self, world: World) -> list[Places]:
        parts = [self._parts[condition] for condition in world[: self._worlds.nodes]]
        ascending = sorted(parts)
        ranks = tuple([ascending.index(part) for part in parts])
        orders = self._orders.get(ranks)
        if orders is None:
            orders = self._orders[ranks] = [
                places
                for places in permutations(self._identity)
                if all(ascending[places[old]] == part for old, part in enumerate(parts))
            ]
        return orders

    def renamed(self, world: World, places: Places) -> World:
        """Return the same world with place `i` moved to `places[i]`."""
        if places == self._identity:
            return world
        worlds, new = self._worlds, list(world)
        for old, place in enumerate(places):
            new[place] = worlds.cache.renamed(world[old], places)
        for source, target in worlds.pairs:
            way = world[worlds.way_of(source, target)]
            new[worlds.way_of(places[source], places[target])] = worlds.in_flight.renamed(way, places)
        new[-2] = worlds.histories.renamed(world[-2], places)
        return tuple(new)


DEFAULT = Bounds(candidacies=2, abandonments=1, losses=1, failures=1, resignations=1)
"""Three nodes reach 1.5 million worlds within these bounds."""

_PROGRESS_EVERY = 10_000
"""Worlds between two calls of `progress`: a call every half a second or so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploration:
    """The result of a search.

    Attributes:
        states: number of worlds, where worlds that differ only in which node is which count once.
        transitions: number of steps between them, without the steps that change nothing.
        depth: number of steps to the farthest world.
        is_complete: every world within the bounds was visited.
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

    Each visited world is kept as its numbers in a few bytes, with the step that reached it. The bytes are no hash: two
    worlds are never taken for one.
    """

    def __init__(
        self,
        nodes: int,
        bounds: Bounds,
        start: Trace,
        progress: Callable[[Exploration], None] | None,
        *,
        is_prompt: bool = False,
    ) -> None:
        self._worlds = ExploredWorlds(nodes, bounds, is_prompt=is_prompt)
        self._symmetry = Symmetry(self._worlds)
        self._start = start
        self._progress = progress
        hurried: list[Move] = []
        self._root = self._hurry(self._play_start(), hurried)
        self._start = Trace(nodes, (*start.steps, *map(step_of, hurried)))
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
        """Visit all worlds, or at most about `states_max`."""
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
                reached = reached and self._hurry(reached, [])
            except Broken as error:
                self._tell(index, move, error)
                raise
            if reached is not None and reached != world:
                self._transitions += 1
                self._note(index, move, self._symmetry.canonical(reached), found)

    def _hurry(self, world: World, steps: list[Move]) -> World:
        """Return the world after the steps that come before all others, and add them to `steps`."""
        while (move := self._worlds.prompt(world)) is not None:
            steps.append(move)
            reached = self._worlds.apply(world, move)
            assert reached is not None
            world = reached
        return world

    def _note(self, parent: int, move: Move, world: World, found: list[tuple[int, World]]) -> None:
        packed = self._pack(*world)
        if packed not in self._seen:
            self._seen.add(packed)
            found.append((len(self._parents), world))
            self._parents.append(parent)
            self._moves.append(self._move_numbers.setdefault(move, len(self._move_numbers)))

    def _report(self, depth: int, *, is_complete: bool) -> Exploration:
        return Exploration(states=len(self._seen), transitions=self._transitions, depth=depth, is_complete=is_complete)

    # Traces.

    def _tell(self, index: int, last: Move, error: Broken) -> None:
        """Replay the trace to a broken promise without the shortcuts of the search; that raises InvariantViolation."""
        trace = self._trace(index, last)
        replay(trace)
        raise AssertionError(f"the search is wrong: {error.invariant} ({error.detail}) is not seen in {trace}")

    def _trace(self, index: int, last: Move) -> Trace:
        """Return the trace to a world and one step on, with the names that the nodes have at the start."""
        by_number, moves = list(self._move_numbers), [last]
        while index:
            moves.append(by_number[self._moves[index]])
            index = self._parents[index]
        steps, raw = list(self._start.steps), self._root
        name_of = inverse(self._symmetry.order(raw))
        for move in reversed(moves):
            hurried = [move]
            with suppress(Broken):  # by the last one, or by a step that comes before all others after it
                reached = self._worlds.apply(self._symmetry.canonical(raw), move)
                assert reached is not None
                raw = self._hurry(reached, hurried)
            spelled = chain.from_iterable(map(self._worlds.spelled, hurried))
            steps += [self._named(each, name_of) for each in spelled]
            name_of = after(name_of, inverse(self._symmetry.order(raw)))
        return Trace(self._worlds.nodes, tuple(steps))

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
    is_prompt: bool = False,
    progress: Callable[[Exploration], None] | None = None,
) -> Exploration:
    """Visit every world that a small cluster can reach, nearest first, and check each.

    >>> print(explore(2, bounds=Bounds(candidacies=1)))
    9 states, 12 transitions, depth 5: all there are within the bounds

    Args:
        nodes: 2 or 3; more need narrow bounds.
        bounds: the number of steps of each kind on one path; default: `DEFAULT`.
        states_max: stop at about this number of worlds; a million take about 40 seconds of one core, and 250 MiB.
        start: steps to perform before the search; of these only `wait` counts toward the bounds.
        is_prompt: read clocks and heartbeats at once. Other searches with two moments do not end.
        progress: called every few thousand worlds with the result so far.

    Raises:
        InvariantViolation: a promise can be broken; the transcript is a shortest trace to that, `replay` performs it
            again.
        TypeError: an argument is of another type, or a coroutine function.
        ValueError: a step of `start` is not possible.
    """
    arguments.check_type("nodes", nodes, int, "a whole number")
    arguments.check_type("bounds", bounds, (Bounds, type(None)), "a Bounds")
    arguments.check_type("is_prompt", is_prompt, bool, "True or False")
    arguments.check_type("states_max", states_max, int, "a whole number")
    if progress is not None:
        arguments.check_callable("progress", progress)
    trace = Trace.parse(start) if isinstance(start, str) else start or Trace(nodes)
    if trace.nodes != nodes:
        raise ValueError(f"start has {trace.nodes} nodes, not {nodes}")
    search = Search(nodes, DEFAULT if bounds is None else bounds, trace, progress, is_prompt=is_prompt)
    return search.run(states_max)
