import doctest
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import wire


def test_the_example_of_two_ends_runs() -> None:
    assert doctest.testmod(wire).attempted > 10
    assert doctest.testmod(wire).failed == 0


def programs() -> dict[str, str]:
    """The programs in the docstring, by name."""
    lines = re.findall(r"^    # (\w+\.py)\n((?:    (?!# ).*\n|\n)+)", wire.__doc__ or "", re.MULTILINE)
    return {name: textwrap.dedent(text) for name, text in lines}


def test_the_two_programs_of_the_docstring_talk_to_each_other(tmp_path: Path) -> None:
    found = programs()
    assert set(found) == {"bob.py", "ann.py"}
    for name, text in found.items():
        (tmp_path / name).write_text(text)
    environment = {"PYTHONPATH": str(Path(wire.__file__).parent.parent)}

    def run(name: str, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, str(tmp_path / name), *arguments], env=environment, stdout=subprocess.PIPE, text=True
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

    from wire.handshake import Bye, Heard, Hello, Proof, Reject, Welcome

    text = " ".join((wire.__doc__ or "").split())
    for kind in (Hello, Welcome, Reject, Proof, Bye, Heard):
        names = ", ".join(field.name for field in fields(kind))
        assert f'["{kind.__name__.lower()}", {names}]' in text
