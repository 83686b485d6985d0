"""Changes that the leader refuses, since voters that are heard would be missing, or an id is in use."""

import pytest

from elect.core.changes import AddMember, ChangeRefusal, ChangeRefused, DemoteMember, RemoveMember, ReplaceMember
from tests.unit.core.desk import DURATION, INTERVAL, PROMISED
from tests.unit.core.member_desk import UNWILLING, MemberDesk, store


def leader(without: str = "", **options) -> MemberDesk:
    """Node `b` of three leads, and one of the others may be dead."""
    desk = MemberDesk(voters="abc", **options).elected()
    desk.written()
    for peer in without:
        desk.lose(peer)
    desk.pass_time(2 * DURATION, without=without)
    return desk


def refused(desk: MemberDesk, change) -> tuple[ChangeRefusal, str]:
    with pytest.raises(ChangeRefused) as caught:
        desk.change(change)
    return caught.value.refusal, str(caught.value)


def test_too_few_voters_that_are_heard_are_not_left():
    desk = leader(without="c")
    refusal, text = refused(desk, RemoveMember(node_id="a"))
    assert refusal is ChangeRefusal.TOO_FEW_LIVE
    assert "only 1 of the 2 voters after this change are heard (b), and 2 are needed; start c first" in text
    assert "or force it" in text
    assert refused(desk, DemoteMember(node_id="a"))[0] is ChangeRefusal.TOO_FEW_LIVE
    desk.change(RemoveMember(node_id="c"))
    desk.settle()
    assert desk.own.voters == ("a", "b")


def test_a_voter_that_is_heard_and_not_reached_is_named():
    desk = leader()
    for _ in range(12):
        desk.tick(INTERVAL)
        desk.beat("a", supports="bc", standing=UNWILLING)
        desk.beat("c", supports="ab", acks=False, standing=UNWILLING)
    refusal, text = refused(desk, RemoveMember(node_id="a"))
    assert refusal is ChangeRefusal.TOO_FEW_LIVE
    assert "only 1 of the 2 voters after this change are heard both ways (b), and 2 are needed" in text
    assert "see that the leader reaches c, which it hears, or remove one of those, or force it" in text


def test_an_operator_may_force_it():
    desk = leader(without="c")
    desk.change(RemoveMember(node_id="a", is_forced=True))
    desk.written()
    desk.report("a")
    desk.pass_time(PROMISED, without="c")
    desk.tick()
    assert desk.own.voters == ("b", "c")


def test_it_is_asked_again_when_a_change_is_made():
    desk = leader()
    desk.change(RemoveMember(node_id="a"))
    desk.written()
    desk.report("a")
    desk.pass_time(PROMISED, without="c")
    desk.tick()
    assert (desk.own.version, desk.state.membership.pending) == (0, None)


@pytest.mark.parametrize("change", [RemoveMember, DemoteMember, ReplaceMember])
def test_the_leader_keeps_its_vote(change):
    refusal, text = refused(leader(), change(node_id="b"))
    assert (refusal, "hand over first" in text) == (ChangeRefusal.LEADER, True)


def test_the_last_voter_stays():
    desk = MemberDesk(voters="a", node_id="a")
    desk.written()
    assert refused(desk, RemoveMember(node_id="a"))[0] is ChangeRefusal.LAST_VOTER


def test_a_member_that_is_heard_is_not_replaced():
    desk = leader()
    refusal, text = refused(desk, ReplaceMember(node_id="c"))
    assert (refusal, "stop that process first, or force it" in text) == (ChangeRefusal.ID_IN_USE, True)
    desk.change(ReplaceMember(node_id="c", is_forced=True))
    desk.settle()
    assert desk.own.voters == ("a", "b")


def test_an_id_met_under_another_store_is_in_use():
    desk = leader(store_id=store("b"))
    desk.state.support.peers["a"].store_id = store("a")
    for node_id in "ab":
        refusal, text = refused(desk, AddMember(node_id=node_id, store_id=store("x")))
        assert (refusal, "is in use under another store" in text) == (ChangeRefusal.ID_IN_USE, True)
        assert desk.change(AddMember(node_id=node_id, store_id=store(node_id))).write is None
