"""The example in the core's docstring runs as it stands."""

import doctest

import elect.core


def test_the_election_by_hand_runs():
    result = doctest.testmod(elect.core)
    assert result.attempted > 15
    assert result.failed == 0
