"""The waits between dials, with a clock and a random generator that the test gives."""

from random import Random

import pytest

from elect.clock import NS_PER_S
from elect.mirror.source_backoff import HELD_NS, SourceBackoff
from wire.protocol.address import Address

ONE = [Address("10.0.0.1", 1)]
THREE = [Address(f"10.0.0.{number}", 1) for number in (1, 2, 3)]


class Middle(Random):
    """A generator that draws the middle."""

    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


def waits(backoff: SourceBackoff, count: int, now: int = 0) -> list[float]:
    found = []
    for _ in range(count):
        backoff.next_address()
        found.append(backoff.wait_ns(now) / NS_PER_S)
    return found


def test_the_waits_double_from_half_a_second_to_thirty():
    assert waits(SourceBackoff(ONE, Middle()), 9) == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


@pytest.mark.parametrize("seed", range(20))
def test_each_wait_differs_by_a_quarter_at_most(seed: int):
    found = waits(SourceBackoff(ONE, Random(seed)), 9)
    ratios = [wait / whole for wait, whole in zip(found, [0.5, 1, 2, 4, 8, 16, 30, 30, 30], strict=True)]
    assert all(0.75 <= ratio <= 1.25 for ratio in ratios)
    assert len({*ratios}) == len(ratios)


def test_all_nodes_are_dialed_before_a_wait():
    backoff = SourceBackoff(THREE, Middle())
    dialed = []
    for _ in range(7):
        dialed.append((str(backoff.next_address())[7], backoff.wait_ns(0) / NS_PER_S))
    assert dialed == [("1", 0), ("2", 0), ("3", 0.5), ("1", 0), ("2", 0), ("3", 1), ("1", 0)]


def test_a_link_that_held_begins_with_the_shortest_wait():
    backoff = SourceBackoff(ONE, Middle())
    assert waits(backoff, 5)[-1] == 8
    backoff.next_address()
    backoff.note_opened(100)
    assert backoff.wait_ns(100 + HELD_NS - 1) == 16 * NS_PER_S  # it did not hold
    backoff.next_address()
    backoff.note_opened(100)
    assert backoff.wait_ns(100 + HELD_NS) == NS_PER_S // 2
    assert backoff.attempts == 0
    assert waits(backoff, 2) == [1, 2]


def test_other_nodes_come_first_after_a_link_that_held():
    backoff = SourceBackoff(THREE, Middle())
    backoff.next_address()
    backoff.note_opened(0)
    assert backoff.wait_ns(HELD_NS) == 0
    assert str(backoff.next_address()).startswith("10.0.0.2")
    assert backoff.wait_ns(HELD_NS) == 0
    assert str(backoff.next_address()).startswith("10.0.0.3")
    assert backoff.wait_ns(HELD_NS) == NS_PER_S // 2


def test_a_clock_that_jumps_back_is_no_link_that_held():
    backoff = SourceBackoff(ONE, Middle())
    waits(backoff, 3)
    backoff.next_address()
    backoff.note_opened(HELD_NS * 10)
    assert backoff.wait_ns(0) == 4 * NS_PER_S
