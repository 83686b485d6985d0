"""Two processes whose two-way link is full in both directions: briefly here, for a minute by `make slow`."""

from pathlib import Path

import pytest

from tests.fault.saturation import KINDS, saturate

pytestmark = pytest.mark.long


@pytest.mark.parametrize("seconds", [2.0, pytest.param(60.0, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", KINDS)
def test_link_full_in_both_directions_goes_on_and_does_not_grow(kind: str, seconds: float, tmp_path: Path) -> None:
    assert saturate(seconds, kind, tmp_path, print) == []
