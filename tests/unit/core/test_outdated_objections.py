"""Objections where a leader decided who the members are."""

from elect.core.configuration import Configuration, Member
from elect.core.events import Objection
from elect.core.ready import Meeting
from tests.unit.core.desk import DURATION
from tests.unit.core.member_desk import MemberDesk, members, store

MADE = members("abc", term=1, version=1)


def test_a_peer_that_lacks_this_node_is_behind():
    desk = MemberDesk(members=MADE)
    desk.take(desk.elector.dial_refused(desk.now, "a", Objection.UNKNOWN_NODE, "who"))
    assert not desk.state.is_disputed
    desk = MemberDesk()
    desk.take(desk.elector.dial_refused(desk.now, "a", Objection.UNKNOWN_NODE, "who"))
    assert desk.state.is_disputed


def test_a_stranger_is_a_former_member():
    desk = MemberDesk(members=MADE)
    desk.take(desk.elector.stranger_refused(desk.now, "x"))
    assert (desk.state.is_disputed, desk.state.strangers) == (False, {})


def test_a_configuration_that_is_made_ends_them():
    desk = MemberDesk()
    desk.take(desk.elector.stranger_refused(desk.now, "x"))
    desk.take(desk.elector.dial_refused(desk.now, "a", Objection.UNKNOWN_NODE, "who"))
    desk.connect("c")
    desk.shown["c"] = members("abd").id
    desk.beat("c")
    assert [peer.objection for peer in desk.state.other_voters] == [Objection.UNKNOWN_NODE, Objection.OTHER_VOTERS]
    desk.install(MADE)
    assert (desk.state.is_disputed, [peer.objection for peer in desk.state.other_voters]) == (False, [None, None])


def test_those_on_disk_are_dropped_at_the_start():
    meetings = {"a": Meeting(objection=Objection.UNKNOWN_NODE), "c": Meeting(objection=Objection.OTHER_VOTERS)}
    assert MemberDesk(meetings=meetings).state.is_disputed
    assert not MemberDesk(meetings=meetings, members=MADE).state.is_disputed


def test_another_configuration_of_the_same_name_is_objected_to():
    desk = MemberDesk(members=MADE).supported()
    desk.shown["a"] = members("abd", term=1, version=1).id
    desk.beat("a")
    assert desk.state.is_disputed


def test_a_peer_that_lacks_the_store_of_this_node_is_behind():
    named = tuple(Member(node_id=each, store_id=store("b") if each == "b" else None) for each in "abc")
    desk = MemberDesk(members=Configuration(members=named, term=1, version=1), store_id=store("b"))
    desk.take(desk.elector.dial_refused(desk.now, "a", Objection.OTHER_STORE, "it"))
    assert not desk.state.is_disputed
    desk = MemberDesk(members=MADE, store_id=store("b"))
    desk.take(desk.elector.dial_refused(desk.now, "a", Objection.OTHER_STORE, "it"))
    assert desk.state.is_disputed
    desk.install(Configuration(members=named, term=1, version=2))
    assert not desk.state.is_disputed
    desk.tick(DURATION)
