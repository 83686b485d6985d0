"""The counts of the steps, which wait until no input does."""

from elect.core.events import FailedBack, PeerDismissed
from elect.monitoring.peer_health import PeerHealthLog
from elect.runtime.step_counts import COUNTED_MAX, UNCOUNTED_MAX, StepCounts

EVENT = FailedBack(election="e", term=1, successor="b", at=0)


class Desk:
    """The metrics."""

    def __init__(self) -> None:
        self.log: list = []
        self.counts = StepCounts(self, PeerHealthLog(10**9, lambda: 0))

    def observe(self, event: object) -> None:
        self.log.append(event)

    def observe_ignored(self, entries: int) -> None:
        self.log.append(entries)

    def observe_round_trip(self, peer: str, took_ns: int) -> None:
        self.log.append((peer, took_ns))

    def observe_loop_lag(self, lag_ns: int) -> None: ...

    def observe_store_write(self, took_ns: int) -> None: ...

    def count_bug(self) -> None: ...


def test_too_many_events_are_counted_although_something_waits():
    desk = Desk()
    desk.counts.observe_events((EVENT,) * (UNCOUNTED_MAX + 1))
    assert desk.log == [EVENT] * COUNTED_MAX


def test_many_events_are_counted_a_part_at_each_tick():
    desk = Desk()
    desk.counts.observe_events((EVENT,) * (COUNTED_MAX + 1))
    assert desk.log == []
    desk.counts.observe_tick(0)
    assert desk.log == [EVENT] * COUNTED_MAX
    desk.counts.observe_tick(0)
    assert desk.log == [EVENT] * (COUNTED_MAX + 1)


def test_what_is_ignored_is_counted_and_said_once(caplog):
    desk = Desk()
    for ignored in (0, 3, 3, 5):
        desk.counts.observe_ignored(ignored)
    assert desk.log == [3, 2]
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_an_answer_that_a_peer_repeats_is_counted_once():
    desk = Desk()
    for now in (10, 900):
        desk.counts.observe_round_trip("b", 3, 5, now)
        desk.counts.observe_ignored(0)
    assert desk.log == [("b", 7)]


def test_round_trips_end_with_the_membership():
    desk = Desk()
    for peer in "bc":
        desk.counts.observe_round_trip(peer, 3, 5, 10)
    desk.counts.observe_events((dismissed := PeerDismissed(peer="b", at=0),))
    desk.counts.observe_tick(0)
    desk.counts.observe_ignored(0)
    assert desk.log == [dismissed, ("c", 7)]
