from elect.monitoring.recent_maximum import WINDOW_NS, RecentMaximum


def test_a_value_counts_for_one_to_two_windows():
    lags = RecentMaximum()
    assert lags.value == 0
    lags.note(7, WINDOW_NS)
    lags.note(-3, 2 * WINDOW_NS - 1)
    assert lags.value == 7
    lags.note(5, 2 * WINDOW_NS)
    assert lags.value == 7
    lags.note(1, 3 * WINDOW_NS)
    assert lags.value == 5
    lags.note(0, 9 * WINDOW_NS)
    assert lags.value == 0
