"""A lease that its own holder cuts short: it says so, to the nanosecond, and may come back in the same term."""

from elect.core.messages import Follow, Heartbeat, Lead
from elect.core.ready import Elected, LossReason, Lost
from elect.testing.stage import ELECTION
from tests.scenarios.test_traces import MS, acknowledge_under_way, bare_quorum


def test_a_lease_that_a_close_cut_short_ended_at_the_close_and_not_when_others_had_gone():
    stage = bare_quorum()
    acknowledge_under_way(stage)
    stage.actors["a"].events.clear()
    stage.close("a", "b")
    lost = [event for event in stage.actors["a"].events if isinstance(event, Lost)]
    assert lost == [Lost(election=ELECTION, term=1, at=stage.now, reason=LossReason.LEASE_LAPSED)]


def test_the_leader_has_two_intervals_to_come_back_after_a_redial():
    stage = bare_quorum()
    acknowledge_under_way(stage)
    stage.close("a", "b")
    stage.actors["a"].events.clear()
    stage.wait(50 * MS)
    stage.dial("a", "b")
    stage.deliver("a", "b", Heartbeat)
    stage.deliver_all([("b", "a")])
    stage.deliver("a", "b", Lead, 1)
    stage.deliver("b", "a", Follow, 1)
    assert stage.holders() == ["a"]
    elected = [event for event in stage.actors["a"].events if isinstance(event, Elected)]
    assert elected == [Elected(election=ELECTION, term=1, at=stage.now)]


def test_two_heartbeats_of_one_moment_are_both_heard():
    """A clock that ticks slowly must not cost an interval: the later one says what changed."""
    stage = bare_quorum()
    stage.close("a", "b")
    stage.dial("a", "b")
    stage.deliver("a", "b", Heartbeat)
    sent = [frame for frame in stage.actors["b"].under_way["a"] if frame.holds(Heartbeat, None)]
    assert len(sent) == 2
    stage.deliver_all([("b", "a")])
    assert stage.actors["a"].table.counted["b"] > stage.now
