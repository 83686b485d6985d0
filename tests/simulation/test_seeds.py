"""At least 300 hostile worlds of 60 virtual seconds: no promise broken, every hard case met."""

import re
import subprocess
import sys

import pytest

from elect.testing.checkers import HARD_CASES
from elect.testing.simulation.simulate import Report
from elect.testing.soak.soak import run_one

COMMAND = [sys.executable, "-m", "elect.testing.soak", "--seconds", "60", "--nodes", "3", "4", "5"]
SEEDS = 75
MORE = [pytest.param(first, marks=pytest.mark.slow) for first in range(10_000, 12_000, SEEDS)]


@pytest.mark.long
@pytest.mark.parametrize("first", [0, SEEDS, 2 * SEEDS, 3 * SEEDS, *MORE])
def test_many_seeds_break_no_promise_and_meet_every_hard_case(first: int, capsys: pytest.CaptureFixture[str]):
    command = [*COMMAND, "--first", str(first), "--seeds", str(SEEDS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=170)
    with capsys.disabled():
        sys.stdout.write(f"\n{done.stdout}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(f"{SEEDS} runs, ")
    elections = re.search(r"(\d+) elections", done.stdout)
    assert elections is not None
    assert int(elections[1]) > 10 * SEEDS


def test_a_report_names_the_hard_cases_that_were_not_met():
    assert Report().unmet == [*HARD_CASES]
    assert len(run_one(0, seconds=10.0).unmet) < len(HARD_CASES)
