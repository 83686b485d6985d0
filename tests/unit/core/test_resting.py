"""A node that resigns repeatedly, soon after it was elected, rests before it is a candidate again."""

import pytest

from elect.core.events import LossReason, Role
from elect.core.rules import leading
from elect.core.snapshot import WhyNoLeader
from tests.unit.core.desk import INTERVAL, MS, Desk

S = 1_000 * MS
LONGEST = leading.REST_NS << leading.REST_DOUBLINGS


class Alone(Desk):
    """A cluster of one, which leads as soon as it may."""

    def lead(self) -> int:
        """Lead again and return the time that took."""
        begun = self.now
        self.written()
        while self.election.leadership is None:
            self.tick(max(0, self.latest.wake_at - self.now))
            self.written()
        return self.now - begun

    def give_up(self, how: str = "resign", held: int = 0) -> None:
        """End a leadership in one of the ways that its holder has, after it was held for this long."""
        self.tick(held)
        elector = self.elector
        match how:
            case "resign":
                self.take(elector.resign(self.now, "default"))
            case "work":
                self.take(elector.resign(self.now, "default", reason=LossReason.WORK_FAILED))
            case "leave":
                self.take(elector.leave(self.now, "default", LossReason.RESIGNED))
                self.take(elector.enter(self.now, "default"))
            case "pause":
                self.take(elector.set_paused(self.now, is_paused=True))
                self.take(elector.set_paused(self.now, is_paused=False))
            case "health":
                self.take(elector.set_healthy(self.now, is_healthy=False))
                self.take(elector.set_healthy(self.now, is_healthy=True))
            case "priority":
                self.take(elector.set_rank(self.now, priority=0))
                self.take(elector.set_rank(self.now, priority=1))
        self.take(elector.acknowledge(self.now, "default", self.election.term))


@pytest.fixture
def alone():
    return Alone(voters="b")


@pytest.mark.parametrize("how", ["resign", "work", "leave", "pause", "health", "priority"])
def test_each_way_of_giving_up_has_a_pace(alone, how):
    """The first few are free; then the waits double up to a bound, each at least half of it."""
    waits = []
    for _ in range(20):
        alone.lead()
        alone.give_up(how)
        waits.append(alone.lead())
    assert all(wait <= INTERVAL for wait in waits[: leading.QUICK_FREE])
    assert all(wait >= LONGEST // 2 for wait in waits[10:])
    assert max(waits) <= LONGEST


def test_leadership_held_for_a_while_is_not_followed_by_a_rest(alone):
    """A node that leads for long enough may resign any number of times."""
    for held in (0, 0, 0, 0, 0, leading.QUICK_NS, leading.QUICK_NS):
        alone.lead()
        alone.give_up(held=held)
    assert alone.lead() <= INTERVAL


def test_short_leaderships_that_come_seldom_are_not_delayed(alone):
    """A short job every two seconds is no loop."""
    for _ in range(20):
        assert alone.lead() <= INTERVAL
        alone.give_up()
        alone.tick(2 * S)


def test_a_rest_is_said_to_be_the_reason_why_nobody_leads(alone):
    """The reason why no node leads names the rest."""
    for _ in range(leading.QUICK_FREE + 2):
        alone.lead()
        alone.give_up()
    assert alone.election.role is Role.FOLLOWER
    assert alone.elector.snapshot(alone.now).elections[0].waiting is WhyNoLeader.RESTING


def test_a_leadership_that_never_had_a_lease_costs_no_rest():
    """The node had nothing to resign when the others did not follow."""
    desk = Desk().elected()
    leading.resign(desk.elector.state, desk.election, LossReason.NO_LEASE)
    assert (desk.election.quick, desk.election.rests_until) == (0, 0)
