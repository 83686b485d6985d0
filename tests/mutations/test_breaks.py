"""A checker that notices nothing proves nothing: each deliberate break of the protocol must be noticed."""

from functools import cache

import pytest

from tests.mutations.breaking import Break
from tests.mutations.breaks import BREAKS, HINTS, Find, hunt, table
from tests.mutations.worlds import World

pytestmark = pytest.mark.long


@cache
def run_unbroken(world: World, seed: int) -> None:
    world.run(seed)


@pytest.mark.parametrize("broken", BREAKS, ids=[broken.apply.__name__ for broken in BREAKS])
def test_break_is_found(broken: Break):
    """Within its seeds; the unbroken protocol keeps its promises in the same world."""
    find = hunt(broken)
    assert find.violation is not None
    assert "replay: " in str(find.violation)
    assert find.violation.invariant != "electors never raise", "the break itself does not run"
    run_unbroken(broken.world, find.seeds - 1)


@pytest.mark.parametrize("hint", HINTS, ids=[hint.apply.__name__ for hint in HINTS])
def test_hint_changes_no_promise(hint: Break):
    assert hunt(hint).violation is None
    assert "Section" in hint.apply.__doc__, "a hint is proved"


def test_breaks_have_names_of_their_own():
    names = [broken.name for broken in (*BREAKS, *HINTS)]
    assert len({*names}) == len(names)


def test_table_names_breaks_that_are_not_found():
    lines = list(table(Find(seeds=0, seconds=0.0, violation=None) for _ in (*BREAKS, *HINTS)))
    assert len(lines) == 1 + len(BREAKS) + len(HINTS)
    assert all(" none " in line for line in lines[1:])
    assert [line for line in lines if line.endswith("a hint")] == lines[-len(HINTS) :]
