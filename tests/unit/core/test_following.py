"""PROTOCOL.md, section 4: Following, Bound, Resign; section 6: knowing a leader."""

import pytest

from elect.core.events import LeaderChanged, LossReason, Lost, Role
from elect.core.messages import (
    ENTRIES_MAX,
    Follow,
    Knowledge,
    Known,
    Lead,
    Number,
    RefusalReason,
    Refuse,
    Resign,
    Resigned,
)
from elect.core.ready import Ballot
from elect.core.rules import following
from elect.core.state.scale import LOWERED_MAX
from tests.unit.core.desk import DURATION, INTERVAL, MS, Desk, vote


def lead(term: int) -> Lead:
    return Lead(election="default", term=term)


def follow(term: int, session: int) -> Follow:
    return Follow(election="default", term=term, session=Number(7, session))


def resign(term: int, successor: str | None = None) -> Resign:
    return Resign(election="default", term=term, successor=successor)


def test_a_higher_term_binds_at_once_and_is_written_first():
    desk = Desk().supported_unwilling()
    desk.say("a", lead(3))
    assert desk.latest.write.ballots == {"default": Ballot(term=3, voted_for=None)}
    assert desk.held_back("a") == [follow(3, 1)]
    assert desk.election.following.leader == "a"


def test_a_term_that_is_on_disk_is_followed_at_once():
    desk = Desk().supported_unwilling()
    desk.say("a", vote(3))
    desk.written()
    desk.say("a", lead(3))
    assert desk.entries("a") == [follow(3, 1)]


def test_outside_a_session_a_lead_is_not_answered():
    desk = Desk()
    desk.connect("a")
    desk.say("a", lead(3))
    assert desk.entries("a") == desk.held_back("a") == []
    assert desk.election.following is None


def test_a_lower_term_is_followed_after_a_failed_higher_campaign():
    desk = Desk(ballots={"default": Ballot(term=2, voted_for="a")}).supported()
    assert desk.election.role is Role.CANDIDATE and desk.election.term == 3
    desk.say("a", lead(2))
    (refused,) = desk.entries("a")
    assert refused.reason is RefusalReason.CANDIDATE and refused.is_to_lead
    desk.tick(2 * INTERVAL)
    assert follow(2, 1) in desk.entries("a"), "unasked, once it can, and without a wait for the disk"
    assert desk.election.following.term == 2


def test_a_failed_candidacy_is_lowered_an_interval_later():
    desk = Desk(ballots={"default": Ballot(term=2, voted_for="a")}).supported()
    desk.say("a", lead(2))
    following.lower_votes(desk.elector.state)
    assert desk.election.ballot == Ballot(term=3, voted_for="b"), "the candidacy lives"
    for peer in "ac":
        desk.say(peer, Refuse(election="default", term=3, own_term=3, reason=RefusalReason.TERM))
    assert desk.entries("a")[-1] == follow(2, 1) and desk.latest.write is None, "the Follow waits for no disk"
    desk.tick(INTERVAL)
    assert desk.latest.write.ballots == {"default": Ballot(term=3, voted_for="b", lowered_to=2)}
    desk.tick(INTERVAL)
    assert desk.latest.write is None


def test_votes_are_lowered_a_part_in_each_interval():
    names = tuple(f"e{number}" for number in range(LOWERED_MAX + 9))
    state = Desk(ballots={name: Ballot(term=2, voted_for="b") for name in names}).elector.state
    for name in names:
        state.elections[name].follow_term_min = 1
        state.index.update(state.elections[name])
    state.is_storing = False
    following.lower_votes(state)
    assert not state.effects.ballots, "a failing disk is left alone"
    state.is_storing = True
    following.lower_votes(state)
    assert len(state.effects.ballots) == LOWERED_MAX
    following.lower_votes(state)
    assert state.effects.ballots == {name: Ballot(term=2, voted_for="b", lowered_to=1) for name in names}


def test_a_restart_follows_from_the_term_that_is_on_disk():
    desk = Desk(ballots={"default": Ballot(term=5, voted_for="b", lowered_to=2)}).supported_unwilling()
    desk.say("a", lead(1))
    assert desk.entries("a")[0].reason is RefusalReason.TERM
    desk.say("a", lead(3))
    assert follow(3, 1) in desk.entries("a")
    assert desk.latest.write is None, "no node was elected by this one's vote in between"


def test_a_restart_with_a_vote_alone_follows_no_lower_term():
    desk = Desk(ballots={"default": Ballot(term=5, voted_for="b")}).supported_unwilling()
    desk.say("a", lead(4))
    assert desk.entries("a")[0].reason is RefusalReason.TERM


def test_a_lower_term_is_refused_when_another_was_granted_since():
    desk = Desk().supported_unwilling()
    desk.say("c", vote(3))
    desk.say("a", lead(2))
    (refused,) = desk.entries("a")
    assert (refused.reason, refused.own_term) == (RefusalReason.TERM, 3)


