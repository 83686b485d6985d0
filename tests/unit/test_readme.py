"""The README's examples that need no cluster do what they say."""

import re
from pathlib import Path

import pytest

README = (Path(__file__).parent.parent.parent / "README.md").read_text()
EXAMPLES = [
    block for block in re.findall(r"^```python\n(.*?)^```$", README, re.DOTALL | re.MULTILINE) if "testing" in block
]


def test_the_readme_stays_short_and_has_its_examples():
    assert len(README.splitlines()) <= 200
    assert len(EXAMPLES) == 2


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.splitlines()[0])
def test_example_of_the_readme_runs(example):
    exec(compile(example, "README.md", "exec"), {})
