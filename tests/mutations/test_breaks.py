"""Checkers that find nothing prove nothing: each deliberate break of the protocol must be found."""

from functools import cache

import pytest

from tests.mutations.breaking import Break
from tests.mutations.breaks import BREAKS, UNFOUND, Find, hunt, table
from tests.mutations.worlds import World


@cache
def live_unbroken(world: World, seed: int) -> None:
    world.run(seed)


@pytest.mark.parametrize("broken", BREAKS, ids=[broken.name for broken in BREAKS])
def test_a_break_is_found_within_its_seeds_where_the_protocol_unbroken_keeps_its_promises(broken: Break):
    find = hunt(broken)
    assert find.violation is not None
    assert "replay: " in str(find.violation)
    assert find.violation.invariant != "electors never raise", "the break itself does not run"
    live_unbroken(broken.world, find.seeds - 1)


def test_breaks_have_names_of_their_own():
    names = [broken.name for broken in BREAKS]
    assert len({*names, *UNFOUND}) == len(names) + len(UNFOUND)


def test_the_table_says_which_break_was_not_found():
    lines = list(table(Find(seeds=0, seconds=0.0, violation=None) for _ in BREAKS))
    assert len(lines) == 1 + len(BREAKS)
    assert all(" none " in line for line in lines[1:])
