"""Every play has the output that its file says."""

from pathlib import Path

import pytest

from tests.scenarios.language.play import difference, perform

PLAYS = sorted((Path(__file__).parent / "plays").glob("*.play"))
assert PLAYS


@pytest.mark.parametrize("path", PLAYS, ids=lambda path: path.stem)
def test_play_goes_as_written(path: Path, request: pytest.FixtureRequest):
    performed = perform(path)
    if request.config.getoption("--rewrite", default=False):
        path.write_text(performed, encoding="utf-8")
    if differing := difference(path, performed):
        pytest.fail(f"{path} differs; if that is right, `pytest tests/scenarios --rewrite`\n{differing}", pytrace=False)
