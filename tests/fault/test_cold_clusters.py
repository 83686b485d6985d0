"""Five real processes that start together with the same seeds: one cluster, which a wiped node joins again."""

from pathlib import Path

import pytest

from bench.growing.cold_cluster import start_together

pytestmark = pytest.mark.long

QUICK = {"heartbeat_interval": "50ms", "support_duration": "400ms"}


@pytest.mark.parametrize("rounds", [2, pytest.param(5, marks=pytest.mark.slow)])
def test_nodes_that_start_together_form_one_cluster(tmp_path: Path, rounds: int):
    for number in range(rounds):
        directory = tmp_path / str(number)
        directory.mkdir()
        start_together(directory, QUICK)
