"""bench/failover.py, with one round: a row for each failure, beside its floor and the idle crash."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.long
def test_each_failure_has_a_row():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "bench/failover.py", "--rounds", "1", "--rolling", "--offsets", "moving"]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    _, titles, *lines = done.stdout.splitlines()
    assert titles.split()[1:] == ["n", "min", "median", "p95", "max", "floor", "/floor", "/idle"]
    rows = {line[:48].strip(): [float(each) for each in line[48:].split()] for line in lines}
    assert list(rows) == ["idle: SIGKILL", "rolling, moving offsets: SIGKILL"]
    idle = rows["idle: SIGKILL"][2]
    for count, least, median, p95, most, floor, to_floor, to_idle in rows.values():
        assert count == 1
        assert least == median == p95 == most
        assert to_floor == pytest.approx(median / floor, rel=0.02, abs=0.02)
        assert to_idle == pytest.approx(median / idle, rel=0.02, abs=0.02)
