"""PROTOCOL.md, section 6, "Asking at once" and "Holding a Vote"."""

import pytest

from elect.core.events import Campaigned, Role, Voted
from elect.core.messages import Abandon, Grant, Lead, Number, RefusalReason, Standing
from tests.unit.core.desk import MS, TURN, Desk, vote

WILLING = Standing()
LINK = Number(1, 1)


def following(c: Standing = WILLING) -> Desk:
    """A node that follows "a"; "c" says that it follows "a", too, and supports it."""
    desk = Desk().following("a", 3)
    desk.take(desk.elector.set_paused(desk.now, is_paused=False))
    desk.beat("a", supports="bc", standing=Standing(offset=9))
    desk.beat("c", supports="ab", standing=c)
    desk.know("c", "a", term=3)
    return desk


def ended(desk: Desk, *, is_end_of_stream: bool = True, is_announced: bool = False) -> Desk:
    desk.take(desk.elector.link_ended(desk.now, "a", LINK, is_end_of_stream, is_announced))
    return desk


def test_the_first_in_the_order_asks_at_once():
    desk = ended(following())
    assert desk.entries("c") == [vote(4)]


def test_after_a_bye_nobody_asks_at_once():
    assert ended(following(), is_announced=True).election.role is Role.FOLLOWER


def test_after_a_reset_nobody_asks_at_once():
    assert ended(following(), is_end_of_stream=False).election.role is Role.FOLLOWER


def test_the_second_in_the_order_does_not_ask_at_once():
    desk = ended(following(c=Standing(priority=2)))
    desk.tick(TURN - MS)
    desk.beat("c", supports="ab", standing=WILLING)
    assert desk.election.role is Role.FOLLOWER, "the first one now, but too late"


def test_a_leader_that_dialed_again_is_not_dead():
    desk = following(c=Standing(priority=2))
    ended(desk)
    desk.take(desk.elector.link_accepted(desk.now, "a", Number(1, 2), is_trusted=True))
    desk.beat("c", supports="ab", standing=Standing(willing=False))
    assert desk.election.role is Role.FOLLOWER


def test_one_end_of_stream_costs_one_term():
    desk = ended(following())
    ends_at = desk.election.campaign.ends_at
    desk.tick(ends_at - desk.now)
    assert desk.events(Campaigned)[0].outcome == "timed_out"
    desk.beat("c", supports="ab", standing=WILLING)
    desk.tick(2 * TURN)
    assert desk.election.role is Role.FOLLOWER


@pytest.mark.parametrize(("incarnation", "is_abandoned"), [(1, True), (2, False)])
def test_a_leader_that_dials_again_ends_the_campaign(incarnation, is_abandoned):
    desk = ended(following())
    desk.take(desk.elector.link_accepted(desk.now, "a", Number(incarnation, 2), is_trusted=True))
    assert bool(desk.events(Campaigned)) == is_abandoned, "one that has restarted leads no longer"


def held(desk: Desk, term: int = 4) -> Desk:
    desk.say("c", vote(term))
    assert desk.entries("c") == []
    return desk


def test_a_held_vote_is_granted_when_the_voter_is_free():
    desk = ended(held(following(c=Standing(priority=2))))
    assert [event.answer for event in desk.events(Voted)] == ["granted"]
    assert [type(entry) for entry in desk.held_back("c")] == [Grant]


def test_a_held_vote_is_refused_after_a_turn():
    desk = held(following())
    assert desk.latest.wake_at <= desk.now + TURN
    desk.tick(TURN)
    (entry,) = desk.entries("c")
    assert (entry.reason, entry.leader) == (RefusalReason.BOUND, "a")
    assert [event.was_held for event in desk.events(Voted)] == [True]


def test_a_held_vote_is_refused_when_its_term_is_taken():
    desk = held(following())
    desk.say("a", Lead(election="default", term=5))
    (entry,) = desk.entries("c")
    assert entry.reason is RefusalReason.BOUND
    assert not desk.elector.state.held.of("default")


def test_a_later_vote_takes_the_place_of_a_held_one():
    desk = held(held(following()), term=6)
    assert [each.vote.term for each in desk.elector.state.held.of("default").values()] == [6]


def test_an_abandoned_vote_is_dropped():
    desk = held(following())
    desk.say("c", Abandon(election="default", term=4))
    assert not desk.elector.state.held.of("default")


def test_a_vote_is_held_no_longer_than_its_link():
    desk = held(following())
    desk.connect("c")
    desk.tick(TURN)
    assert desk.entries("c") == []
    assert not desk.elector.state.held.of("default")


@pytest.mark.parametrize("most", [0, 1])
def test_the_votes_held_are_bounded(monkeypatch, most):
    monkeypatch.setattr("elect.core.state.held_votes.HELD_MAX", most)
    desk = following()
    desk.say("c", vote(4))
    assert len(desk.elector.state.held.of("default")) == most
    assert len(desk.entries("c")) == 1 - most
