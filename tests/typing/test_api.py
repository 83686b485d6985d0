"""A program that uses the public API as it should passes mypy, strict; one that does not fails."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
API = Path(__file__).parent / "api.py"

pytest.importorskip("mypy")


def check(path: Path) -> str:
    command = [sys.executable, "-m", "mypy", "--config-file", "setup.cfg", str(path)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=150, check=False).stdout


def test_right_uses_of_the_api_pass_and_wrong_ones_do_not():
    assert check(API) == "Success: no issues found in 1 source file\n"


def test_each_wrong_use_of_the_api_is_an_error(tmp_path):
    text = API.read_text(encoding="utf-8")
    wrong = tmp_path / "wrong.py"
    wrong.write_text(text.replace("# type: ignore[", "# not ignored: ["), encoding="utf-8")
    errors = [line for line in check(wrong).splitlines() if ": error: " in line]
    assert len(errors) == text.count("# type: ignore[") > 5
