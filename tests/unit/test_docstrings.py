"""The examples in docstrings that run without a cluster."""

import doctest

import pytest

from elect.config import config, durations


@pytest.mark.parametrize("module", [config, durations])
def test_examples_give_the_shown_results(module):
    results = doctest.testmod(module)
    assert results.attempted
    assert not results.failed
