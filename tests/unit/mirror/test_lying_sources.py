"""A source that lies costs a mirror its link, and neither its memory, nor its promotion, nor the other nodes."""

import pytest

from elect.core.configuration import Configuration
from elect.core.promotion import FLOOR_MAX, SEEN_TERM_MAX, floor_above
from elect.mirror import mirror_content
from elect.mirror.mirror_machine import INTERVAL_NS, STALLED_APPLIED, SourceProblem
from elect.observing.mirror_messages import Changes, LeaderEntry, MembersEntry, SnapshotPart, SourceHeartbeat
from tests.unit.mirror.machine_ends import MEMBERS, Followed, entry, problem, snapshot, welcome


@pytest.mark.parametrize("is_snapshot", [True, False])
@pytest.mark.parametrize(
    "made",
    [
        lambda term: entry("x", term),
        lambda term: LeaderEntry(election="x", term=term),
        lambda term: MembersEntry(configuration=Configuration(term=term, version=0)),
    ],
)
def test_a_term_above_which_none_can_be_promoted_is_refused(made, is_snapshot: bool):
    followed = Followed().follow()
    for term in (SEEN_TERM_MAX, SEEN_TERM_MAX + 1):
        content = followed.machine.content
        message = Changes(first=content.revision + 1, entries=(made(term),))
        if is_snapshot:
            message = SnapshotPart(revision=9, total=1, first=0, entries=(made(term),))
        if term > SEEN_TERM_MAX:
            error = problem(followed, message)
            assert (error.code, error.is_hard) == ("term", False)
        else:
            followed.say(message)
        assert content.highest_term == SEEN_TERM_MAX
    assert floor_above(content.highest_term) == FLOOR_MAX


def test_elections_are_bounded_and_a_snapshot_makes_room(monkeypatch):
    monkeypatch.setattr(mirror_content, "ELECTIONS_MAX", 6)
    monkeypatch.setattr(mirror_content, "ENTRIES_MAX", 3)
    followed = Followed().follow(entry("a", 1), entry("b", 1))
    followed.change(2, [entry(name, 1) for name in "abcdef"])
    error = problem(followed, Changes(first=8, entries=(entry("a", 2), entry("g", 1))))
    assert (error.code, error.is_hard) == ("elections", False)
    asked = followed.machine.connected(followed.now)
    assert (asked.stream, asked.revision) == (b"", 0)
    followed.say(welcome(revision=9), snapshot(9, entry("a", 2), entry("g", 1)))
    content = followed.machine.content
    assert [*content.leaders] == ["a", "b", "c", "d", "g"]
    assert {*content.leader_terms} == {*content.leaders}
    assert followed.machine.connected(followed.now).revision == 9
    followed.say(welcome(revision=9, is_resumed=True))
    followed.change(10, [entry("h", 1)])
    assert len(content.leaders) == 6


def test_the_terms_of_forgotten_elections_are_forgotten(monkeypatch):
    monkeypatch.setattr(mirror_content, "ELECTIONS_MAX", 4)
    monkeypatch.setattr(mirror_content, "ENTRIES_MAX", 2)
    followed = Followed().follow()
    for revision in range(2, 20):
        followed.say(snapshot(revision, entry(f"e{revision}", revision), entry(f"f{revision}", revision)))
    assert len(followed.machine.content.leader_terms) == len(followed.machine.content.leaders) == 4


class Stalling:
    """A mirror that says Applied; the source answers with other things than what is to be applied."""

    def __init__(self) -> None:
        self.followed = Followed().follow()

    def ask(self, count: int, *answers: object) -> None:
        for _ in range(count):
            self.followed.now += INTERVAL_NS
            assert self.followed.machine.applied_message(self.followed.now) is not None
            self.followed.say(*answers)
            self.followed.machine.check(self.followed.now)


PART = SnapshotPart(revision=9, total=3, first=0, entries=(MEMBERS, entry("x", 1)))
NEXT = SnapshotPart(revision=9, total=3, first=2, entries=(entry("y", 1),))


@pytest.mark.parametrize("answers", [[], [SourceHeartbeat(revision=9, sent=0)], [PART]])
def test_a_source_of_which_nothing_comes_is_left(answers: list[object]):
    """It answers no Applied, or has changes and sends none, or begins its snapshot again and again."""
    stalling = Stalling()
    stalling.ask(1, *answers)
    with pytest.raises(SourceProblem, match="nothing to apply") as raised:
        stalling.ask(STALLED_APPLIED, *answers)
    assert (raised.value.code, raised.value.is_hard) == ("stalled", False)


@pytest.mark.parametrize("answer", [PART, SourceHeartbeat(revision=1, sent=0)])
def test_a_source_that_brings_something_is_not_left(answer: object):
    stalling = Stalling()
    stalling.ask(STALLED_APPLIED - 1)
    stalling.ask(1, answer)
    stalling.ask(STALLED_APPLIED - 1)
    if answer is PART:
        stalling.ask(1, NEXT)
        stalling.ask(STALLED_APPLIED - 1)
        stalling.ask(1, Changes(first=10, entries=(entry("x", 2),)))
        stalling.ask(STALLED_APPLIED - 1)


def test_a_program_that_is_slow_does_not_blame_the_source():
    stalling = Stalling()
    stalling.followed.machine.receive(Changes(first=2, entries=(entry("x", 1),)), stalling.followed.now)
    for _ in range(2 * STALLED_APPLIED):
        stalling.followed.now += INTERVAL_NS
        assert stalling.followed.machine.applied_message(stalling.followed.now) is not None
        stalling.followed.machine.check(stalling.followed.now)
