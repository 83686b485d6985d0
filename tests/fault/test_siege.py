"""Attacks on live clusters: briefly here, for a minute each by `make slow` and by `python -m tests.fault.siege`."""

import pytest

from tests.fault.siege import ATTACKS, LETTING_IN
from tests.fault.siege.field import besiege, besieged
from tests.fault.siege.machine_stall import STALL_S

pytestmark = pytest.mark.alone

BRIEF_S = 1.0
LONG_S = 60.0

TRIES_MAX = 3
"""An attack is repeated when the machine stood still meanwhile."""

BRIEF = [
    "opened and closed",
    "dribbled",
    "largest frames",
    "clients flood",
    "clients speak as nodes",
    "replayed, keyed",
    "flipped, followers",
    "flipped, leader",
    "wrong certificate",
]
"""Other tests cover the other attacks, or `make slow` does."""


def attack_all(kind: str, names: list[str], seconds: float) -> None:
    with besieged(kind) as ground:
        for name in names:
            if ATTACKS[name][0] == kind:
                for _ in range(TRIES_MAX):
                    result = besiege(ground, ATTACKS[name][1], seconds, lets_in=name in LETTING_IN)
                    if result.stalled_s < STALL_S:
                        break
                assert result.problems == [], (name, f"the machine stood still for {result.stalled_s} s at most")
                assert result.done.total() > 0, name


@pytest.mark.long
@pytest.mark.parametrize("kind", ["plain", "keyed", "tls"])
def test_brief_attacks_change_no_leader_and_no_term(kind: str) -> None:
    attack_all(kind, BRIEF, BRIEF_S)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["plain", "keyed", "tls"])
def test_a_minute_of_each_attack_changes_nothing_either(kind: str) -> None:
    attack_all(kind, list(ATTACKS), LONG_S)
