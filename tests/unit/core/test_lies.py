"""Peers that lie: no message makes a node fail, use unbounded memory, or work without end."""

from dataclasses import replace
from unittest.mock import patch

import pytest

from elect.core.events import LeaderChanged
from elect.core.messages import (
    TERM_MAX,
    Abandon,
    Follow,
    Grant,
    Knowledge,
    Known,
    Lead,
    Number,
    RefusalReason,
    Refuse,
    Resign,
    Vote,
)
from elect.core.snapshot import WhyNoLeader
from elect.core.state import node_state
from elect.core.state.scale import OBSERVED_MAX, OWED_MAX
from tests.unit.core.desk import DURATION, INTERVAL, MS, Desk

NAMED = {"election": "default", "term": TERM_MAX}


@pytest.mark.parametrize(
    "lie",
    [
        Vote(**NAMED, offset=0),
        Grant(**NAMED, session=Number(1, 1), link=Number(7, 1)),
        Refuse(election="default", term=1, own_term=TERM_MAX, reason=RefusalReason.TERM),
        Follow(**NAMED, session=Number(1, 1)),
        Resign(**NAMED),
        Abandon(**NAMED),
    ],
    ids=lambda lie: type(lie).__name__,
)
def test_a_node_at_the_last_term_campaigns_no_more_and_says_why(lie):
    desk = Desk()
    desk.connect("a")
    desk.say("a", lie)
    desk.supported()
    desk.tick(10 * INTERVAL)
    desk.beat("a", supports="bc")
    desk.beat("c", supports="ab")
    assert desk.election.campaign is None
    assert desk.elector.snapshot(desk.now).elections[0].waiting is WhyNoLeader.TERMS_USED_UP


def test_the_term_before_the_last_can_still_be_won():
    desk = Desk()
    desk.connect("a")
    desk.say("a", Resign(election="default", term=TERM_MAX - 1))
    assert desk.supported().election.campaign.term == TERM_MAX


def test_knowledge_of_elections_beyond_the_limit_is_not_kept():
    desk = Desk()
    desk.connect("a")
    with patch.object(node_state, "FOREIGN_MAX", 2):
        said = tuple(Known(election=f"e{i}", term=1, leader="a", incarnation=1) for i in range(9))
        desk.receive("a", Knowledge(number=1, whole=False, entries=said))
    kept = desk.elector.state.support.peers["a"].reports
    assert list(kept) == ["e0", "e1"]
    assert desk.elector.ignored == 7


def test_a_vote_beyond_the_election_limit_is_not_written():
    desk = Desk()
    desk.connect("a")
    with patch.object(node_state, "FOREIGN_MAX", 2):
        desk.say("a", *(Vote(election=f"e{i}", term=1, offset=0) for i in range(9)))
        assert list(desk.latest.write.ballots) == ["e0", "e1"]
        desk.say("a", Vote(election="e1", term=2, offset=0), Vote(election="e2", term=2, offset=0))
        assert list(desk.latest.write.ballots) == ["e1"]
    assert desk.elector.ignored == 8


def test_peers_leave_room_for_the_elections_of_the_application():
    desk = Desk()
    desk.connect("a")
    with patch.object(node_state, "FOREIGN_MAX", 2):
        desk.say("a", *(Vote(election=f"e{i}", term=1, offset=0) for i in range(3)))
        desk.take(desk.elector.enter(desk.now, "e2"))
        desk.say("a", Vote(election="e2", term=1, offset=0))
        assert list(desk.latest.write.ballots) == ["e2"]
        desk.take(desk.elector.enter(desk.now, "e0"))
        desk.say("a", Vote(election="e3", term=1, offset=0))
        assert list(desk.latest.write.ballots) == ["e3"], "e0 is the application's own now"


def test_follows_of_no_leader_get_bounded_answers_an_interval():
    desk = Desk()
    desk.connect("a")
    names = [f"e{i}" for i in range(OWED_MAX + 10)]
    for start in range(0, len(names), 200):
        desk.say("a", *(Follow(election=name, term=1, session=Number(7, 1)) for name in names[start : start + 200]))
    heard = set()
    for _ in range(2):
        desk.tick(INTERVAL)
        said = [entry.election for entry in desk.entries("a")]
        assert len(said) == OWED_MAX
        heard.update(said)
    assert heard == set(names), "in turns"


def test_following_a_lead_of_the_last_term_ends():
    desk = Desk().elected()
    desk.say("a", Lead(election="default", term=TERM_MAX))
    assert desk.election.following.leader == "a"
    desk.tick(2 * DURATION)
    assert desk.election.following is None


def test_a_heartbeat_must_ask_for_support_beyond_the_next():
    with pytest.raises(ValueError, match="allowed"):
        replace(Desk().heartbeat(), duration=MS - 1)


def test_a_heartbeat_that_changes_many_elections_costs_little():
    desk = Desk()
    desk.connect("a")
    said = tuple(Known(election=f"e{i:03}", term=1, leader="c", incarnation=1) for i in range(OBSERVED_MAX + 10))
    desk.receive("a", Knowledge(number=1, whole=False, entries=said[:200]))
    desk.receive("a", Knowledge(number=2, whole=False, entries=said[200:]))
    told = {}
    for _ in range(3):
        desk.beat("a", supports="bc", acks=False)
        assert desk.events(LeaderChanged) == []
        desk.tick(INTERVAL)
        told |= {event.election: event.leader for event in desk.events(LeaderChanged)}
        assert len(desk.events(LeaderChanged)) <= OBSERVED_MAX
    assert told == {known.election: "c" for known in said}, "in turns"
