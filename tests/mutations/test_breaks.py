"""Checkers that find nothing prove nothing: each deliberate break of the protocol must be found."""

import pytest

from tests.mutations.breaks import BREAKS, Break, hunt


@pytest.mark.parametrize("broken", BREAKS, ids=[broken.name for broken in BREAKS])
def test_the_simulation_finds_a_break_within_its_seeds(broken: Break):
    find = hunt(broken)
    assert find is not None
    assert "replay: elect simulate --seed" in str(find.violation)
