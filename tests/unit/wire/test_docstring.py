import doctest
import subprocess
import sys
from pathlib import Path

import pytest

import wire


def test_the_example_of_two_ends_runs() -> None:
    assert doctest.testmod(wire).attempted > 10
    assert doctest.testmod(wire).failed == 0


@pytest.fixture
def alone(tmp_path: Path) -> dict[str, str]:
    """An environment in which this package can be imported, and no other of this project."""
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "wire").symlink_to(Path(wire.__file__).parent)
    return {"PYTHONPATH": str(tmp_path / "packages"), "PYTHONDONTWRITEBYTECODE": "1"}


def test_the_package_loads_nothing_that_only_some_of_its_users_need(alone: dict[str, str]) -> None:
    names = {"elect", "ssl", "cryptography", "prometheus_client"}
    code = f"import sys, wire; print({names!r} & sys.modules.keys() or 'none', wire.__file__)"
    call = [sys.executable, "-c", code]
    away = alone["PYTHONPATH"]
    ended = subprocess.run(call, env=alone, cwd=away, check=True, capture_output=True, text=True, timeout=30)
    assert ended.stdout.split() == ["none", f"{away}/wire/__init__.py"]
