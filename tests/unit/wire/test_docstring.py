import doctest
import importlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import wire

EXAMPLES = ["wire", *(f"wire.protocol.{name}" for name in ("address", "codec", "frame", "keys", "limits"))]


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_run(name: str) -> None:
    module = importlib.import_module(name)
    result = doctest.testmod(module, extraglobs={"dataclass": dataclass})
    assert result.attempted >= 2
    assert result.failed == 0


@pytest.fixture
def alone(tmp_path: Path) -> dict[str, str]:
    """An environment in which this package can be imported, and no other of this project."""
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "wire").symlink_to(Path(wire.__file__).parent)
    return {"PYTHONPATH": str(tmp_path / "packages"), "PYTHONDONTWRITEBYTECODE": "1"}


def test_package_loads_nothing_that_only_some_users_need(alone: dict[str, str]) -> None:
    names = {"elect", "ssl", "cryptography", "prometheus_client"}
    code = f"import sys, wire; print({names!r} & sys.modules.keys() or 'none', wire.__file__)"
    call = [sys.executable, "-c", code]
    away = alone["PYTHONPATH"]
    ended = subprocess.run(call, env=alone, cwd=away, check=True, capture_output=True, text=True, timeout=30)
    assert ended.stdout.split() == ["none", f"{away}/wire/__init__.py"]
