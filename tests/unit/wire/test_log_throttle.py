from wire.common.log_throttle import INTERVAL_S, SUBJECTS_MAX, LogThrottle


def test_one_of_a_kind_passes_in_an_interval_and_tells_of_the_others() -> None:
    log_throttle = LogThrottle()
    assert log_throttle.take("a", 0.0) == 0
    assert log_throttle.take("b", 0.0) == 0
    assert [log_throttle.take("a", INTERVAL_S - 1) for _ in range(3)] == [None] * 3
    assert log_throttle.take("a", INTERVAL_S) == 3
    assert log_throttle.take("b", INTERVAL_S) == 0
    assert log_throttle.take("a", 2 * INTERVAL_S) == 0


def test_so_many_kinds_pass_and_no_more_until_the_interval_is_over() -> None:
    log_throttle = LogThrottle()
    passed = [log_throttle.take(each, 0.0) for each in range(10 * SUBJECTS_MAX)]
    assert passed == [0] * SUBJECTS_MAX + [None] * 9 * SUBJECTS_MAX
    assert log_throttle.take("late", INTERVAL_S) == 0
