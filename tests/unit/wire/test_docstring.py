import doctest
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import wire


def test_the_example_of_two_ends_runs() -> None:
    assert doctest.testmod(wire).attempted > 10
    assert doctest.testmod(wire).failed == 0


def programs() -> dict[str, str]:
    """The programs in the docstring, by name."""
    lines = re.findall(r"^    # (\w+\.py)\n((?:    (?!# ).*\n|\n)+)", wire.__doc__ or "", re.MULTILINE)
    return {name: textwrap.dedent(text) for name, text in lines}


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


def test_the_two_programs_of_the_docstring_talk_to_each_other(tmp_path: Path, alone: dict[str, str]) -> None:
    found = programs()
    assert set(found) == {"bob.py", "ann.py"}
    for name, text in found.items():
        (tmp_path / name).write_text(text)

    def run(name: str, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, str(tmp_path / name), *arguments], env=alone, stdout=subprocess.PIPE, text=True
        )

    with run("bob.py") as bob:
        try:
            assert bob.stdout is not None
            with run("ann.py", bob.stdout.readline().strip()) as ann:
                assert ann.communicate(timeout=30)[0] == "Answer(text='ARE YOU THERE?')\n"
            assert bob.communicate(timeout=30)[0] == "thank you\n"
        finally:
            bob.kill()
    assert ann.returncode == bob.returncode == 0


def test_the_docstring_names_every_field_of_the_handshake() -> None:
    from dataclasses import fields

    from wire.protocol.handshake import Bye, Heard, Hello, Proof, Reject, Welcome

    text = " ".join((wire.__doc__ or "").split())
    for kind in (Hello, Welcome, Reject, Proof, Bye, Heard):
        names = ", ".join(field.name for field in fields(kind))
        assert f'["{kind.__name__.lower()}", {names}]' in text
