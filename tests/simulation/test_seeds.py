"""At least 300 hostile worlds of 60 virtual seconds: no promise broken, every hard case met."""

import re
import subprocess
import sys

import pytest

from elect.testing.soak import Report, run_one

SEEDS = 300
COMMAND = [
    sys.executable,
    "-m",
    "elect.testing.soak",
    "--seeds",
    str(SEEDS),
    "--seconds",
    "60",
    "--nodes",
    "3",
    "4",
    "5",
]


def test_no_promise_is_broken_over_many_seeds_and_every_hard_case_is_met(capsys: pytest.CaptureFixture[str]):
    done = subprocess.run(COMMAND, capture_output=True, text=True, check=False, timeout=900)
    with capsys.disabled():
        sys.stdout.write(f"\n{done.stdout}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(f"{SEEDS} runs, ")
    elections = re.search(r"(\d+) elections", done.stdout)
    assert elections is not None
    assert int(elections[1]) > 10 * SEEDS


def test_a_report_names_the_hard_cases_that_were_not_met():
    assert len(Report().unmet) == 9
    assert len(run_one(0, seconds=10.0).unmet) < 9
