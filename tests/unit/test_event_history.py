from elect.core.events import Elected, LeaderChanged, Role, RoleChanged
from elect.monitoring.event_history import EventHistory


def elected(term: int) -> Elected:
    return Elected(election="e", term=term, at=0)


def test_events_that_users_see_are_numbered():
    history = EventHistory("x")
    history.note((elected(1), RoleChanged(election="e", term=1, role=Role.LEADER, reason="elected", at=0)))
    known = LeaderChanged(election="e", term=1, leader="a", at=0)
    history.note((known,))
    assert history.kept() == [(1, elected(1)), (2, known)]
    assert history.last == 2


def test_what_was_missed_is_told_or_that_it_is_gone():
    history = EventHistory("x", events_max=3)
    assert history.since(0) == []
    history.note(map(elected, range(1, 6)))
    assert history.since(5) == []
    assert history.since(4) == [(5, elected(5))]
    assert [number for number, _ in history.since(2)] == [3, 4, 5]
    assert history.since(1) is None
    assert history.since(6) is None
    assert history.since(-1) is None
