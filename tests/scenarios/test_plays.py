"""Every play goes as it is written."""

from pathlib import Path

import pytest

from tests.scenarios.language.play import difference, perform

PLAYS = sorted((Path(__file__).parent / "plays").glob("*.play"))


def check(path: Path, *, is_rewriting: bool) -> None:
    """Perform a play and compare it with what is written, or write it down."""
    performed = perform(path)
    if is_rewriting:
        path.write_text(performed, encoding="utf-8")
    if differing := difference(path, performed):
        advice = "if it is as meant, `pytest tests/scenarios --rewrite`"
        pytest.fail(f"{path}: not as written; {advice}\n{differing}", pytrace=False)


@pytest.mark.parametrize("path", PLAYS, ids=lambda path: path.stem)
def test_play_goes_as_written(path: Path, request: pytest.FixtureRequest):
    check(path, is_rewriting=request.config.getoption("--rewrite", default=False))
