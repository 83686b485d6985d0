"""One world for all that are the same but for who is who.

Nothing in the rules of safety depends on a node's id: it only breaks ties in the candidates' order, and here the search
decides who campaigns. So all permutations of the nodes are symmetries.

Source: Emerson and Sistla, "Symmetry and Model Checking", Formal Methods in System Design, 1996.
"""

from itertools import permutations

from elect.testing.explore.explored_world import ExploredWorlds, World
from elect.testing.explore.naming import Places


class Symmetry:
    """Chooses among worlds: the parts at its places ascend; where parts are equal, the least."""

    def __init__(self, worlds: ExploredWorlds) -> None:
        self._worlds = worlds
        self._parts = worlds.settings.role_parts
        self._orders: dict[tuple[int, ...], list[Places]] = {}
        self._identity = tuple(range(worlds.nodes))

    def canonical(self, world: World) -> World:
        """The world that stands for this one."""
        orders = self._orders_of(world)
        if len(orders) == 1:
            return self.renamed(world, orders[0])
        return min([self.renamed(world, order) for order in orders])

    def order(self, world: World) -> Places:
        """Where each place of a world is in the one that stands for it."""
        return min(self._orders_of(world), key=lambda order: self.renamed(world, order))

    def _orders_of(self, world: World) -> list[Places]:
        parts = [self._parts[role] for role in world[: self._worlds.nodes]]
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
        """The same world with what was at place `i` at `places[i]`."""
        if places == self._identity:
            return world
        worlds, new = self._worlds, list(world)
        for old, place in enumerate(places):
            new[place] = worlds.settings.renamed(world[old], places)
        for source, target in worlds.pairs:
            way = world[worlds.way_of(source, target)]
            new[worlds.way_of(places[source], places[target])] = worlds.ways.renamed(way, places)
        new[-2] = worlds.histories.renamed(world[-2], places)
        return tuple(new)
