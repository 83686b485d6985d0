"""bench/clients.py, with few clients and one round: each row is there, and its ratio is that of its times."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.long
def test_each_situation_has_its_rows():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "bench/clients.py", "--clients", "14", "--rounds", "1"]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    lines = done.stdout.splitlines()
    assert [line.partition(":")[0] for line in lines if "SIGKILL" in line] == ["told", "moved"]
    assert sum(line.startswith("their node before: ") for line in lines) == 1
    rows = [line[32:].split() for line in lines if line.startswith(("on_elected", "half", "all"))]
    assert len(rows) == 6
    for least, most, ratio in (map(float, row) for row in rows):
        assert least > 0
        assert ratio == pytest.approx(most / least, rel=0.02, abs=0.02)
