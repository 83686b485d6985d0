"""One seed has one transcript: in one process, with another hash seed, and with another version of Python."""

import os
import subprocess
import sys
from hashlib import sha256

import pytest

from elect.testing import Simulation, hostile, simulate

pytestmark = pytest.mark.long

PROGRAM = """
import sys
from types import ModuleType
if sys.argv[3]:
    sys.modules["cbor2"] = ModuleType("cbor2")  # compiled for one Python only; these worlds don't encode
from elect.testing import simulate

raise SystemExit(simulate(seed=int(sys.argv[1]), nodes=int(sys.argv[2]), seconds=10.0, write=sys.stdout.write))
"""
PYTHONS = ("python3.11", "python3.12", "python3.13", "python3.14")


def transcript(seed: int, nodes: int) -> str:
    text: list[str] = []
    assert simulate(seed=seed, nodes=nodes, seconds=10.0, write=text.append) == 0
    return "".join(text)


def elsewhere(python: str, seed: int, nodes: int, *, hash_seed: str, is_plain: bool = False) -> str:
    """The digest of what another process writes; `is_plain`: without what is compiled for this Python."""
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
    if is_plain:
        plain = [path for path in sys.path if path.endswith("site-packages") or not path.startswith(sys.base_prefix)]
        environment["PYTHONPATH"] = os.pathsep.join(plain)
    command = [python, "-c", PROGRAM, str(seed), str(nodes), "plain" if is_plain else ""]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return sha256(done.stdout.encode()).hexdigest()


def is_encoded(seed: int, nodes: int) -> bool:
    return hostile(seed, nodes).is_encoded


@pytest.mark.parametrize(("seed", "nodes"), [(1, 3), (2, 4), (3, 5)])
def test_a_seed_has_one_transcript_twice_in_a_process(seed: int, nodes: int):
    assert transcript(seed, nodes) == transcript(seed, nodes)


@pytest.mark.parametrize("hash_seed", ["1", "4711"])
def test_another_hash_seed_has_the_same_transcript(hash_seed: str):
    encoded = next(seed for seed in range(100) if is_encoded(seed, 3))
    for seed, nodes in ((4, 3), (5, 5), (encoded, 3)):
        digest = elsewhere(sys.executable, seed, nodes, hash_seed=hash_seed)
        assert digest == sha256(transcript(seed, nodes).encode()).hexdigest()


@pytest.mark.parametrize("python", PYTHONS)
def test_a_seed_has_one_transcript_with_every_python(python: str):
    try:
        subprocess.run([python, "-c", ""], capture_output=True, check=True, timeout=60)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"{python} does not run here: {error}")
    plain = [(seed, nodes) for nodes in (3, 4, 5) for seed in range(20) if not is_encoded(seed, nodes)]
    for seed, nodes in plain[:: len(plain) // 4]:
        digest = elsewhere(python, seed, nodes, hash_seed="7", is_plain=True)
        assert digest == sha256(transcript(seed, nodes).encode()).hexdigest()


def test_another_seed_has_another_transcript():
    assert transcript(1, 3) != transcript(2, 3)


def test_running_in_many_steps_is_running_at_once():
    at_once, in_steps = Simulation(hostile(6, 3)), Simulation(hostile(6, 3))
    at_once.run(5)
    for _ in range(500):
        in_steps.run(0.01)
    assert in_steps.transcript == at_once.transcript
