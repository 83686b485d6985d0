"""Majorities and deadlines against simple second implementations."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from elect.core.options import Timing
from elect.core.quorum import FOREVER, is_quorum, majority, nth_largest
from elect.core.state.deadlines import Deadlines


@given(st.integers(1, 9))
def test_any_two_majorities_share_a_voter(voters):
    size = majority(voters)
    assert all(
        set(one) & set(other)
        for one in combinations(range(voters), size)
        for other in combinations(range(voters), size)
    )
    assert not is_quorum(size - 1, voters)
    assert is_quorum(size, voters)


def test_nobody_is_a_quorum_of_nobody():
    assert not is_quorum(0, 0)


@given(st.lists(st.integers(0, 100), max_size=9), st.integers(0, 10), st.integers(0, 100))
def test_nth_largest_is_until_when_n_hold(ends, n, at):
    assert (at < nth_largest(ends, n)) == (sum(end > at for end in ends) >= n)


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 50)), max_size=60), st.integers(0, 60))
def test_deadlines_are_due_in_order_and_once(changes, now):
    deadlines, twin = Deadlines(), {}
    for name, at in changes:
        deadlines.set(name, at if at < 45 else FOREVER)
        twin[name] = at if at < 45 else FOREVER
    assert deadlines.next_at == min(twin.values(), default=FOREVER)
    due = sorted((at, name) for name, at in twin.items() if at <= now and at < FOREVER)
    assert deadlines.take_due(now) == [name for _, name in due]
    assert deadlines.take_due(now) == []


@given(st.integers(1, 10**12), st.integers(0, 200_000), st.integers(0, 200_000))
def test_counted_support_ends_before_the_promise_on_any_clocks(duration, fast, slow):
    drift = max(fast, slow)
    timing = Timing(drift_ppm=drift)
    counted_true_time = timing.counted_ns(duration) * (1_000_000 + drift // 2)
    promised_true_time = timing.promised_ns(duration) * (1_000_000 - drift // 2)
    assert counted_true_time <= promised_true_time
