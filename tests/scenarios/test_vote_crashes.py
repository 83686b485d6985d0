"""kill -9 at every point around a vote, a restart, and a second candidate in the same term: never two grants."""

import pytest

from elect.core.messages import Grant, RefusalReason, Refuse, Vote
from elect.core.ready import Ballot, Role
from elect.testing.stage import ELECTION, Stage

MS = 1_000_000


def two_candidates() -> Stage:
    """`a` and `c` are candidates in term 1; neither has asked `b` yet, which has a slow disk."""
    stage = Stage()
    stage.stand("a")
    stage.stand("c")
    assert stage.is_under_way("a", "b", Vote, 1)
    assert stage.is_under_way("c", "b", Vote, 1)
    stage.actors["b"].is_disk_slow = True
    return stage


def die_after_deciding(stage: Stage) -> None:
    stage.deliver("a", "b", Vote, 1)


def die_after_sending(stage: Stage) -> None:
    stage.deliver("a", "b", Vote, 1)
    stage.write("b")
    assert stage.is_under_way("b", "a", Grant, 1)


POINTS = {
    "before its write": (die_after_deciding, False, False),
    "before its write, and what left arrives": (die_after_deciding, False, True),
    "after its write, before its send": (die_after_deciding, True, False),
    "after its send, which is lost": (die_after_sending, True, False),
    "after its send, which arrives": (die_after_sending, True, True),
}


def ask_again(stage: Stage, candidate: str) -> None:
    """The candidate's Vote of term 1, on whatever link it has now."""
    election = stage.actors[candidate].elector.state.elections[ELECTION]
    vote = Vote(election=ELECTION, term=1, offset=0)
    assert election.ballot == Ballot(term=1, voted_for=candidate)
    stage.lose(candidate, "b")
    stage.say(candidate, "b", vote)
    stage.deliver(candidate, "b", Vote, 1)


@pytest.mark.parametrize("point", POINTS)
def test_a_voter_killed_around_its_vote_never_gives_two(point: str):
    stage = two_candidates()
    die, is_written, is_sent = POINTS[point]
    die(stage)
    stage.restart("b", is_written=is_written, is_sent=is_sent)
    stage.actors["b"].is_disk_slow = False

    ask_again(stage, "c")
    assert refusals(stage, "b", "c") == [RefusalReason.BOOT_FENCE]
    stage.wait(1_011 * MS)
    ask_again(stage, "c")
    granted = stage.grants.get(("b", 1), set())
    if is_written:
        assert refusals(stage, "b", "c")[-1] is RefusalReason.TERM
        assert granted <= {"a"}
    else:
        assert granted == {"c"}
    ask_again(stage, "a")
    assert len(stage.grants[("b", 1)]) == 1


def refusals(stage: Stage, source: str, target: str) -> list[RefusalReason]:
    frames = [frame.message for frame in stage.actors[source].under_way.get(target, [])]
    entries = [entry for message in frames for entry in getattr(message, "entries", ())]
    return [entry.reason for entry in entries if isinstance(entry, Refuse)]


@pytest.mark.parametrize("is_written", [True, False])
def test_a_candidate_killed_around_its_own_vote_does_not_win_by_a_grant_for_its_past(is_written: bool):
    stage = Stage()
    stage.actors["a"].is_disk_slow = True
    stage.stand("a")
    stage.deliver("a", "b", Vote, 1)
    stage.restart("a", is_written=is_written)
    stage.deliver("b", "a", Grant, 1)
    assert stage.actors["a"].elector.state.elections[ELECTION].role is Role.FOLLOWER
    assert stage.holders() == []
