"""A learner hears everything and counts for nothing; the leader promotes it when it is ready."""

import pytest

from elect.core.changes import AddMember, ChangeRefusal, ChangeRefused, PromoteMember
from elect.core.configuration import MemberKind
from elect.core.messages import Follow, Lead, Number, RefusalReason, Standing
from elect.core.options import OffsetRule
from tests.unit.core.desk import DURATION, INTERVAL, MS, vote
from tests.unit.core.member_desk import UNWILLING, MemberDesk, learner, members, store

TEN = 10 * INTERVAL


def adopted(kind: MemberKind = MemberKind.VOTER, **options) -> MemberDesk:
    """Node `b` of three leads, and has added `d`, which is connected now."""
    desk = MemberDesk(voters="abc", **options).elected()
    desk.written()
    desk.change(AddMember(node_id="d", kind=kind))
    desk.written()
    for peer in "ac":
        desk.report(peer)
    desk.joined("d")
    return desk


def test_it_becomes_a_voter_when_it_has_been_ready():
    desk = adopted()
    desk.pass_time(TEN - INTERVAL)
    assert desk.own.voters == tuple("abc")
    desk.pass_time(INTERVAL)
    desk.tick(INTERVAL)
    assert (desk.own.voters, desk.own.version) == (tuple("abcd"), 2)
    desk.settle()
    desk.pass_time(TEN)
    assert desk.own.version == 2


def test_a_witness_becomes_a_voter_too():
    desk = adopted(MemberKind.WITNESS)
    desk.pass_time(TEN + INTERVAL)
    member = desk.own.member("d")
    assert (member.is_voter, member.kind) == (True, MemberKind.WITNESS)


def test_an_observer_stays_one():
    desk = adopted(MemberKind.OBSERVER)
    desk.pass_time(2 * TEN)
    assert desk.own.voters == tuple("abc")
    desk.change(PromoteMember(node_id="d"))
    assert desk.own.voters == tuple("abcd")


def test_its_store_is_named_when_it_becomes_a_voter():
    desk = adopted()
    desk.links["d"] += 1
    desk.take(desk.elector.link_accepted(desk.now, "d", desk.number("d"), is_trusted=True, store_id=store("d")))
    desk.written()
    desk.take(desk.elector.link_opened(desk.now, "d", Number(7, desk.links["d"]), store_id=store("d")))
    desk.sessions["d"] += 1
    desk.pass_time(TEN + 2 * INTERVAL)
    assert desk.own.member("d").store_id == store("d")


def test_one_that_is_not_heard_is_not_ready():
    desk = adopted()
    desk.pass_time(TEN - INTERVAL)
    desk.lose("d")
    desk.pass_time(2 * DURATION, without="d")
    assert desk.own.voters == tuple("abc")
    error = refused(desk)
    assert "'d' is not ready: it is not heard" in error


def test_one_that_is_heard_and_not_reached_is_not_ready():
    """Its address may be wrong: it dials the leader, and the leader cannot dial it."""
    desk = adopted()
    for _ in range(12):
        desk.tick(INTERVAL)
        for peer in "ac":
            desk.beat(peer, supports="bd", standing=UNWILLING)
        desk.beat("d", supports="abc", acks=False, standing=UNWILLING)
    assert desk.own.voters == tuple("abc")
    assert "'d' is not ready: it does not support the leader; see that the leader reaches it" in refused(desk)


def refused(desk: MemberDesk) -> str:
    with pytest.raises(ChangeRefused) as caught:
        desk.change(PromoteMember(node_id="d"))
    assert caught.value.refusal is ChangeRefusal.NOT_READY
    return str(caught.value)


def test_a_quorum_has_to_support_it():
    desk = adopted()
    for _ in range(12):
        desk.tick(INTERVAL)
        for peer in "ac":
            desk.beat(peer, supports="b", standing=UNWILLING)
        desk.beat("d", supports="abc", standing=UNWILLING)
    assert desk.own.voters == tuple("abc")
    assert "1 of 3 voters support it, and 2 are needed" in refused(desk)


def test_the_time_counts_without_a_break():
    desk = adopted()
    desk.pass_time(TEN - INTERVAL)
    desk.tick(INTERVAL)
    for peer in "ac":
        desk.beat(peer, supports="b", standing=UNWILLING)
    desk.tick(INTERVAL)
    desk.pass_time(TEN - 2 * INTERVAL)
    assert desk.own.voters == tuple("abc")
    assert "ms of 2000" in refused(desk)


