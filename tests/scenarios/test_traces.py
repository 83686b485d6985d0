"""The traces of PROTOCOL.md, section 9, that broke earlier drafts; those that need no membership change."""

import pytest

from elect.core.messages import Follow, Grant, Heartbeat, Lead, RefusalReason, Refuse, Resign, Vote
from elect.core.ready import Ballot, Role
from elect.testing.stage import ELECTION, Stage
from elect.testing.violation import InvariantViolation

MS = 1_000_000


def role(stage: Stage, node_id: str) -> Role:
    return stage.actors[node_id].elector.state.elections[ELECTION].role


def hurry(stage: Stage, node_id: str) -> None:
    """Campaign without the wait that is due after a failed campaign or a grant: a courtesy that no promise rests on."""
    state = stage.actors[node_id].elector.state
    election = state.elections[ELECTION]
    election.retry_at = 0
    state.touch(election)
    stage.stand(node_id)


def role_and_term(stage: Stage, node_id: str) -> tuple[Role, int]:
    return role(stage, node_id), stage.actors[node_id].elector.state.elections[ELECTION].term


def refusal(stage: Stage, source: str, target: str) -> Refuse:
    """The latest refusal under way."""
    frames = [frame.message for frame in stage.actors[source].under_way[target]]
    entries = [entry for message in frames for entry in getattr(message, "entries", ())]
    return [entry for entry in entries if isinstance(entry, Refuse)][-1]


def test_1_an_abandoned_vote_does_not_lead_back_below_what_was_granted_to_another():
    stage = Stage(ballots={"b": Ballot(term=2, voted_for=None), "a": Ballot(term=1, voted_for=None)})
    stage.stand("a")
    stage.deliver("a", "c", Vote, 2)
    assert stage.is_under_way("c", "a", Grant, 2)

    stage.wait(10 * MS)
    stage.stand("b")
    stage.deliver("b", "c", Vote, 3)
    stage.deliver("c", "b", Grant, 3)
    assert role_and_term(stage, "b") == (Role.LEADER, 3)

    stage.wait(10 * MS)
    hurry(stage, "c")
    assert role_and_term(stage, "c") == (Role.CANDIDATE, 4)

    stage.wait(150 * MS)
    stage.deliver("c", "a", Grant, 2)
    assert role_and_term(stage, "a") == (Role.LEADER, 2)

    stage.wait(60 * MS)
    stage.tick("c")
    assert role_and_term(stage, "c") == (Role.FOLLOWER, 4)
    stage.deliver("a", "c", Lead, 2)
    assert stage.following("c") is None
    assert refusal(stage, "c", "a").reason is RefusalReason.TERM

    stage.deliver("b", "c", Lead, 3)
    assert stage.following("c") == ("b", 3)
    stage.deliver("c", "b", Follow, 3)
    assert stage.holders() == ["b"]
    stage.deliver_all([("c", "a"), ("a", "c")])
    assert stage.holders() == ["b"]


def bare_quorum() -> Stage:
    """`a` leads on the support of `b` alone; `c`, cut off from `a`, would take its place."""
    stage = Stage()
    stage.elect("a")
    stage.cuts = {("a", "c"), ("c", "a")}
    stage.beat(12)
    for source, target in stage.cuts:
        stage.lose(source, target)
    assert stage.holders() == ["a"]
    assert stage.following("b") == ("a", 1)
    assert stage.following("c") is None
    return stage


def acknowledge_under_way(stage: Stage) -> None:
    """`b` has sent `a` an ack for the link on which `a`'s heartbeat just came."""
    stage.wait(100 * MS)
    stage.tick("a")
    stage.deliver("a", "b", Heartbeat)
    stage.tick("b")
    assert stage.is_under_way("b", "a", Heartbeat)


def test_2_a_late_ack_for_a_closed_link_counts_for_nothing():
    stage = bare_quorum()
    acknowledge_under_way(stage)
    stage.close("a", "b")
    assert stage.holders() == []

    stage.deliver("b", "a", Heartbeat)
    assert stage.holders() == []

    stage.deliver_end("a", "b")
    assert stage.following("b") is None
    stage.stand("c")
    stage.beat()
    stage.deliver_all([("c", "b"), ("b", "c")])
    assert stage.holders() == ["c"]
    stage.deliver_all([("a", "b"), ("b", "a")])
    assert stage.holders() == ["c"]


def test_2_a_late_end_of_an_old_stream_ends_nothing_after_a_redial():
    stage = bare_quorum()
    acknowledge_under_way(stage)
    stage.close("a", "b")
    stage.dial("a", "b")
    assert stage.following("b") is None

    stage.deliver("b", "a", Heartbeat)
    assert stage.holders() == []

    stage.deliver("a", "b", Heartbeat)
    stage.deliver_all([("b", "a")])
    stage.deliver("a", "b", Lead, 1)
    assert stage.following("b") == ("a", 1)
    stage.deliver("b", "a", Follow, 1)
    assert stage.holders() == ["a"]

    stage.deliver_end("a", "b")
    assert stage.following("b") == ("a", 1)
    assert stage.holders() == ["a"]
    stage.stand("c")
    stage.deliver_all([("c", "b"), ("b", "c")])
    assert stage.holders() == ["a"]
    assert role(stage, "c") is not Role.LEADER


def test_2_after_a_redial_an_old_ack_cannot_revive_what_the_close_ended():
    stage = bare_quorum()
    acknowledge_under_way(stage)
    old = [frame for frame in stage.actors["b"].under_way["a"] if frame.holds(Heartbeat, None)]
    stage.close("a", "b")
    stage.dial("a", "b")
    stage.deliver("b", "a", Heartbeat)
    assert len(old) == 1
    assert stage.actors["a"].table.counted["b"] == 0


