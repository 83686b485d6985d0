"""Two processes whose two-way link is full in both directions: briefly here, for a minute by `make slow`."""

import secrets
from pathlib import Path

import pytest

from tests.fault.saturation import saturate


@pytest.mark.parametrize("seconds", [2.0, pytest.param(60.0, marks=pytest.mark.slow)])
@pytest.mark.parametrize("is_keyed", [False, True])
def test_a_link_full_both_ways_never_stands_still_and_does_not_grow(
    is_keyed: bool, seconds: float, tmp_path: Path
) -> None:
    key = tmp_path / "key" if is_keyed else None
    if key is not None:
        key.write_text(secrets.token_hex(32))
        key.chmod(0o600)
    assert saturate(seconds, key, print) == []