def test_it_may_lag_a_little():
    desk = adopted(standing=Standing(offset=100), learner_lag_max=10)
    desk.pass_time(TEN + INTERVAL)
    assert desk.own.voters == tuple("abc")
    assert "its offset is 100 below the leader's, and 10 is allowed" in refused(desk)
    for _ in range(12):
        desk.tick(INTERVAL)
        for peer in "ac":
            desk.beat(peer, supports="bcd", standing=UNWILLING)
        desk.beat("d", supports="abc", standing=Standing(offset=90, willing=False))
    assert desk.own.voters == tuple("abcd")


def test_it_has_to_have_installed_the_configuration():
    desk = adopted()
    desk.shown["d"] = members("abc", learner("d"), term=0, version=1).id
    desk.pass_time(TEN + INTERVAL)
    assert desk.own.voters == tuple("abc")
    assert "it has not installed the configuration yet" in refused(desk)
    desk.shown["d"] = desk.own.id
    desk.pass_time(2 * INTERVAL)
    assert desk.own.voters == tuple("abcd")


def test_a_leader_promotes_what_an_earlier_one_added():
    desk = MemberDesk(voters="abc", members=members("abc", learner("d"), term=1, version=3)).elected()
    desk.written()
    desk.joined("d")
    desk.pass_time(TEN + INTERVAL)
    assert (desk.own.term, desk.own.version, desk.own.voters) == (2, 3, tuple("abc"))
    desk.shown = dict.fromkeys("acd", desk.own.id)
    desk.settle()
    assert (desk.own.version, desk.own.voters) == (4, tuple("abcd"))


def test_another_leader_counts_anew():
    desk = adopted()
    desk.pass_time(TEN - 2 * INTERVAL)
    desk.take(desk.elector.resign(desk.now, "default"))
    desk.pass_time(INTERVAL)
    assert desk.state.support.peers["d"].membership.ready_since is None


# It counts for nothing.


def test_it_gets_no_vote_and_gives_none():
    desk = MemberDesk(members=members("abc", learner("d")), voters="abcd").supported_unwilling()
    desk.say("d", vote(1))
    assert [entry.reason for entry in desk.entries("d")] == [RefusalReason.NOT_VOTER]
    desk = MemberDesk(members=members("acd", learner("b")), voters="abcd").supported()
    assert desk.election.campaign is None
    desk.say("a", vote(1))
    assert [entry.reason for entry in desk.entries("a")] == [RefusalReason.NOT_VOTER]


def test_its_support_and_its_grant_count_for_nothing():
    desk = MemberDesk(members=members("abc", learner("d"), learner("e")), voters="abcde")
    desk.connect("d", "e")
    for peer in "de":
        desk.beat(peer, acks=False)
    desk.tick(INTERVAL)
    desk.beat_all()
    assert (desk.state.supported_until, desk.election.campaign) == (0, None)
    desk = MemberDesk(members=members("abc", learner("d"), learner("e")), voters="abcde").supported()
    desk.written()
    for peer in "de":
        desk.say(peer, desk.grant(peer, 1))
    assert desk.election.leadership is None
    desk.say("a", desk.grant("a", 1))
    assert desk.election.leadership is not None


def test_it_follows_and_is_not_counted():
    desk = adopted()
    assert desk.entries("d") == [] or desk.entries("d") == [Lead(election="default", term=1)]
    assert "default" in desk.state.support.peers["d"].leads
    desk.say("d", Follow(election="default", term=1, session=Number(1, desk.sessions["d"])))
    assert "d" not in desk.election.leading.followers
    desk.pass_time(TEN + INTERVAL)
    assert "d" in desk.election.leading.followers  # a voter now
    assert desk.latest.leases == {} or desk.latest.leases["default"].quorum == 3


def test_a_learner_follows():
    desk = MemberDesk(members=members("ac", learner("b")), voters="abc").following("a", 1)
    assert desk.election.following.leader == "a"


def test_its_offset_holds_up_no_failback():
    options = {"standing": Standing(offset=5), "offset_rule": OffsetRule.REQUIRE}
    desk = adopted(**options)
    desk.now += MS
    desk.beat("d", standing=Standing(offset=9))
    assert "d" not in [node_id for node_id, _ in desk.state.electable]
