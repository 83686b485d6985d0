from hypothesis import given
from hypothesis import strategies as st

from wire.protocol.limits import Limits
from wire.protocol.liveness_timer import LivenessTimer

LIMITS = Limits(keepalive_interval_s=1.0, idle_timeout_s=5.0)


def test_any_frame_of_a_one_way_link_postpones_the_keepalive() -> None:
    liveness_timer = LivenessTimer(LIMITS, 0.0, is_two_way=False)
    assert liveness_timer.until_keepalive_s(0.25) == 0.75
    liveness_timer.note_sent(1, 0.5)
    assert liveness_timer.until_keepalive_s(1.0) == 0.5
    assert liveness_timer.until_keepalive_s(1.5) == 0


def test_only_a_keepalive_of_a_two_way_link_postpones_the_next() -> None:
    liveness_timer = LivenessTimer(LIMITS, 0.0, is_two_way=True)
    liveness_timer.note_sent(1, 0.5)
    assert liveness_timer.until_keepalive_s(1.0) == 0
    liveness_timer.note_sent(1, 1.0, is_keepalive=True)
    assert liveness_timer.until_keepalive_s(1.0) == 1.0


def test_one_keepalive_is_due_after_a_pause() -> None:
    for is_two_way in (False, True):
        liveness_timer = LivenessTimer(LIMITS, 0.0, is_two_way=is_two_way)
        assert liveness_timer.until_keepalive_s(60.0) == 0
        liveness_timer.note_sent(1, 60.0, is_keepalive=True)
        assert liveness_timer.until_keepalive_s(60.0) == 1.0


def looked_at(liveness_timer: LivenessTimer, *, since: int, until: int) -> list[int]:
    """The seconds at which the other end is seen not to read, with a sign of life in each."""
    found = []
    for now in range(since, until):
        if liveness_timer.is_unread(float(now)):
            found.append(now)
        liveness_timer.note_sent(1, float(now), is_keepalive=True)
    return found


def test_end_that_never_reads_is_noticed_after_the_idle_timeout() -> None:
    assert looked_at(LivenessTimer(LIMITS, 0.0, is_two_way=True), since=0, until=8) == [5, 6, 7]
    assert looked_at(LivenessTimer(LIMITS, 0.0, is_two_way=False), since=0, until=60) == [], (
        "nobody tells on a one-way link"
    )


def test_any_progress_in_reading_counts() -> None:
    liveness_timer = LivenessTimer(LIMITS, 0.0, is_two_way=True)
    liveness_timer.note_sent(1_000, 0.0)
    for count in range(1, 10):
        assert looked_at(liveness_timer, since=4 * count - 4, until=4 * count) == []
        liveness_timer.note_read(count, 4.0 * count)
    liveness_timer.note_read(3, 37.0)  # that is no progress
    assert looked_at(liveness_timer, since=36, until=43) == [41, 42]


def test_time_in_which_this_end_was_suspended_does_not_count() -> None:
    liveness_timer = LivenessTimer(LIMITS, 0.0, is_two_way=True)
    assert looked_at(liveness_timer, since=0, until=3) == []
    assert not liveness_timer.is_unread(100.0), "its signs of life may wait in our own buffer"
    assert looked_at(liveness_timer, since=101, until=110)[0] <= 104


@given(st.lists(st.floats(0.0, 0.9), min_size=1, max_size=20))
def test_idle_link_outlives_ten_idle_timeouts(delays_s: list[float]) -> None:
    """Two ends with nothing to say, and a network that delays each sign of life a little."""
    ends = [LivenessTimer(LIMITS, 0.0, is_two_way=True) for _ in range(2)]
    said, heard_at = [0, 0], [0.0, 0.0]
    under_way: list[tuple[float, int, int]] = []
    for step in range(int(10 * LIMITS.idle_timeout_s * 10)):
        now = step / 10
        for at, to, count in [each for each in under_way if each[0] <= now]:
            under_way.remove((at, to, count))
            assert now - heard_at[to] < LIMITS.idle_timeout_s
            heard_at[to] = now
            ends[to].note_read(count, now)
        for place, liveness_timer in enumerate(ends):
            assert not liveness_timer.is_unread(now)
            if not liveness_timer.until_keepalive_s(now):
                said[place] += 1
                liveness_timer.note_sent(1, now, is_keepalive=True)
                other = 1 - place
                under_way.append((now + delays_s[step % len(delays_s)], other, max(0, said[other] - 1)))
    assert min(said) >= 10 * LIMITS.idle_timeout_s - 2


def test_write_is_stalled_after_its_timeout() -> None:
    liveness_timer = LivenessTimer(LIMITS, 0.0, is_two_way=False)
    assert not liveness_timer.is_write_stalled(LIMITS.write_timeout_s - 0.5)
    assert liveness_timer.is_write_stalled(LIMITS.write_timeout_s)
