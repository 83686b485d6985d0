"""The sign by which a node notices that a leader is gone, which operators read as the reason of a failover."""

from elect.core.events import LeaderChanged, LeaderEnd
from elect.core.messages import Lead, Resign
from tests.unit.core.desk import DURATION, Desk


def changes(desk: Desk) -> list[tuple[str | None, LeaderEnd | None]]:
    return [(event.leader, event.end) for event in desk.events(LeaderChanged)]


def lead(term: int) -> Lead:
    return Lead(election="default", term=term)


def test_a_leader_that_resigns_said_so():
    desk = Desk().following("a", 3)
    assert changes(desk) == [("a", None)], "there was none before"
    desk.say("a", Resign(election="default", term=3, successor=None))
    assert changes(desk) == [(None, LeaderEnd.RESIGNED)]
    desk.say("c", lead(4))
    assert changes(desk) == [("c", None)]


def test_a_leader_whose_process_ended_closed_its_link():
    desk = Desk().following("a", 3)
    desk.lose("a")
    assert changes(desk) == [(None, LeaderEnd.CLOSED)]


def test_a_leader_that_is_followed_by_another_is_superseded():
    desk = Desk().following("a", 3)
    desk.say("c", lead(4))
    assert changes(desk) == [("c", LeaderEnd.SUPERSEDED)]


def test_a_leader_of_which_nothing_is_heard_is_silent():
    desk = Desk().following("a", 3)
    desk.tick(2 * DURATION)
    assert changes(desk) == [(None, LeaderEnd.SILENT)]


def test_an_old_end_is_not_that_of_the_same_node_later():
    desk = Desk().following("a", 3)
    desk.lose("a")
    desk.connect("a")
    desk.beat("a")
    desk.say("a", lead(4))
    desk.tick(2 * DURATION)
    assert changes(desk) == [(None, LeaderEnd.SILENT)]


def test_the_end_of_this_nodes_own_leadership_is_told_by_lost():
    desk = Desk().elected()
    desk.tick(2 * DURATION)
    assert changes(desk) == [(None, None)]
