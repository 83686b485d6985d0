"""bench/figure16.py, with a few trials: its output is what it says."""

import csv
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

ROOT = Path(__file__).parent.parent.parent
RAFT = {"150-150", "150-151", "150-155", "150-175", "150-200"}
SCALES = {"12-24", "25-50", "50-100", "100-200", "150-300"}


def measure(output: Path, *arguments: str, hash_seed: str = "0") -> list[dict[str, str]]:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "bench/figure16.py", "--output", str(output), *arguments]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=120, stdout=subprocess.DEVNULL)
    with (output / "figure16.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def two_trials(tmp_path_factory) -> tuple[Path, list[dict[str, str]]]:
    output = tmp_path_factory.mktemp("figure16")
    return output, measure(output, "--trials", "2")


def test_every_trial_of_every_setting_is_a_row(two_trials):
    _, rows = two_trials
    assert list(rows[0]) == ["protocol", "setting", "seed", "outcome", "leaderless_ms"]
    expected = {("raft", setting) for setting in RAFT | SCALES}
    expected |= {(protocol, setting) for protocol in ("promise", "close") for setting in SCALES}
    assert Counter((row["protocol"], row["setting"]) for row in rows) == dict.fromkeys(expected, 2)
    assert {row["seed"] for row in rows} == {"0", "1"}
    for row in rows:
        if row["outcome"] == "unstable":
            assert row["leaderless_ms"] == ""
        else:
            assert row["outcome"] == ("capped" if float(row["leaderless_ms"]) == 100_000 else "elected")


def test_promise_is_waited_for_unless_closes_are_trusted(two_trials):
    _, rows = two_trials
    taken = {(row["protocol"], row["setting"], row["seed"]): row["leaderless_ms"] for row in rows}
    for seed in "01":
        assert float(taken["promise", "150-300", seed]) > 100  # dies at most a heartbeat, 50 ms, after one
        assert 0 < float(taken["close", "150-300", seed]) < 100


def test_a_trial_is_repeated_by_its_seed(two_trials, tmp_path):
    _, rows = two_trials
    again = measure(tmp_path, "--trials", "1", "--seed", "1", hash_seed="7")
    assert again == [row for row in rows if row["seed"] == "1"]


def test_the_chart_is_drawn(two_trials):
    pytest.importorskip("matplotlib", reason="the chart needs matplotlib: the extra 'bench'")
    output, _ = two_trials
    assert "</svg>" in (output / "figure16.svg").read_text()
