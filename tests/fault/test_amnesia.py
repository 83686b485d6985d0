"""Three real processes, each wiped in turn while the others elect: no term has two leaders."""

import itertools
import random

import pytest

from bench.growing.shown_members import shared_terms
from bench.growing.wiped_cluster import play
from elect.testing.real_processes import overlaps, tenures

pytestmark = pytest.mark.long

SLOW_ORDERS = [pytest.param("".join(each), marks=pytest.mark.slow) for each in itertools.permutations("abc")]


@pytest.mark.parametrize("is_joining", [True, False], ids=["join", "peers"])
@pytest.mark.parametrize("order", ["ab", "cb", *SLOW_ORDERS])
def test_wiped_nodes_make_no_two_leaders_of_a_term(order: str, is_joining: bool):
    events = play(order, random.Random(order), is_joining=is_joining)
    assert shared_terms(events) == []
    assert overlaps(tenures(events)) == []