def test_5_a_grant_that_is_decided_and_not_written_refuses_an_older_lead():
    stage = Stage(ballots={"c": Ballot(term=1, voted_for=None)})
    stage.stand("a")
    stage.lose("a", "c")
    stage.deliver("a", "b", Vote, 1)
    stage.deliver("b", "a", Grant, 1)
    assert role_and_term(stage, "a") == (Role.LEADER, 1)
    stage.actors["b"].is_disk_slow = True
    stage.stand("c")
    assert role_and_term(stage, "c") == (Role.CANDIDATE, 2)

    stage.deliver("c", "b", Vote, 2)
    assert not stage.is_under_way("b", "c", Grant, 2)
    assert stage.is_under_way("a", "b", Lead, 1)
    stage.deliver("a", "b", Lead, 1)
    assert stage.following("b") is None
    assert refusal(stage, "b", "a").reason is RefusalReason.TERM

    stage.write("b")
    stage.deliver("b", "c", Grant, 2)
    assert role_and_term(stage, "c") == (Role.LEADER, 2)


def test_6_an_old_resign_does_not_free_those_who_follow_the_same_leader_again():
    stage = Stage()
    stage.elect("a")
    stage.input("a", lambda elector, now: elector.resign(now, ELECTION))
    stage.input("a", lambda elector, now: elector.acknowledge(now, ELECTION, 1))
    assert stage.is_under_way("a", "b", Resign, 1)
    stage.deliver("a", "b", Resign, is_copy=True)
    stage.deliver("a", "c", Resign, is_copy=True)
    assert stage.following("b") is None

    old = {peer: [frame for frame in stage.actors["a"].under_way[peer] if frame.holds(Resign, 1)] for peer in "bc"}
    stage.lose("a", "b")
    stage.lose("a", "c")
    for _ in range(3):
        stage.beat()
        stage.deliver_all()
    assert stage.holders() == ["a"]
    assert stage.following("b") == ("a", 2)

    for peer in "bc":
        stage.actors["a"].under_way[peer] += old[peer]
    stage.deliver_all()
    assert stage.following("b") == ("a", 2)
    assert stage.following("c") == ("a", 2)
    assert stage.holders() == ["a"]


def test_7_an_unwilling_ex_leader_whose_resign_is_lost_with_its_links_says_it_again():
    stage = Stage()
    stage.elect("a")
    stage.stand("b")
    stage.input("a", lambda elector, now: elector.set_paused(now, is_paused=True))
    stage.input("a", lambda elector, now: elector.acknowledge(now, ELECTION, 1))
    for peer in "bc":
        assert stage.is_under_way("a", peer, Resign, 1)
        stage.close("a", peer)
        stage.lose("a", peer)
        stage.dial("a", peer)
    for _ in range(6):
        stage.beat()
        stage.deliver_all()
    assert stage.holders() == ["b"]
    assert stage.following("a") == ("b", 2)


def test_7_an_unwilling_ex_leader_whose_resign_is_dropped_on_a_living_link_says_it_again():
    stage = Stage()
    stage.elect("a")
    stage.stand("b")
    stage.input("a", lambda elector, now: elector.set_paused(now, is_paused=True))
    stage.input("a", lambda elector, now: elector.acknowledge(now, ELECTION, 1))
    for peer in "bc":
        assert stage.is_under_way("a", peer, Resign, 1)
        stage.lose("a", peer)
    assert stage.following("b") == stage.following("c") == ("a", 1)
    for _ in range(6):
        stage.beat()
        stage.deliver_all()
    assert stage.holders() == ["b"]


def test_7_resign_leaves_after_the_grace_when_the_application_never_hears_of_it():
    stage = Stage()
    stage.elect("a")
    stage.stand("b")
    stage.input("a", lambda elector, now: elector.set_paused(now, is_paused=True))
    stage.deliver_all()
    assert stage.holders() == []
    stage.beat(49)
    stage.deliver_all()
    assert stage.following("b") == ("a", 1)
    for _ in range(6):
        stage.beat()
        stage.deliver_all()
    assert stage.holders() == ["b"]


def test_8_a_frame_is_stamped_after_it_was_read_however_long_the_freeze_before_that():
    stage = bare_quorum()
    stage.wait(100 * MS)
    stage.tick("a")
    stage.wait(900 * MS)
    stage.deliver("a", "b", Heartbeat)
    stage.tick("b")
    stage.deliver("b", "a", Heartbeat)
    promise = stage.actors["b"].elector.state.support.peers["a"]
    assert stage.actors["a"].table.counted["b"] < promise.promised_until
    assert promise.promised_until == stage.now + 1_010 * MS


def test_8_a_stamp_from_before_the_freeze_would_let_the_leader_count_on_nothing():
    """What the rule is for: a promise anchored before the freeze ends before the support that its ack brings."""
    stage = bare_quorum()
    stamp_before_freeze = stage.now
    stage.wait(900 * MS)
    stage.tick("a")
    frame = next(frame for frame in stage.actors["a"].under_way["b"] if frame.holds(Heartbeat, None))
    assert frame.message is not None
    message = frame.message
    stage.input("b", lambda elector, now: elector.receive(stamp_before_freeze, "a", frame.link, message))
    stage.input("b", lambda elector, now: elector.tick(stamp_before_freeze + 100 * MS))
    with pytest.raises(InvariantViolation, match="counted support is promised"):
        stage.deliver("b", "a", Heartbeat)
