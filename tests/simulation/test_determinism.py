"""One seed, one transcript: in one process, and in another with another hash seed."""

import os
import subprocess
import sys
from hashlib import sha256

import pytest

from elect.testing import Simulation, hostile, simulate

PROGRAM = """
import sys
from elect.testing import simulate
raise SystemExit(simulate(seed=int(sys.argv[1]), nodes=int(sys.argv[2]), seconds=10.0, write=sys.stdout.write))
"""


def transcript(seed: int, nodes: int) -> str:
    text: list[str] = []
    assert simulate(seed=seed, nodes=nodes, seconds=10.0, write=text.append) == 0
    return "".join(text)


@pytest.mark.parametrize(("seed", "nodes"), [(1, 3), (2, 4), (3, 5)])
def test_a_seed_has_one_transcript_twice_in_a_process(seed: int, nodes: int):
    assert transcript(seed, nodes) == transcript(seed, nodes)


@pytest.mark.parametrize(("seed", "nodes"), [(4, 3), (5, 5)])
@pytest.mark.parametrize("hash_seed", ["1", "4711"])
def test_a_seed_has_one_transcript_in_another_process_with_another_hash_seed(seed: int, nodes: int, hash_seed: str):
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", PROGRAM, str(seed), str(nodes)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert sha256(done.stdout.encode()).hexdigest() == sha256(transcript(seed, nodes).encode()).hexdigest()


def test_another_seed_has_another_transcript():
    assert transcript(1, 3) != transcript(2, 3)


def test_running_in_many_steps_is_running_at_once():
    at_once, in_steps = Simulation(hostile(6, 3)), Simulation(hostile(6, 3))
    at_once.run(5)
    for _ in range(500):
        in_steps.run(0.01)
    assert in_steps.transcript == at_once.transcript
