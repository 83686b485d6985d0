"""Small worlds as tuples of numbers: what can happen next in one, and what it becomes.

A world is a role for each place, a way for each two places, a history, and what is left of the bounds. Time is the
same everywhere and moves by a step of its own, so anything may happen, in any order, between two moments.
"""

from collections.abc import Callable, Iterator

from elect.testing.explore.bounds import Bounds, Budgets, Left
from elect.testing.explore.checks import Checks
from elect.testing.explore.explored_node import MOMENT_NS
from elect.testing.explore.explored_values import Given, StepCache, StepOutcome
from elect.testing.explore.facts import NO_LINK
from elect.testing.explore.frames import RESET
from elect.testing.explore.history import Broken, Histories
from elect.testing.explore.naming import NODES
from elect.testing.explore.transitions import EMPTY, Transitions

World = tuple[int, ...]
"""Roles by place, ways by source and target, history, budget."""

Move = tuple[str, int, int, int]
"""A step by places: its verb (plain text, which is hashed faster), the node, the peer, the count."""

_PRICES = {"campaign": "candidacies", "fail": "failures", "resign": "resignations"}

_START_NS = 100 * MOMENT_NS


class ExploredWorlds:
    """All worlds of so many nodes, within bounds."""

    def __init__(self, nodes: int, bounds: Bounds, *, is_merging: bool = True) -> None:
        self.nodes = nodes
        self.pairs = [(source, target) for source in range(nodes) for target in range(nodes) if source != target]
        self.settings = StepCache(nodes, is_merging=is_merging)
        self.ways = Transitions(self.settings.frames)
        self.histories = Histories(nodes)
        self._budgets = Budgets(bounds)
        self._checks = Checks(self.settings.facts)
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
            **dict.fromkeys(("tick", "write", "fail", "campaign", "resign", "acknowledge"), self._alone),
        }

    def way_of(self, source: int, target: int) -> int:
        """Where in a world the way from one place to another is."""
        return self.nodes + source * self.nodes + target

    def first(self) -> World:
        """Everybody is connected, supports everybody and counts on it; nothing is under way."""
        roles = [self.settings.new(place, _START_NS) for place in range(self.nodes)]
        world = (*roles, *[EMPTY] * (self.nodes * self.nodes), 0, 0)
        moves: list[Move] = [("dial", source, target, 0) for source, target in self.pairs]
        while moves:
            for move in moves:
                after = self.apply(world, move)
                assert after is not None
                world = after
            moves = [move for move in self.moves(world) if move[0] == "deliver"][:1]
        return world

    # What can happen.

    def moves(self, world: World) -> Iterator[Move]:
        """Everything that may be possible next; `apply` knows whether it is."""
        left = self._budgets.left[world[-1]]
        _, moments, _, _, _, _, _, closes, resets, _, _ = left
        for source, target in self.pairs:
            way = world[self.way_of(source, target)]
            link = self.settings.facts[world[source]].opened[target]
            if way:
                yield from self._arrivals(source, target, way, left)
            if link is None or (way and self.ways.is_broken(way, link)):
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
        _, _, losses, copies, overtakings, *_ = left
        for index, (_, _, frames) in enumerate(self.ways.held[way]):
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

    def _moves_alone(self, place: int, role: int, left: Left) -> Iterator[Move]:
        candidacies, _, _, _, _, failures, resignations, _, _, crashes, restarts = left
        fact = self.settings.facts[role]
        yield "tick", place, 0, 0
        if fact.writes:
            yield "write", place, 0, 0
            if failures:
                yield "fail", place, 0, 0
        if candidacies:
            yield "campaign", place, 0, 0
        if resignations and fact.is_leading:
            yield "resign", place, 0, 0
        if fact.is_resigning:
            yield "acknowledge", place, 0, 0
        for count in range(fact.writes + 1) if crashes or restarts else ():
            if crashes:
                yield "crash", place, 0, count
            if restarts:
                yield "restart", place, 0, count

    # What it leads to.

    def apply(self, world: World, move: Move, *, is_free: bool = False) -> World | None:
        """The world after a move; None if it is not possible.

        Args:
            world: before.
            move: one of `moves`, or any other.
            is_free: spend nothing of the bounds on it, but time.

        Raises:
            Broken: a promise was.
        """
        new = list(world)
        self._is_free = is_free
        return tuple(new) if self._carry_out[move[0]](new, move) else None

    def _perform(self, world: list[int], place: int, given: Given) -> bool:
        before, now = world[place], _START_NS + self._budgets.moment[world[-1]] * MOMENT_NS
        outcome = self.settings.perform(before, now, given)
        if outcome is None:
            return False
        if outcome.faults:
            invariant, detail = outcome.faults[0]
            raise Broken(invariant, f"{NODES[place]}: {detail}")
        for target, number, frames in outcome.sends:
            index = self.way_of(place, target)
            world[index] = self.ways.sent(world[index], number, frames)
        if outcome.role != before:
            world[place] = outcome.role
            self._remember(world, place, before, outcome, now)
            for other in range(self.nodes):
                if other != place:
                    self._checks.check(place, outcome.role, other, world[other], now)
        return True

    def _remember(self, world: list[int], place: int, before: int, outcome: StepOutcome, now: int) -> None:
        facts = self.settings.facts
        was, fact = facts[before], facts[outcome.role]
        if outcome.stored or outcome.elected or was.candidacy != fact.candidacy:
            candidacies = tuple([facts[role].candidacy for role in world[: self.nodes]])
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
        links = self.ways.held[world[index]]
        if count >= len(links) or position >= len(links[count][2]):
            return False
        link, _, frames = links[count]
        if not is_copy:
            world[index] = self.ways.without(world[index], count, position)
        kind = "receive" if frames[position] > RESET else "ended"
        return self._perform(world, target, (kind, source, link, frames[position]))

    def _copy(self, world: list[int], move: Move) -> bool:
        return self._spend(world, "copies") and self._deliver(world, move, is_copy=True)

    def _overtake(self, world: list[int], move: Move) -> bool:
        return self._spend(world, "overtakings") and self._deliver(world, move, position=1)

    def _lose(self, world: list[int], move: Move) -> bool:
        _, source, target, count = move
        index = self.way_of(source, target)
        links = self.ways.held[world[index]]
        if count >= len(links) or not links[count][2]:
            return False
        world[index] = self.ways.without(world[index], count, 0)
        return self._spend(world, "losses")

    # Links.

    def _close(self, world: list[int], move: Move) -> bool:
        _, source, target, _ = move
        return self._spend(world, "closes") and self._hang_up(world, source, target)

    def _hang_up(self, world: list[int], source: int, target: int) -> bool:
        link = self.settings.facts[world[source]].opened[target]
        if link is None:
            return False
        self._perform(world, source, ("closing", target, link, 0))
        index = self.way_of(source, target)
        world[index] = self.ways.closed(world[index], link)
        return True

    def _reset(self, world: list[int], move: Move) -> bool:
        _, source, target, _ = move
        link = self.settings.facts[world[source]].opened[target]
        if link is None or not self._spend(world, "resets"):
            return False
        index = self.way_of(source, target)
        world[index] = self.ways.reset(world[index], link)
        return True

    def _dial(self, world: list[int], move: Move) -> bool:
        """A link still open is closed first, as if its dialer noticed only now that it is broken."""
        _, source, target, _ = move
        self._hang_up(world, source, target)
        link = self.settings.facts[world[source]].dialing[target]
        self._perform(world, target, ("accepted", source, link, 0))
        return self._perform(world, source, ("opened", target, link, 0))

    # Processes.

    def _crash(self, world: list[int], move: Move) -> bool:
        _, place, _, count = move
        return self._spend(world, "crashes") and self._kill(world, place, count)

    def _kill(self, world: list[int], place: int, written: int) -> bool:
        """Its links end after what it sent; what was under way to it is gone, and its peers have not noticed."""
        opened = self.settings.facts[world[place]].opened
        if not self._perform(world, place, ("crash", 0, NO_LINK, written)):
            return False
        for other in range(self.nodes):
            if other != place:
                away, toward, link = self.way_of(place, other), self.way_of(other, place), opened[other]
                world[away] = world[away] if link is None else self.ways.closed(world[away], link)
                world[toward] = self.ways.abandoned(self.settings.facts[world[other]].opened[place])
        return True

    def _restart(self, world: list[int], move: Move) -> bool:
        _, place, _, count = move
        if not self._spend(world, "restarts") or not self._kill(world, place, count):
            return False
        for source, target in self.pairs:
            if place in (source, target):
                self._dial(world, ("dial", source, target, 0))
        return True
