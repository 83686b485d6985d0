"""PROTOCOL.md, section 4: The lease; section 6: Handing over."""

import pytest

from elect.bridge.commands import read_bound
from elect.core.events import Elected, LeaderChanged, LossReason, Lost, Role, RoleChanged
from elect.core.messages import Follow, Lead, Number, RefusalReason, Refuse, Resign, Resigned
from elect.core.ready import Lease
from tests.unit.core.desk import COUNTED, DURATION, INTERVAL, MS, TURN, Desk, vote


def won() -> Desk:
    """Return a desk that is elected, before any peer follows."""
    desk = Desk().supported()
    desk.written()
    desk.say("a", desk.grant("a", 1))
    assert desk.election.role is Role.LEADER
    return desk


def test_lead_is_repeated_to_each_supporter_until_it_is_answered():
    desk = won()
    lead = Lead(election="default", term=1)
    assert desk.entries("a") == desk.entries("c") == [lead]
    desk.follow("a", 1)
    desk.tick(INTERVAL)
    assert desk.entries("a") == []
    assert desk.entries("c") == [lead]
    desk.say("c", Refuse(election="default", term=1, own_term=1, reason=RefusalReason.TERM, is_to_lead=True))
    desk.tick(INTERVAL)
    assert desk.entries("c") == []


def test_leads_are_repeated_a_part_at_a_time(monkeypatch):
    monkeypatch.setattr("elect.core.rules.leading.OWED_MAX", 2)
    names = ("e1", "e2", "e3")
    desk = Desk(elections=names).supported()
    desk.written()
    desk.say("a", *(desk.grant("a", 1, election=name) for name in names))
    assert len(desk.entries("c")) == 3
    said = []
    for _ in range(3):
        desk.tick(INTERVAL)
        said += [entry.election for entry in desk.entries("c")]
    assert said == ["e1", "e2", "e3", "e1", "e2", "e3"]


def test_a_refused_vote_is_no_answer_to_a_lead():
    desk = won()
    desk.say("c", Refuse(election="default", term=1, own_term=1, reason=RefusalReason.TERM))
    desk.tick(INTERVAL)
    assert desk.entries("c") == [Lead(election="default", term=1)]


def test_who_is_elected_knows_its_leader_though_elections_wait(monkeypatch):
    desk = won()
    monkeypatch.setattr("elect.core.step.CONSIDERED_MAX", 0)
    desk.follow("a", 1)
    assert [event.leader for event in desk.events(LeaderChanged)] == ["b"]


def test_the_lease_needs_a_quorum_that_follows_in_its_session():
    desk = won()
    assert desk.latest.leases == {}
    desk.follow("a", 1)
    assert [(e.term, e.at) for e in desk.events(Elected)] == [(1, desk.now)]
    assert desk.latest.leases == {"default": Lease(term=1, followers=frozenset("a"), quorum=2)}
    desk.follow("c", 1)
    assert desk.events(Elected) == []
    assert desk.latest.leases["default"].followers == frozenset("ac")


def test_following_in_another_session_does_not_count():
    desk = won()
    desk.say("a", Follow(election="default", term=1, session=Number(1, 99)))
    assert desk.events(Elected) == []
    desk.follow("a", 1)
    assert desk.events(Elected) == [], "an older session never replaces a newer one"


def test_a_lease_starts_at_the_send_and_ends_before_the_promise():
    desk = won()
    sent = desk.elector.state.support.peers["a"].sent_latest
    desk.now += 50 * MS
    desk.receive("a", desk.heartbeat(supports="bc", ack=desk.ack("a", sent)))
    desk.follow("a", 1)
    assert desk.elector.snapshot(desk.now).elections[0].lease_until == sent + COUNTED


def test_a_lapse_suspends_at_once_with_the_time_the_lease_ended():
    desk = Desk().elected()
    ends = desk.elector.snapshot(desk.now).elections[0].lease_until
    assert desk.tick().wake_at <= ends
    desk.tick(ends - desk.now - 1)
    assert desk.events(Lost) == []
    desk.tick(1 + 7 * MS)
    (lost,) = desk.events(Lost)
    assert (lost.at, lost.reason) == (ends, LossReason.LEASE_LAPSED)
    assert desk.latest.leases == {"default": None}
    assert desk.election.role is Role.LEADER, "suspended"


def test_a_lease_that_returns_in_two_intervals_keeps_its_term():
    desk = Desk().elected()
    ends = desk.elector.snapshot(desk.now).elections[0].lease_until
    desk.tick(ends - desk.now)
    desk.beat("a", supports="bc")
    (elected,) = desk.events(Elected)
    assert (elected.term, elected.at) == (1, desk.now)
    desk.tick(2 * TURN)
    assert desk.election.role is Role.LEADER