def test_a_lower_term_is_refused_when_a_higher_one_was_followed():
    desk = Desk().following("a", 3)
    desk.say("c", lead(2))
    assert desk.entries("c")[0].reason is RefusalReason.TERM
    assert desk.election.following.leader == "a"


def test_a_higher_lead_replaces_the_leader_one_was_bound_to():
    desk = Desk().following("a", 3)
    desk.say("c", lead(4))
    assert desk.election.following.leader == "c"
    assert desk.held_back("c") == [follow(4, 2)]


def test_a_second_leader_of_the_same_term_is_refused():
    desk = Desk().following("a", 3)
    desk.say("c", lead(3))
    assert desk.entries("c")[0].reason is RefusalReason.TERM


def test_a_leader_that_follows_a_higher_term_reports_the_loss():
    desk = Desk().elected()
    term = desk.election.term
    desk.say("a", lead(term + 1))
    (lost,) = desk.events(Lost)
    assert (lost.term, lost.reason) == (term, LossReason.SUPERSEDED)
    assert desk.latest.leases == {"default": None}
    assert desk.election.following.leader == "a"
    assert desk.entries("c") == [resign(term)]


def test_a_leader_refuses_a_lower_term():
    desk = Desk(ballots={"default": Ballot(term=4, voted_for=None)}).elected()
    desk.say("a", lead(4))
    (refused,) = desk.entries("a")
    assert refused == Refuse(
        election="default", term=4, own_term=5, reason=RefusalReason.LEADING, leader="b", is_to_lead=True
    )


def test_one_is_bound_until_the_session_ends():
    desk = Desk().following("a", 3)
    until = desk.elector.state.support.peers["a"].promised_until
    desk.tick(until - desk.now - 1)
    assert desk.election.following is not None
    desk.tick(1)
    assert desk.election.following is None
    desk.say("c", vote(4))
    assert desk.held_back("c")


def test_a_trusted_end_of_stream_ends_the_session_on_the_spot():
    desk = Desk().following("a", 3)
    ready = desk.take(desk.elector.link_ended(desk.now, "a", Number(1, 1), is_end_of_stream=True))
    assert desk.election.following is None
    assert [m.supports for m in desk.messages("c", type(desk.heartbeat()))] == [("c",)], "said at once"
    assert desk.messages("c", Knowledge) == [], "perhaps another leads before the interval is over"
    desk.tick(INTERVAL)
    (known,) = desk.messages("c", Knowledge)
    assert known.entries[0].leader is None
    assert [e.leader for e in ready.events if isinstance(e, LeaderChanged)] == [None]


def test_a_reset_proves_nothing():
    desk = Desk().following("a", 3)
    desk.take(desk.elector.link_ended(desk.now, "a", Number(1, 1), is_end_of_stream=False))
    assert desk.election.following is not None


def test_end_of_stream_on_an_untrusted_link_proves_nothing():
    desk = Desk()
    desk.take(desk.elector.set_paused(desk.now, is_paused=True))
    desk.connect("a", "c", is_trusted=False)
    desk.beat("a")
    desk.say("a", lead(1))
    desk.take(desk.elector.link_ended(desk.now, "a", Number(1, 1), is_end_of_stream=True))
    assert desk.election.following is not None


def test_a_higher_link_ends_the_session_and_a_late_end_does_not():
    desk = Desk().following("a", 3)
    desk.connect("a")
    assert desk.election.following is None
    desk.beat("a")
    desk.say("a", lead(3))
    assert desk.election.following.session == Number(7, 3)
    desk.take(desk.elector.link_ended(desk.now, "a", Number(1, 1), is_end_of_stream=True))
    assert desk.election.following is not None


def test_a_lower_link_is_ignored():
    desk = Desk().following("a", 3)
    desk.take(desk.elector.link_accepted(desk.now, "a", Number(1, 1), is_trusted=True))
    assert desk.election.following is not None


def test_a_resignation_lets_go_and_is_answered():
    desk = Desk().following("a", 3)
    desk.say("a", resign(3))
    assert desk.entries("a") == [Resigned(election="default", term=3)]
    assert desk.election.following is None


def test_a_repeated_resignation_keeps_the_successor():
    """A leader answers a Follow that crossed its Resign with another one."""
    desk = Desk().following("a", 3)
    desk.say("a", resign(3, successor="c"))
    desk.say("a", resign(3))
    assert desk.entries("a") == [Resigned(election="default", term=3)]
    assert desk.election.successor == "c"
    desk.say("a", resign(4))
    assert desk.election.successor is None


def test_an_older_resignation_is_answered_and_lets_nobody_go():
    desk = Desk().following("a", 3)
    desk.say("a", resign(2))
    assert desk.entries("a") == [Resigned(election="default", term=2)]
    assert desk.election.following is not None


def test_a_resignation_takes_back_a_lead_that_was_refused():
    desk = Desk(ballots={"default": Ballot(term=2, voted_for="a")}).supported()
    desk.say("a", lead(2))
    desk.say("a", resign(2))
    desk.tick(2 * INTERVAL)
    assert desk.election.following is None


