import pytest

from elect.monitoring.peer_health import HISTORY_MAX, HealthChange, PeerHealth, PeerHealthLog
from wire.protocol.identity import LinkNumber

SECOND = 10**9
FIRST, SECOND_LINK = LinkNumber(1, 1), LinkNumber(2, 1)


class Bench:
    """A log of the health of peer b, with a clock in seconds."""

    def __init__(self) -> None:
        self.now = 0.0
        self.log = PeerHealthLog(SECOND, lambda: round(self.now * SECOND))

    def at(self, now: float) -> PeerHealthLog:
        self.now = now
        return self.log

    def hear(self, now: float) -> None:
        self.at(now).note_heard("b", round(now * SECOND))

    def health(self, now: float) -> PeerHealth:
        return self.at(now).health("b")

    def states(self, now: float) -> tuple[bool, bool]:
        health = self.health(now)
        return health.is_suspect, health.is_leaving

    def changes(self, now: float) -> list[tuple[float, str]]:
        return [(record.at / SECOND, record.change.value) for record in self.health(now).history]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_peer_that_was_never_heard_is_suspect(bench):
    assert bench.health(5) == PeerHealth(is_suspect=True)


def test_a_peer_is_suspect_after_a_support_duration(bench):
    bench.hear(1.0)
    bench.hear(1.5)
    assert not bench.health(2.5).is_suspect
    assert (bench.health(2.6).is_suspect, bench.health(2.6).last_heard_ns) == (True, round(1.1 * SECOND))
    assert bench.changes(2.6) == [(1.0, "heard"), (2.5, "suspect")]


def test_a_silence_is_dated_when_it_began_to_count(bench):
    bench.hear(1.0)
    bench.at(8.0).note_accepted("b", FIRST, is_direct=True)
    bench.hear(9.0)
    assert bench.changes(9.0) == [(1.0, "heard"), (2.0, "suspect"), (8.0, "connected"), (9.0, "heard")]


def test_neither_suspect_nor_leaving_hides_the_other(bench):
    bench.hear(1.0)
    bench.at(1.5).note_bye("b", FIRST)
    assert bench.states(1.5) == (False, True)
    assert bench.states(9.0) == (True, True)
    bench.hear(9.0)  # a message that was on its way
    assert bench.states(9.0) == (False, True)


def test_a_new_link_ends_leaving_alone(bench):
    bench.hear(1.0)
    bench.at(1.5).note_bye("b", FIRST)
    bench.at(9.0).note_accepted("b", SECOND_LINK, is_direct=True)
    assert bench.states(9.0) == (True, False)


def test_a_bye_on_a_former_link_says_nothing(bench):
    bench.at(1.0).note_accepted("b", SECOND_LINK, is_direct=True)
    bench.at(1.1).note_bye("b", FIRST)
    assert not bench.health(1.1).is_leaving


def test_the_history_is_bounded_and_keeps_the_latest(bench):
    for at in range(100):
        bench.log.note_support("b", at, is_supporting=at % 2 == 0)
    history = bench.health(1.0).history
    assert len(history) == HISTORY_MAX
    assert (history[-1].at, history[-1].change) == (99, HealthChange.UNSUPPORTED)


def test_a_forgotten_peer_leaves_nothing(bench):
    bench.hear(1.0)
    bench.log.note_round_trip("b", 0, 0, 5)
    bench.log.forget("b")
    assert bench.health(1.0) == PeerHealth()


def test_an_answer_that_is_repeated_is_no_round_trip(bench):
    """A peer that makes no new promise acknowledges its last one for a support duration; it holds that answer."""
    assert bench.at(1.2).note_round_trip("b", SECOND, SECOND, 12 * SECOND // 10) == SECOND // 5
    assert bench.log.note_round_trip("b", SECOND, SECOND, 19 * SECOND // 10) is None
    assert bench.health(1.9).round_trip_ns == SECOND // 5


def test_a_round_trip_is_shown_for_a_support_duration(bench):
    bench.log.note_round_trip("b", SECOND, SECOND, 12 * SECOND // 10)
    assert [bench.health(now).round_trip_ns for now in (2.2, 2.3)] == [SECOND // 5, None]


def test_the_content_has_json_types_in_seconds(bench):
    bench.hear(1.0)
    bench.log.note_round_trip("b", SECOND, SECOND, SECOND + 2_000_000)
    assert bench.health(1.5).to_dict() == {
        "last_heard": 0.5,
        "round_trip": 0.002,
        "is_suspect": False,
        "is_leaving": False,
        "is_direct": None,
        "clock_drift": None,
        "history": [{"at": 1.0, "change": "heard"}],
    }


def test_the_clock_is_compared_until_the_peer_starts_again(bench):
    bench.at(0.0).note_accepted("b", FIRST, is_direct=False)
    for second in (0, 1):
        bench.log.note_round_trip("b", second * SECOND, second * SECOND * 11 // 10, second * SECOND)
    assert bench.health(1.0).to_dict()["clock_drift"] == pytest.approx({"least": 0.1, "most": 0.1})
    assert bench.health(1.0).is_direct is False
    bench.log.note_accepted("b", SECOND_LINK, is_direct=True)
    assert (bench.health(1.0).drift, bench.health(1.0).is_direct) == (None, True)
