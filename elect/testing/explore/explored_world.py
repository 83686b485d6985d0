"""Small worlds as tuples of numbers: the steps that are possible in one, and the world after a step.

A world is a condition for each place, the frames in flight for each two places, a history, and a budget. Time is the
same in all nodes and moves by a step of its own, so steps may happen in any order between two moments.
"""

from collections.abc import Callable, Iterator, Sequence

from elect.core.messages import Heartbeat
from elect.testing.explore.bounds import Bounds, Budgets, Left
from elect.testing.explore.explored_node import MOMENT_NS
from elect.testing.explore.history import Histories, Votes
from elect.testing.explore.in_flight import EMPTY, END, NO_LINK, RESET, InFlight, LinkNumber
from elect.testing.explore.made_configurations import CHANGES
from elect.testing.explore.pair_checks import Checks, Facts
from elect.testing.explore.renaming import NODES
from elect.testing.explore.step_cache import Given, StepCache, StepOutcome
from elect.testing.explore.steps import Broken, Move

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
    """All worlds of `nodes` nodes, within bounds.

    Args:
        nodes: 2 to 4.
        bounds: the number of steps of each kind on one path.
        is_merging: see `StepCache`.
        is_prompt: read heartbeats and clocks at once, in one order: see `prompt`.
    """

    def __init__(self, nodes: int, bounds: Bounds, *, is_merging: bool = True, is_prompt: bool = False) -> None:
        self.nodes = nodes
        self.pairs = [(source, target) for source in range(nodes) for target in range(nodes) if source != target]
        self.cache = StepCache(nodes, is_merging=is_merging)
        self.in_flight = InFlight(self.cache.frames)
        self.histories = Histories()
        self._budgets = Budgets(bounds)
        self._checks = Checks(self.cache.facts)
        self._is_free = False
        self._is_prompt = is_prompt
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
            "calm": self._calm,
            **dict.fromkeys(CHANGES, self._change),
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
        for move in moves:
            after = self.apply(world, move)
            assert after is not None
            world = after
        new = list(world)
        self._calm(new, ("calm", 0, 0, 0))
        return tuple(new)

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
            if not self.cache.facts[world[source]].has_peer[target]:
                continue
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

    def prompt(self, world: World) -> Move | None:
        """Return the step before all others: the first message of a link, if a heartbeat or its end, or a due clock."""
        if not self._is_prompt:
            return None
        leaders_first = self._leaders_first(world)
        for source in leaders_first:
            for target in range(self.nodes):
                way = world[self.way_of(source, target)]
                for index, (_, _, frames) in enumerate(self.in_flight.held[way] if way else ()):
                    if frames and self._is_prompt_frame(frames[0]):
                        return "deliver", source, target, index
        now = self._now(world)
        due = [place for place in leaders_first if self.cache.facts[world[place]].due_at <= now]
        return ("tick", due[0], 0, 0) if due else None

    def _is_prompt_frame(self, frame: int) -> bool:
        return frame == END or isinstance(self.cache.frames.messages[frame], Heartbeat)

    def _leaders_first(self, world: Sequence[int]) -> list[int]:
        """Return the nodes in the order in which they come in prompt searches."""
        # Followers acknowledge the heartbeats of their leader with their own ones. So its lease does not lapse.
        return sorted(range(self.nodes), key=lambda place: not self.cache.facts[world[place]].is_leading)

    def _now(self, world: Sequence[int]) -> int:
        return _START_NS + self._budgets.moment[world[-1]] * MOMENT_NS

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
        candidacies, abandonments, _, _, _, _, failures, _, _, _, crashes, restarts, lowerings, *_ = left
        fact = self.cache.facts[condition]
        if not self._is_prompt:
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
        if fact.is_resigning:
            yield "acknowledge", place, 0, 0
        yield from self._moves_of_leaders(place, fact, left)
        for verb in ("crash",) * bool(crashes) + ("restart",) * bool(restarts):
            yield from ((verb, place, 0, count) for count in range(fact.writes + 1))

    def _moves_of_leaders(self, place: int, fact: Facts, left: Left) -> Iterator[Move]:
        _, _, _, _, _, _, _, resignations, _, _, _, _, _, _, changes = left
        if resignations and fact.is_leading:
            yield "resign", place, 0, 0
        if not changes or not fact.may_change:
            return
        for other in range(self.nodes):
            member = fact.configuration.member(NODES[other])
            if other != place and member is not None:
                yield "demote" if member.is_voter else "promote", place, other, 0
                yield "remove", place, other, 0

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
        before, now = world[place], self._now(world)
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
            if outcome.decided or outcome.configured or outcome.dismissed:
                self._remember_members(world, place, before, outcome, now)
            for other in range(self.nodes):
                if other != place:
                    self._checks.check(place, outcome.condition, other, world[other], now)
        return True

    def _remember(self, world: list[int], place: int, before: int, outcome: StepOutcome, now: int) -> None:
        facts = self.cache.facts
        was, fact = facts[before], facts[outcome.condition]
        has_begun = was.candidacy != fact.candidacy
        if outcome.stored or outcome.elected or outcome.granted or has_begun:
            candidacies = tuple([facts[condition].candidacy for condition in world[: self.nodes]])
            given = [*outcome.granted, *([(fact.candidacy, place)] if has_begun else [])]
            votes = Votes(
                node=place,
                configuration=fact.configuration,
                granted=outcome.granted,
                stored=outcome.stored,
                elected=outcome.elected,
                began=fact.candidacy if has_begun else 0,
                again=tuple((term, candidate) for term, candidate in given if fact.vote == (term, NODES[candidate])),
            )
            world[-2] = self.histories.after(world[-2], votes, candidacies)
        if fact.lease_until > now and (was.lease_until <= now or was.lease_term != fact.lease_term):
            world[-2] = self.histories.began(world[-2], fact.lease_term, place)

    def _remember_members(self, world: list[int], place: int, before: int, outcome: StepOutcome, now: int) -> None:
        disks = [self.cache.facts[condition].disk for condition in world[: self.nodes]]
        for configuration, term in outcome.configured:
            world[-2] = self.histories.configured(world[-2], place, configuration, term, disks=disks, now=now)
        for decision in outcome.decided:
            self.histories.check(world[-2], place, decision, disks=disks, now=now)
        for other in outcome.dismissed:
            self._cut(world, place, other, self.cache.facts[before].opened[other])

    def _spend(self, world: list[int], name: str) -> bool:
        if self._is_free and name != "moments":
            return True
        after = self._budgets.spent(world[-1], name)
        if after is None:
            return False
        world[-1] = after
        return True

    def _wait(self, world: list[int], _: Move) -> bool:
        is_delay = self._is_prompt and not self._is_quiet(world)
        return (not is_delay or self._spend(world, "delays")) and self._spend(world, "moments")

    def _is_quiet(self, world: Sequence[int]) -> bool:
        """Return whether no message and no write is under way."""
        ways = [world[self.way_of(*pair)] for pair in self.pairs]
        is_silent = not any(frames for way in ways for _, _, frames in self.in_flight.held[way])
        return is_silent and not any(self.cache.facts[condition].writes for condition in world[: self.nodes])

    def _calm(self, world: list[int], _: Move) -> bool:
        """Read all messages and clocks and end all writes, in one order, until nothing is left to do."""
        while True:
            places, now = self._leaders_first(world), self._now(world)
            pairs = [(source, target) for source in places for target in places if source != target]
            if any(self._deliver(world, ("deliver", *pair, 0)) for pair in pairs):
                continue
            facts = [self.cache.facts[condition] for condition in world[: self.nodes]]
            given = [(place, "write") for place in places if facts[place].writes]
            given += [(place, "tick") for place in places if facts[place].due_at <= now]
            if not given:
                return True
            place, kind = given[0]
            self._perform(world, place, (kind, 0, NO_LINK, 0))

    def _change(self, world: list[int], move: Move) -> bool:
        verb, place, member, _ = move
        return self._spend(world, "changes") and self._perform(world, place, (verb, member, NO_LINK, 0))

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
        facts = self.cache.facts
        if not facts[world[source]].has_peer[target]:
            return False
        self._hang_up(world, source, target)
        if facts[world[target]].disk.member(NODES[source]) is None:
            return self._perform(world, source, ("refused", target, NO_LINK, 0))
        link = facts[world[source]].dialing[target]
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
                self._cut(world, place, other, opened[other])
        return True

    def _cut(self, world: list[int], place: int, other: int, link: LinkNumber | None) -> None:
        """End the links of a node with another one, which has not noticed; `link`: the one that the node dialed."""
        away, toward = self.way_of(place, other), self.way_of(other, place)
        world[away] = world[away] if link is None else self.in_flight.closed(world[away], link)
        world[toward] = self.in_flight.abandoned(self.cache.facts[world[other]].opened[place])

    def _restart(self, world: list[int], move: Move) -> bool:
        _, place, _, count = move
        if not self._spend(world, "restarts") or not self._kill(world, place, count):
            return False
        for dial in self.spelled(move)[1:]:
            self._dial(world, dial)
        return True

    def spelled(self, move: Move) -> list[Move]:
        """Return the steps that a move consists of: in worlds under other names they come in another order."""
        verb, place, _, count = move
        if verb != "restart":
            return [move]
        dials = [("dial", source, target, 0) for source, target in self.pairs if place in (source, target)]
        return [("crash", place, 0, count), *dials]
