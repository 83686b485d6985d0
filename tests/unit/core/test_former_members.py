"""A member that was removed: its promise runs out, it is told, and it is dismissed when nothing can rest on it."""

from elect.core.events import PeerDismissed
from elect.core.messages import Heartbeat, Lead, RefusalReason, Refuse
from elect.core.ready import Meeting
from tests.unit.core.desk import DURATION, INTERVAL, MS, PROMISED, vote
from tests.unit.core.member_desk import MemberDesk, members

NEXT = members("abc", term=1, version=1)


def removed(desk: MemberDesk) -> MemberDesk:
    """Node `d` of four was removed here, and does not know it."""
    desk.install(NEXT)
    assert desk.state.support.peers["d"].is_former
    return desk


def four(**options) -> MemberDesk:
    desk = MemberDesk(voters="abcd", **options).supported_unwilling()
    desk.written()
    return desk


def is_dismissed(desk: MemberDesk) -> bool:
    return "d" not in desk.state.support.peers


def test_it_gets_no_new_promise():
    desk = removed(four())
    until = desk.state.support.peers["d"].promised_until
    for _ in range(3):
        desk.tick(INTERVAL)
        desk.beat("d")
    assert desk.state.support.peers["d"].promised_until == until
    desk.tick(DURATION)
    desk.beat("d")
    assert desk.state.support.peers["d"].session is None


def test_a_promise_to_it_binds_until_it_is_over():
    desk = MemberDesk(voters="abcd").following("d", 1)
    desk.written()
    removed(desk)
    desk.shown["a"] = desk.own.id
    until = desk.state.support.peers["d"].promised_until
    desk.pass_time(until - desk.now - 10 * MS)
    desk.say("a", vote(2))
    assert (desk.entries("a"), desk.election.following.leader) == ([], "d")  # the vote is held
    desk.tick(10 * MS)
    assert desk.held_back("a") == [desk.given("a", 2)]


def test_it_is_told_until_it_knows():
    desk = removed(four())
    for _ in range(3):
        desk.tick(INTERVAL)
        desk.beat("d")
        assert desk.installs("d") == [NEXT]
    desk.shown["d"] = NEXT.id
    desk.tick(INTERVAL)
    desk.beat("d")
    assert desk.installs("d") == []


def test_it_is_dismissed_when_it_knows():
    desk = removed(four())
    desk.shown["d"] = NEXT.id
    desk.beat("d")
    ends_at = desk.state.support.peers["d"].promised_until + PROMISED
    desk.pass_time(ends_at - desk.now - INTERVAL)
    assert not is_dismissed(desk)
    desk.tick(2 * INTERVAL)
    assert is_dismissed(desk)
    assert desk.events(PeerDismissed) == [PeerDismissed(peer="d", at=desk.now)]
    assert not desk.latest.write.meetings["d"].is_acknowledged
    assert desk.latest.counted is not None  # published without it: it may be added again, with another store
    assert "d" not in desk.latest.counted


def test_it_is_dismissed_after_ten_intervals():
    desk = removed(four())
    desk.pass_time(10 * INTERVAL - INTERVAL)
    assert not is_dismissed(desk)
    desk.pass_time(2 * INTERVAL)
    assert is_dismissed(desk)
    desk.receive("d", desk.heartbeat())  # nobody hears it any more
    desk.take(desk.elector.link_ended(desk.now, "d", desk.number("d"), is_end_of_stream=True))


def test_one_that_was_never_heard_is_told_for_ten_intervals():
    desk = MemberDesk(voters="abcd")
    desk.connect("a", "c")
    removed(desk)
    desk.pass_time(10 * INTERVAL - INTERVAL)
    assert not is_dismissed(desk)
    desk.pass_time(INTERVAL)
    desk.tick()
    assert is_dismissed(desk)


def test_one_with_a_long_promise_is_kept():
    desk = four()
    desk.receive("d", desk.heartbeat(duration=5 * DURATION))
    desk.written()
    desk.receive("d", desk.heartbeat(duration=5 * DURATION))
    removed(desk)
    desk.pass_time(11 * INTERVAL)
    assert not is_dismissed(desk)
    desk.pass_time(10 * PROMISED)
    assert is_dismissed(desk)


def test_all_that_names_it_is_forgotten():
    desk = MemberDesk(voters="abcd").following("a", 2)
    desk.written()
    desk.say("d", Lead(election="default", term=1))
    assert isinstance(desk.entries("d")[0], Refuse)
    assert desk.entries("d")[0].reason is RefusalReason.TERM
    assert desk.election.refused[0] == "d"
    desk.say("d", vote(3))
    removed(desk)
    desk.pass_time(20 * INTERVAL)
    assert is_dismissed(desk)
    desk.say("a", vote(4))
    assert desk.election.refused is None


def test_one_that_comes_back_stays():
    desk = removed(four())
    desk.install(members("abcd", term=1, version=2))
    desk.shown = dict.fromkeys("acd", desk.own.id)
    desk.pass_time(20 * INTERVAL)
    assert not is_dismissed(desk)
    assert desk.state.support.peers["d"].session is not None
    assert desk.state.support.supported == ("a", "c", "d")


def test_it_is_owed_the_end_of_a_term():
    desk = MemberDesk(voters="abcd", grace_ns=0).elected()
    desk.written()
    removed(desk)
    desk.take(desk.elector.resign(desk.now, "default"))
    desk.tick(INTERVAL)
    assert desk.state.support.peers["d"].resigns


# The boot fence.


def test_the_fence_waits_for_it():
    meetings = {peer: Meeting(is_acknowledged=True) for peer in "acd"}
    desk = MemberDesk(voters="abcd", promise_ns=DURATION, meetings=meetings)
    desk.state.elections["default"].vote_for("a", term=1)  # it has voted
    desk.install(NEXT)
    desk.shown = dict.fromkeys("ac", NEXT.id)
    desk.connect("a", "c")
    desk.beat("a")
    desk.beat("c")
    assert desk.state.is_fenced
    desk.connect("d")
    desk.beat("d")
    assert desk.state.is_fenced  # it may count on a promise by the configuration before
    desk.shown["d"] = NEXT.id
    desk.beat("d")
    assert not desk.state.is_fenced


def test_one_that_is_no_member_keeps_the_fence_whole():
    meetings = {peer: Meeting(is_acknowledged=True) for peer in "acd"}
    desk = MemberDesk(voters="abc", members=NEXT, promise_ns=DURATION, meetings=meetings)
    desk.state.elections["default"].vote_for("a", term=1)
    desk.connect("a", "c")
    desk.beat("a")
    desk.beat("c")
    assert desk.state.is_fenced
    desk.install(members("abcd", term=1, version=2))  # a member again, and it has not dialed
    desk.shown = dict.fromkeys("ac", desk.own.id)
    desk.beat("a")
    desk.beat("c")
    assert desk.state.is_fenced


def test_a_removed_node_supports_nobody_for_itself():
    desk = four()
    desk.install(members("acd", term=1, version=1))
    assert not desk.state.is_voter
    assert desk.state.support.supported == ("a", "c", "d")
    desk.tick(INTERVAL)
    assert [message.configuration for message in desk.messages("a", Heartbeat)] == [desk.own.id]
