"""What must never be between two nodes, at any moment.

Source: PROTOCOL.md, sections 3 and 8.
"""

from elect.testing.explore.explored_node import MOMENT_NS
from elect.testing.explore.facts import Facts
from elect.testing.explore.history import Broken
from elect.testing.explore.naming import NODES


class Checks:
    """Looks at two roles each time they meet at a moment for the first time."""

    def __init__(self, facts: list[Facts]) -> None:
        self._facts = facts
        self._passed: set[tuple[int, int, int]] = set()

    def check(self, place: int, role: int, other: int, other_role: int, now: int) -> None:
        """Check one pair.

        Raises:
            Broken: a promise is.
        """
        key = (role, other_role, now)
        if key not in self._passed:
            one, two = self._facts[role], self._facts[other_role]
            _check_leases(place, one, other, two, now)
            _check_counted(place, one, other, two, now)
            _check_counted(other, two, place, one, now)
            self._passed.add(key)


def _check_leases(place: int, one: Facts, other: int, two: Facts, now: int) -> None:
    if one.lease_until > now and two.lease_until > now:
        holders = f"{NODES[place]} (term {one.lease_term}) and {NODES[other]} (term {two.lease_term})"
        raise Broken("one lease", f"{holders} hold one")


def _check_counted(counter: int, counting: Facts, promiser: int, promising: Facts, now: int) -> None:
    session, until = counting.counted[promiser]
    if until <= now:
        return
    live, promised_until = promising.promised[counter]
    if session is not None and session[0] != promising.incarnation:
        promised_until = promising.fence_until
    elif session is None or session != live:
        promised_until = 0
    if promised_until < until:
        late = f"{(until - promised_until) / MOMENT_NS:g} moments too long" if promised_until else "without a promise"
        raise Broken("counted support is promised", f"{NODES[counter]} counts {NODES[promiser]} {late}")
