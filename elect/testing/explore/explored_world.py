"""Small worlds as tuples of numbers: the steps that are possible in one, and the world after a step.

A world is a condition for each place, the frames in flight for each two places, a history, and a budget. Time is the
same in all nodes and moves by a step of its own, so steps may happen in any order between two moments.
"""

from collections.abc import Callable, Iterator

from elect.testing.explore.bounds import Bounds, Budgets, Left
from elect.testing.explore.canonical_form import NODES
from elect.testing.explore.explored_node import MOMENT_NS
from elect.testing.explore.in_flight import EMPTY, NO_LINK, RESET, InFlight
from elect.testing.explore.pair_checks import Broken, Checks, Histories
from elect.testing.explore.step_cache import Given, StepCache, StepOutcome
from elect.testing.explore.steps import Move

World = tuple[int, ...]
"""Conditions by place, frames in flight by source and target, history, budget."""

_PRICES = {
    "campaign": "candidacies",
    "abandon": "abandonments",
    "fail": "failures",
    "resign": "resignations",
    "lower": "lowerings",
}

_START_NS = 100 * MOMENT_NS


class ExploredWorlds:
    """All worlds of `nodes` nodes, within bounds."""

    def __init__(self, nodes: int, bounds: Bounds, *, is_merging: bool = True) -> None:
        self.nodes = nodes
        self.pairs = [(source, target) for source in range(nodes) for target in range(nodes) if source != target]
        self.cache = StepCache(nodes, is_merging=is_merging)
        self.in_flight = InFlight(self.cache.frames)
        self.histories = Histories(nodes)
        self._budgets = Budgets(bounds)
        self._checks = Checks(self.cache.facts)
        self._is_free = False
        self._carry_out: dict[str, Callable[[list[int], Move], bool]] = {
            "deliver": self._deliver,
            "copy": self._copy,
            "overtake": self._overtake,
            "lose": self._lose,
            "close": self._close,
            "reset": self._reset,
            "dial": self._dial,
            "crash": self._crash,
            "restart": self._restart,
            "wait": self._wait,
            **dict.fromkeys(
                ("tick", "write", "fail", "campaign", "abandon", "lower", "resign", "acknowledge"), self._alone
            ),
        }

    def way_of(self, source: int, target: int) -> int:
        """Return the index in a world of the frames in flight from one place to another."""
        return self.nodes + source * self.nodes + target

    def first(self) -> World:
        """Return the first world: all nodes are connected and support each other; nothing is in flight."""
        conditions = [self.cache.new(place, _START_NS) for place in range(self.nodes)]
        world = (*conditions, *[EMPTY] * (self.nodes * self.nodes), 0, 0)
        moves: list[Move] = [("dial", source, target, 0) for source, target in self.pairs]
        while moves:
            for move in moves:
                after = self.apply(world, move)
                assert after is not None
                world = after
            moves = [move for move in self.moves(world) if move[0] in ("deliver", "write")][:1]
        return world

    # Possible steps.

    def moves(self, world: World) -> Iterator[Move]:
        """Yield the steps that may be possible; `apply` decides."""
        left = self._budgets.left[world[-1]]
        _, _, moments, _, _, _, _, _, closes, resets, *_ = left
        for source, target in self.pairs:
            way = world[self.way_of(source, target)]
            link = self.cache.facts[world[source]].opened[target]
            if way:
                yield from self._arrivals(source, target, way, left)
            if link is None or (way and self.in_flight.is_broken(way, link)):
                yield "dial", source, target, 0
            else:
                if closes:
                    yield "close", source, target, 0
                if resets:
                    yield "reset", source, target, 0
        for place in range(self.nodes):
            yield from self._moves_alone(place, world[place], left)
        if moments:
            yield "wait", 0, 0, 0

    def _arrivals(self, source: int, target: int, way: int, left: Left) -> Iterator[Move]:
        _, _, _, losses, copies, overtakings, *_ = left
        for index, (_, _, frames) in enumerate(self.in_flight.held[way]):
            if not frames:
                continue
            yield "deliver", source, target, index
            if frames[0] > RESET:
                if losses:
                    yield "lose", source, target, index
                if copies:
                    yield "copy", source, target, index
                if overtakings and len(frames) > 1 and frames[1] > RESET:
                    yield "overtake", source, target, index

    def _moves_alone(self, place: int, condition: int, left: Left) -> Iterator[Move]:
        candidacies, abandonments, _, _, _, _, failures, resignations, _, _, crashes, restarts, lowerings = left
        fact = self.cache.facts[condition]
        yield "tick", place, 0, 0
        if fact.writes:
            yield "write", place, 0, 0
            if failures:
                yield "fail", place, 0, 0
        if candidacies:
            yield "campaign", place, 0, 0
        if abandonments and fact.candidacy:
            yield "abandon", place, 0, 0
        if lowerings:
            yield "lower", place, 0, 0
        if resignations and fact.is_leading:
            yield "resign", place, 0, 0
        if fact.is_resigning:
            yield "acknowledge", place, 0, 0
        for verb in ("crash",) * bool(crashes) + ("restart",) * bool(restarts):
            yield from ((verb, place, 0, count) for count in range(fact.writes + 1))

    # One step.

    def apply(self, world: World, move: Move, *, is_free: bool = False) -> World | None:
        """Return the world after a move, or None if the move is not possible.

        Args:
            world: before.
            move: one of `moves`, or any other.
            is_free: do not count the move, except for time.

        Raises:
            Broken: a promise is broken.
        """
        new = list(world)
        self._is_free = is_free
        return tuple(new) if self._carry_out[move[0]](new, move) else None

    def _perform(self, world: list[int], place: int, given: Given) -> bool:
        before, now = world[place], _START_NS + self._budgets.moment[world[-1]] * MOMENT_NS
        outcome = self.cache.perform(before, now, given)
        if outcome is None:
            return False
        if outcome.faults:
            invariant, detail = outcome.faults[0]
            raise Broken(invariant, f"{NODES[place]}: {detail}")
        for target, number, frames in outcome.sends:
            index = self.way_of(place, target)
            world[index] = self.in_flight.sent(world[index], number, frames)
        if outcome.condition != before:
            world[place] = outcome.condition
            self._remember(world, place, before, outcome, now)
            for other in range(self.nodes):
                if other != place:
                    self._checks.check(place, outcome.condition, other, world[other], now)
        return True

    def _remember(self, world: list[int], place: int, before: int, outcome: StepOutcome, now: int) -> None:
        facts = self.cache.facts
        was, fact = facts[before], facts[outcome.condition]
        if outcome.stored or outcome.elected or was.candidacy != fact.candidacy:
            candidacies = tuple([facts[condition].candidacy for condition in world[: self.nodes]])
            world[-2] = self.histories.after(world[-2], place, outcome.stored, outcome.elected, candidacies)
        if fact.lease_until > now and (was.lease_until <= now or was.lease_term != fact.lease_term):
            world[-2] = self.histories.began(world[-2], fact.lease_term, place)

    def _spend(self, world: list[int], name: str) -> bool:
        if self._is_free and name != "moments":
            return True
        after = self._budgets.spent(world[-1], name)
        if after is None:
            return False
        world[-1] = after
        return True

    def _wait(self, world: list[int], _: Move) -> bool:
        return self._spend(world, "moments")

    def _alone(self, world: list[int], move: Move) -> bool:
        verb, place, _, _ = move
        price = _PRICES.get(verb)
        return (price is None or self._spend(world, price)) and self._perform(world, place, (verb, 0, NO_LINK, 0))

    # Messages.

    def _deliver(self, world: list[int], move: Move, position: int = 0, *, is_copy: bool = False) -> bool:
        _, source, target, count = move
        index = self.way_of(source, target)
        links = self.in_flight.held[world[index]]
        if count >= len(links) or position >= len(links[count][2]):
            return False
        link, _, frames = links[count]
        if not is_copy:
            world[index] = self.in_flight.without(world[index], count, position)
        kind = "receive" if frames[position] > RESET else "ended"
        return self._perform(world, target, (kind, source, link, frames[position]))

    def _copy(self, world: list[int], move: Move) -> bool:
        return self._spend(world, "copies") and self._deliver(world, move, is_copy=True)

    def _overtake(self, world: list[int], move: Move) -> bool:
        return self._spend(world, "overtakings") and self._deliver(world, move, position=1)

    def _lose(self, world: list[int], move: Move) -> bool:
        _, source, target, count = move
        index = self.way_of(source, target)
        links = self.in_flight.held[world[index]]
        if count >= len(links) or not links[count][2]:
            return False
        world[index] = self.in_flight.without(world[index], count, 0)
        return self._spend(world, "losses")

    # Links.

    def _close(self, world: list[int], move: Move) -> bool:
        _, source, target, _ = move
        return self._spend(world, "closes") and self._hang_up(world, source, target)

    def _hang_up(self, world: list[int], source: int, target: int) -> bool:
        link = self.cache.facts[world[source]].opened[target]
        if link is None:
            return False
        self._perform(world, source, ("closing", target, link, 0))
        index = self.way_of(source, target)
        world[index] = self.in_flight.closed(world[index], link)
        return True

    def _reset(self, world: list[int], move: Move) -> bool:
        _, source, target, _ = move
        link = self.cache.facts[world[source]].opened[target]
        if link is None or not self._spend(world, "resets"):
            return False
        index = self.way_of(source, target)
        world[index] = self.in_flight.reset(world[index], link)
        return True

    def _dial(self, world: list[int], move: Move) -> bool:
        """Close a link that is still open, as a dialer that notices a broken link does, and dial again."""
        _, source, target, _ = move
        self._hang_up(world, source, target)
        link = self.cache.facts[world[source]].dialing[target]
        self._perform(world, target, ("accepted", source, link, 0))
        return self._perform(world, source, ("opened", target, link, 0))

    # Processes.

    def _crash(self, world: list[int], move: Move) -> bool:
        _, place, _, count = move
        return self._spend(world, "crashes") and self._kill(world, place, count)

    def _kill(self, world: list[int], place: int, written: int) -> bool:
        """Kill a node. Its links end after the frames it sent. Frames to it are lost; its peers have not noticed."""
        opened = self.cache.facts[world[place]].opened
        if not self._perform(world, place, ("crash", 0, NO_LINK, written)):
            return False
        for other in range(self.nodes):
            if other != place:
                away, toward, link = self.way_of(place, other), self.way_of(other, place), opened[other]
                world[away] = world[away] if link is None else self.in_flight.closed(world[away], link)
                world[toward] = self.in_flight.abandoned(self.cache.facts[world[other]].opened[place])
        return True

    def _restart(self, world: list[int], move: Move) -> bool:
        _, place, _, count = move
        if not self._spend(world, "restarts") or not self._kill(world, place, count):
            return False
        for source, target in self.pairs:
            if place in (source, target):
                self._dial(world, ("dial", source, target, 0))
        return True
