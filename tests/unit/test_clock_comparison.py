import pytest
from hypothesis import given
from hypothesis import strategies as st

from elect.monitoring.clock_comparison import WINDOW_NS, ClockComparison, ClockDrift

SECOND = 10**9
delays = st.integers(0, SECOND)


def compared(rate: float, seconds: int, *, delay: int = 0, epoch: int = 77 * SECOND) -> ClockDrift | None:
    """Bounds after stamps of a clock that runs at this rate, every second."""
    comparison = ClockComparison()
    for at in range(0, (seconds + 1) * SECOND, SECOND):
        comparison.note(at, epoch + round(rate * (at + delay)), at + 2 * delay)
    return comparison.drift()


def test_one_stamp_says_nothing():
    assert ClockComparison().drift() is None
    assert compared(1.0, 0, delay=SECOND // 10) is None


@pytest.mark.parametrize("rate", [0.97, 1.0, 1.03])
def test_the_bounds_close_in_on_the_rate(rate):
    drift = compared(rate, 100, delay=SECOND // 10)
    assert drift.least <= rate - 1 <= drift.most
    assert drift.most - drift.least < 0.01
    assert (drift.proven > 0.02) == (rate != 1.0)


@given(st.floats(0.5, 2.0), st.lists(st.tuples(delays, delays, delays), min_size=2, max_size=20))
def test_no_delay_makes_a_bound_wrong(rate, heartbeats):
    comparison, at = ClockComparison(), 0
    for pause, onward, back in heartbeats:
        at += pause
        comparison.note(at, round(rate * (at + onward)), at + onward + back)
        at += onward + back
    drift = comparison.drift()
    assert drift is None or drift.least - 1e-6 <= rate - 1 <= drift.most + 1e-6


def test_a_clock_that_changes_its_speed_is_seen_later():
    comparison, stamp = ClockComparison(), 0
    for second in range(4 * WINDOW_NS // SECOND):
        stamp += SECOND if second * SECOND < WINDOW_NS else round(1.05 * SECOND)
        comparison.note(second * SECOND, stamp, second * SECOND)
    assert comparison.drift().proven == pytest.approx(0.05)


def test_the_clock_of_a_later_start_is_another_one():
    comparison = ClockComparison()
    comparison.note(0, 5 * SECOND, 0)
    comparison.note(SECOND, 6 * SECOND, SECOND)
    comparison.reset()
    assert comparison.drift() is None
    comparison.note(2 * SECOND, 0, 2 * SECOND)
    comparison.note(3 * SECOND, SECOND, 3 * SECOND)
    assert comparison.drift().proven == 0.0
