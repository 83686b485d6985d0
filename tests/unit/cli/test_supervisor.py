"""The pure part of the supervisor of `elect exec`."""

import pytest

from elect.cli.executing.supervisor import NEVER, TURN_MS, wait_ms

MS = 1_000_000
NOW = 1_000 * MS


@pytest.mark.parametrize(
    ("deadlines", "expected"),
    [
        ([], TURN_MS),
        ([NEVER], TURN_MS),
        ([NOW + 7 * MS, NEVER], 7),
        ([NOW + 7 * MS, NOW + 3 * MS], 3),
        ([NOW - MS, NOW], TURN_MS),
        ([NOW - MS, NOW + 5 * MS], 5),
    ],
)
def test_a_wait_ends_at_the_next_deadline(deadlines, expected):
    """One that is over is waited for no more, and no wait is longer than a turn."""
    assert wait_ms(NOW, TURN_MS, deadlines) == expected