def test_a_lead_that_was_refused_is_forgotten_with_its_session():
    """The peer's next process knows nothing of it, and repeats no Resign: who followed it would be bound for good."""
    desk = Desk(ballots={"default": Ballot(term=2, voted_for="a")}).supported()
    desk.say("a", lead(2))
    assert desk.election.campaign is not None
    desk.connect("a")
    desk.beat("a", acks=False)
    desk.tick(2 * INTERVAL)
    assert desk.election.campaign is None
    assert desk.election.following is None


def test_knowledge_is_taken_in_order_only():
    desk = Desk()
    desk.connect("a", "c")
    desk.beat("a", supports="c")
    desk.beat("c", supports="a")
    desk.know("a", "c", number=2)
    assert not desk.events(LeaderChanged), "the first is missing"
    desk.know("a", "c", number=1)
    assert [e.leader for e in desk.events(LeaderChanged)] == ["c"]
    desk.know("a", None, number=1)
    assert not desk.events(LeaderChanged), "said again: already taken"
    desk.receive("a", Knowledge(number=7, whole=True, entries=()))
    assert [e.leader for e in desk.events(LeaderChanged)] == [None], "the whole replaces what was said before"


def test_knowledge_of_an_unsupported_leader_is_ignored():
    desk = Desk()
    desk.connect("a", "c")
    desk.beat("a", supports="")
    desk.know("a", "c")
    assert not desk.events(LeaderChanged)
    desk.beat("a", supports="c")
    assert [e.leader for e in desk.events(LeaderChanged)] == ["c"]


@pytest.mark.parametrize("ending", ["resigned", "died"])
def test_knowledge_of_an_earlier_leader_is_ignored(ending):
    """Who still reports it has not heard of the later one."""
    desk = Desk().following("a", 3)
    desk.know("a", "a", term=3)
    desk.say("c", lead(4))
    assert [e.leader for e in desk.events(LeaderChanged)] == ["c"]
    if ending == "resigned":
        desk.say("c", resign(4))
    else:
        desk.lose("c")
    assert [e.leader for e in desk.events(LeaderChanged)] == [None]
    desk.know("a", "a", term=5, number=2)
    assert [e.leader for e in desk.events(LeaderChanged)] == ["a"]


def test_knowledge_of_a_restarted_process_is_ignored():
    desk = Desk()
    desk.connect("a", "c")
    desk.beat("a", supports="c")
    desk.know("a", "c", incarnation=0)
    assert not desk.events(LeaderChanged)


def test_all_knowledge_precedes_the_first_heartbeat_on_a_link():
    names = tuple(f"e{n:04}" for n in range(600))
    desk = Desk(elections=names).supported_unwilling()
    for start in range(0, 600, 200):
        desk.say("a", *(Lead(election=name, term=1) for name in names[start : start + 200]))
    desk.connect("c")
    messages = [send.message for send in desk.latest.send if send.peer == "c"]
    assert [type(message).__name__ for message in messages] == ["Knowledge"] * 3 + ["Heartbeat"]
    assert [message.whole for message in messages[:3]] == [True, False, False]
    assert [message.number for message in messages[:3]] == [1, 2, 3]
    assert messages[3].said == 3
    assert sum(len(message.entries) for message in messages[:3]) == 600
    assert max(len(message.entries) for message in messages[:3]) <= ENTRIES_MAX


def test_a_peer_that_missed_knowledge_is_told_everything_again():
    desk = Desk().following("a", 3)
    assert desk.elector.state.support.peers["c"].knowledge_numbers.sent == 1
    said: list[Knowledge] = []
    for _ in range(25):
        desk.beat("a", supports="c", acks=True)
        desk.beat("c", supports="a", acks=True)
        desk.tick(INTERVAL)
        said += desk.messages("c", Knowledge)
    assert len(said) >= 1
    assert said[0].whole
    assert said[0].entries == (Known(election="default", term=3, leader="a", incarnation=1, stands=True),)


def test_no_knowledge_is_repeated_to_a_peer_that_heard_it():
    desk = Desk().following("a", 3)
    for _ in range(25):
        desk.now += MS
        heard = desk.elector.state.support.peers["c"].knowledge_numbers.sent
        beat = desk.heartbeat(supports="a", ack=desk.ack("c"))
        desk.receive("c", type(beat)(**{f: getattr(beat, f) for f in beat.__slots__} | {"heard": heard}))
        desk.beat("a", supports="c")
        desk.tick(INTERVAL)
        assert desk.messages("c", Knowledge) == []


def test_a_known_leader_without_support_is_forgotten():
    desk = Desk(elections=())
    desk.connect("c")
    desk.know("c", "a")
    assert desk.election.leader == (None, 0)
    desk.beat("c", supports="a")
    desk.tick(INTERVAL)
    assert desk.election.leader == ("a", 1)
    desk.beat("c", supports="")
    desk.tick(INTERVAL)
    assert desk.election.leader[0] is None
    desk.beat("c", supports="a")
    desk.tick(INTERVAL)
    assert desk.election.leader == ("a", 1)
    desk.tick(2 * DURATION)
    assert desk.election.leader[0] is None