def test_a_lease_lapsed_for_two_intervals_is_resigned():
    desk = Desk().elected()
    ends = desk.elector.snapshot(desk.now).elections[0].lease_until
    desk.tick(ends - desk.now)
    desk.tick(2 * INTERVAL - 1)
    assert desk.election.role is Role.LEADER
    desk.tick(1)
    assert desk.election.role is not Role.LEADER
    assert Resign(election="default", term=1) in desk.entries("a")
    assert desk.events(Lost) == [], "told once"


def test_a_leader_resigns_after_a_long_pause_before_any_input():
    desk = Desk().elected()
    desk.now += 3_000 * MS
    desk.say("a", vote(2))
    assert desk.events(Lost)[0].at < desk.now - 2_000 * MS
    assert desk.held_back("a") == [desk.given("a", 2)]


def test_the_first_lease_must_come_within_one_duration():
    desk = won()
    for _ in range(10):
        desk.tick(DURATION // 10 - MS)
        desk.beat("a", supports="bc")
    assert desk.election.role is not Role.LEADER
    assert desk.events(Lost) == [], "never told that it led"


def test_a_closed_link_is_not_counted_from_that_step_on():
    desk = Desk().elected()
    desk.take(desk.elector.link_closing(desk.now, "a", Number(7, 1)))
    assert desk.events(Lost) == []
    desk.take(desk.elector.link_closing(desk.now, "c", Number(7, 1)))
    (lost,) = desk.events(Lost)
    assert (lost.reason, lost.at) == (LossReason.LEASE_LAPSED, desk.now)
    assert desk.latest.counted == {"a": 0, "c": 0}


def test_a_late_ack_for_a_closed_link_counts_nothing():
    desk = Desk().elected()
    late = desk.ack("a")
    desk.take(desk.elector.link_closing(desk.now, "a", Number(7, 1)))
    desk.take(desk.elector.link_closing(desk.now, "c", Number(7, 1)))
    desk.now += MS
    desk.receive("a", desk.heartbeat(supports="bc", ack=late))
    assert desk.elector.state.support.peers["a"].counted_until == 0
    assert desk.events(Elected) == []


def test_a_new_session_of_a_follower_must_follow_again():
    desk = Desk().elected()
    desk.take(desk.elector.link_closing(desk.now, "c", Number(7, 1)))
    desk.sessions["a"] += 1
    desk.beat("a", supports="bc")
    assert desk.events(Lost)[0].reason is LossReason.LEASE_LAPSED
    assert desk.entries("a") == [Lead(election="default", term=1)]
    desk.follow("a", 1)
    assert desk.events(Elected)[0].term == 1


def test_resigning_tells_the_application_first_and_lacks_it():
    desk = Desk().elected()
    desk.take(desk.elector.resign(desk.now, "default", to="c"))
    assert desk.events(Lost)[0].reason is LossReason.RESIGNED
    assert desk.latest.leases == {"default": None}
    assert desk.entries("a") == []
    desk.take(desk.elector.acknowledge(desk.now, "default", 99))
    assert desk.entries("a") == [], "of another term"
    desk.take(desk.elector.acknowledge(desk.now, "default", 1))
    assert desk.entries("a") == desk.entries("c") == [Resign(election="default", term=1, successor="c")]


def test_an_application_that_does_not_acknowledge_has_its_grace():
    desk = Desk(grace_ns=300 * MS).elected()
    desk.take(desk.elector.resign(desk.now, "default"))
    desk.tick(300 * MS - 1)
    assert desk.election.role is Role.LEADER
    desk.tick(1)
    assert desk.election.role is not Role.LEADER
    desk.take(desk.elector.acknowledge(desk.now, "default", 1))
    assert desk.latest.events == ()


def bound_until(desk: Desk, term: int = 1) -> int:
    ends: list[int] = []
    desk.take(read_bound("default", term, ends)(desk.elector, desk.now))
    return ends[0]


def test_others_are_bound_while_a_resignation_waits():
    """As long as they extend the sessions in which they follow, and at most until the grace is over."""
    desk = Desk(grace_ns=2 * DURATION).elected()
    grace_ends_at, before = desk.now + 2 * DURATION, bound_until(desk)
    assert desk.now < before < grace_ends_at
    assert bound_until(desk, 2) == 0
    desk.take(desk.elector.resign(desk.now, "default"))
    assert bound_until(desk) == before
    for _ in range(8):
        desk.tick(INTERVAL)
        desk.beat("a", supports="bc")
    assert before < bound_until(desk) == grace_ends_at
    for peer in "ac":
        desk.sessions[peer] += 1
        desk.beat(peer, supports="abc")
    assert bound_until(desk) == 0, "they were free between two sessions"
    desk.take(desk.elector.acknowledge(desk.now, "default", 1))
    assert bound_until(desk) == 0


def test_a_resignation_is_repeated_on_new_links_until_answered():
    desk = Desk().elected()
    desk.take(desk.elector.resign(desk.now, "default"))
    desk.take(desk.elector.acknowledge(desk.now, "default", 1))
    desk.say("c", Resigned(election="default", term=1))
    desk.take(desk.elector.link_closing(desk.now, "a", Number(7, 1)))
    desk.tick(INTERVAL)
    assert desk.entries("a") == []
    desk.connect("a")
    desk.tick(INTERVAL)
    assert Resign(election="default", term=1) in desk.entries("a")
    assert Resign(election="default", term=1) not in desk.entries("c")
    desk.say("a", vote(8))
    desk.tick(INTERVAL)
    assert Resign(election="default", term=1) not in desk.entries("a"), "it showed a higher term"


def test_a_late_follow_is_told_the_successor():
    desk = Desk().elected()
    desk.take(desk.elector.resign(desk.now, "default", to="c"))
    desk.take(desk.elector.acknowledge(desk.now, "default", 1))
    desk.follow("a", 1)
    assert desk.entries("a") == [Resign(election="default", term=1, successor="c")]
    desk.tick(INTERVAL)
    assert Resign(election="default", term=1, successor="c") in desk.entries("a"), "repeated as it was said first"


def test_a_follow_of_a_term_not_led_is_answered_with_resign():
    desk = Desk().supported_unwilling()
    desk.follow("a", 4)
    assert desk.entries("a") == [Resign(election="default", term=4)]
    desk.tick(INTERVAL)
    assert desk.entries("a") == [Resign(election="default", term=4)]
    desk.say("a", Resigned(election="default", term=4))
    desk.tick(INTERVAL)
    assert desk.entries("a") == []


@pytest.mark.parametrize(
    ("give_up", "reason"),
    [
        (lambda desk: desk.elector.set_paused(desk.now, is_paused=True), LossReason.PAUSED),
        (lambda desk: desk.elector.set_healthy(desk.now, is_healthy=False), LossReason.UNHEALTHY),
        (lambda desk: desk.elector.set_rank(desk.now, priority=0), LossReason.WITHDRAWN),
        (lambda desk: desk.elector.leave(desk.now, "default"), LossReason.WITHDRAWN),
    ],
)
def test_whoever_may_not_lead_resigns_and_does_not_campaign(give_up, reason):
    desk = Desk().elected()
    desk.take(give_up(desk))
    assert desk.events(Lost)[0].reason is reason
    desk.take(desk.elector.acknowledge(desk.now, "default", 1))
    for _ in range(20):
        desk.tick(INTERVAL)
        desk.beat("a", supports="bc")
        desk.beat("c", supports="ab")
        assert desk.election.role is Role.FOLLOWER


def test_a_failing_disk_ends_no_leadership():
    desk = Desk().elected()
    desk.take(desk.elector.set_storing(desk.now, is_storing=False))
    assert desk.events(Lost) == []
    assert desk.election.role is Role.LEADER
    assert desk.elector.state.rank.willing is False


def test_a_single_voter_leads_after_the_write_and_never_lapses():
    desk = Desk(voters="b")
    assert desk.election.role is Role.CANDIDATE
    desk.written()
    assert desk.events(Elected)[0].term == 1
    desk.tick(10_000 * DURATION)
    assert desk.events(Lost) == []


def test_thousands_of_leases_are_told_and_lapse_together(monkeypatch):
    monkeypatch.setattr("elect.core.state.scale.UNANSWERED_FIRST", 500)
    names = tuple(f"e{n}" for n in range(500))
    desk = Desk(elections=names).supported()
    desk.written()
    elected = 0
    for part in (names[:250], names[250:]):
        desk.say("a", *(desk.grant("a", 1, election=name) for name in part))
        desk.say("a", *(Follow(election=name, term=1, session=Number(1, 1)) for name in part))
        elected += len(desk.events(Elected))
    assert elected == 500
    assert len(desk.elector.state.index.lease_groups) == 1
    desk.tick(COUNTED)
    assert len(desk.events(Lost)) == 500
    desk.tick(2 * INTERVAL)
    assert {e.role for e in desk.events(RoleChanged)} == {Role.FOLLOWER}
    assert max(len(s.message.entries) for s in desk.latest.send if hasattr(s.message, "entries")) <= 256


def test_a_follow_in_a_newer_session_ends_the_lease():
    desk = Desk(voters="ab").elected()
    desk.say("a", Follow(election="default", term=desk.election.term, session=Number(9, 9)))
    (lost,) = desk.events(Lost)
    assert (lost.reason, lost.at) == (LossReason.LEASE_LAPSED, desk.now)
    assert desk.latest.leases == {"default": None}
