from wire.common.log import INTERVAL_S, SUBJECTS_MAX, LogThrottle


def test_one_line_of_a_subject_passes_in_each_interval() -> None:
    log_throttle = LogThrottle()
    assert log_throttle.admit_line("a", 0.0) == 0
    assert log_throttle.admit_line("b", 0.0) == 0
    assert [log_throttle.admit_line("a", INTERVAL_S - 1) for _ in range(3)] == [None] * 3
    assert log_throttle.admit_line("a", INTERVAL_S) == 3
    assert log_throttle.admit_line("b", INTERVAL_S) == 0
    assert log_throttle.admit_line("a", 2 * INTERVAL_S) == 0


def test_number_of_subjects_in_an_interval_is_bounded() -> None:
    log_throttle = LogThrottle()
    passed = [log_throttle.admit_line(each, 0.0) for each in range(10 * SUBJECTS_MAX)]
    assert passed == [0] * SUBJECTS_MAX + [None] * 9 * SUBJECTS_MAX
    assert log_throttle.admit_line("late", INTERVAL_S) == 0
