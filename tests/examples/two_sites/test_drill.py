"""The disaster drill, as a test: each variant, once."""

from pathlib import Path

import pytest

from tests.examples.two_sites import drill

REST = ("killed", "unseen")


@pytest.mark.parametrize(
    "variant",
    [pytest.param("cut", marks=pytest.mark.long), *(pytest.param(each, marks=pytest.mark.slow) for each in REST)],
)
def test_no_write_of_a_deposed_leader_is_accepted(variant: str, tmp_path: Path) -> None:
    report = drill.run(variant, tmp_path, is_whole=variant == "killed")
    assert report.refused > 0
    assert report.accepted["two"] > 0


@pytest.mark.long
def test_a_planned_move_seals_the_first_site(tmp_path: Path) -> None:
    """Nothing is refused: no leader is left in an old term. Then the first site follows the second one."""
    report = drill.run("planned", tmp_path)
    assert report.was_sealed and report.refused == 0
    assert report.accepted["two"] > 0
