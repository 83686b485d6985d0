import random

import pytest

from wire.common.backoff import Backoff


class Longest(random.Random):
    def uniform(self, a: float, b: float) -> float:
        return max(a, b)


def test_waits_double_up_to_the_bound_until_a_success() -> None:
    backoff = Backoff(0.05, 0.3, Longest())
    assert [backoff.next_s() for _ in range(5)] == pytest.approx([0.05, 0.1, 0.2, 0.3, 0.3])
    backoff.reset()
    assert backoff.next_s() == pytest.approx(0.05)


def test_after_a_refusal_for_good_only_the_longest_wait() -> None:
    backoff = Backoff(0.05, 0.3, Longest())
    backoff.give_up()
    assert backoff.next_s() == pytest.approx(0.3)


def test_jitter_shortens_by_at_most_half() -> None:
    waits = {Backoff(1.0, 2.0, random.Random(seed)).next_s() for seed in range(100)}
    assert len(waits) > 50
    assert min(waits) >= 0.5
    assert max(waits) <= 1.0
