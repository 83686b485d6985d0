"""The states of a mirror, each refusal, and the order of what it applies."""

import math

import pytest

from elect.clock import NS_PER_S
from elect.core.configuration import Configuration
from elect.mirror import mirror_machine
from elect.mirror.mirror_machine import (
    DEGRADED_NS,
    HANDSHAKE_NS,
    INTERVAL_NS,
    ISOLATED_NS,
    SOON_NS,
    WAITING_MAX,
    SourceProblem,
)
from elect.mirror.mirror_values import ChangeOrigin, MirrorPhase, Promotion
from elect.observing.mirror_messages import (
    Applied,
    Changes,
    LeaderEntry,
    MembersEntry,
    RefusalCode,
    SealAnswer,
    SnapshotPart,
    SourceHeartbeat,
    SourceRefusal,
    Subscribe,
)
from tests.unit.mirror.machine_ends import ID, MEMBERS, STREAM, Followed, entry, problem, snapshot, welcome

HOUR_NS = 3_600 * NS_PER_S


def test_it_goes_from_disconnected_to_following():
    followed = Followed()
    assert followed.asked == Subscribe(version=1)
    assert followed.phase is MirrorPhase.DISCONNECTED
    followed.say(welcome())
    assert followed.phase is MirrorPhase.BOOTSTRAPPING
    followed.say(SnapshotPart(revision=1, total=3, first=0, entries=(MEMBERS,)))
    state = followed.state
    assert (state.done, state.total, str(state)) == (1, 3, "bootstrapping (1 of 3)")
    followed.say(SnapshotPart(revision=1, total=3, first=1, entries=(entry("x", 1), entry("y", 2))))
    assert followed.phase is MirrorPhase.DEGRADED  # it knows a snapshot, and not yet how old that is
    followed.beat(1)
    assert followed.phase is MirrorPhase.FOLLOWING
    assert followed.machine.content.is_bootstrapped


def test_it_goes_from_following_to_disconnected_at_once():
    followed = Followed().follow()
    assert followed.phase is MirrorPhase.FOLLOWING
    followed.machine.disconnected()
    assert followed.phase is MirrorPhase.DISCONNECTED
    assert followed.state.lag == 0


def test_a_link_that_ends_while_it_bootstraps_begins_anew():
    followed = Followed()
    followed.say(welcome(), SnapshotPart(revision=1, total=2, first=0, entries=(MEMBERS,)))
    followed.machine.disconnected()
    assert followed.phase is MirrorPhase.DISCONNECTED
    assert followed.machine.connected(followed.now).stream == b""
    followed.say(welcome(), snapshot(5, entry("x", 1)))
    assert followed.machine.content.revision == 5


def test_an_idle_source_is_not_degraded():
    followed = Followed().follow()
    for _ in range(100):
        followed.now += INTERVAL_NS
        followed.beat(1)
        assert followed.phase is MirrorPhase.FOLLOWING


def test_silence_makes_it_degraded_and_a_heartbeat_following():
    followed = Followed().follow()
    followed.now += DEGRADED_NS
    assert followed.phase is MirrorPhase.FOLLOWING
    followed.now += 1
    assert followed.phase is MirrorPhase.DEGRADED
    assert followed.state.lag == pytest.approx(3)
    followed.beat(1)
    assert followed.phase is MirrorPhase.FOLLOWING


def test_what_is_not_applied_makes_it_degraded():
    """The source answers, but the mirror does not get the changes."""
    followed = Followed().follow()
    for _ in range(7):
        followed.now += INTERVAL_NS
        followed.beat(9)
    assert followed.phase is MirrorPhase.DEGRADED
    followed.change(2, [entry("x", term) for term in range(1, 9)])
    assert followed.phase is MirrorPhase.FOLLOWING
    assert followed.age_ns == 0


def test_a_source_without_a_quorum_makes_it_degraded():
    followed = Followed().follow()
    for _ in range(8):
        followed.now += INTERVAL_NS
        followed.beat(1, age_ns=4 * NS_PER_S)
    assert followed.phase is MirrorPhase.DEGRADED
    assert followed.age_ns == 4 * NS_PER_S


@pytest.mark.parametrize("jump_ns", [HOUR_NS, -HOUR_NS, 400 * 24 * HOUR_NS, -900 * NS_PER_S])
def test_a_clock_that_jumps_costs_one_heartbeat(jump_ns: int):
    followed = Followed().follow()
    sent = followed.machine._sent_max
    followed.now = max(0, followed.now + jump_ns)
    assert followed.phase is MirrorPhase.DEGRADED
    assert followed.age_ns == (jump_ns if jump_ns > 0 else None)
    followed.say(SourceHeartbeat(revision=1, sent=sent))  # it was under way
    assert followed.age_ns == (jump_ns if jump_ns > 0 else None)
    assert followed.machine.applied_message(followed.now) is not None  # it does not wait for the old time to come
    followed.beat(1)
    assert followed.phase is MirrorPhase.FOLLOWING
    followed.machine.check(followed.now)


@pytest.mark.parametrize("away_s", [100, 599, 600, 900])
def test_the_age_is_unknown_after_a_clock_that_goes_back(away_s: int):
    """Without a link, too: nothing tells how old the knowledge is once that clock has caught up."""
    followed = Followed().follow()
    followed.machine.disconnected()
    followed.now += 600 * NS_PER_S
    followed.machine.note_time(followed.now)
    followed.now -= 500 * NS_PER_S
    followed.machine.note_time(followed.now)
    followed.now += away_s * NS_PER_S
    assert followed.age_ns is None
    followed.machine.connected(followed.now)
    followed.say(welcome(is_resumed=True))
    followed.beat(1)
    assert followed.age_ns == 0


def test_what_was_told_before_the_clock_went_back_has_no_age():
    followed = Followed().follow()
    followed.beat(2)
    followed.now -= 1
    followed.change(2, [entry("x", 1)])
    assert followed.age_ns is None


def test_a_clock_that_goes_back_does_not_hold_a_silent_source():
    followed = Followed()
    followed.now -= 900 * NS_PER_S
    followed.machine.check(followed.now)
    with pytest.raises(SourceProblem, match="no answer"):
        followed.machine.check(followed.now + HANDSHAKE_NS)


def test_a_promoted_mirror_says_so_in_every_state():
    followed = Followed().follow()
    followed.machine.content.promotion = Promotion(floor=1, highest_term=0)
    assert followed.phase is MirrorPhase.PROMOTED
    followed.machine.disconnected()
    assert followed.phase is MirrorPhase.PROMOTED


def test_a_new_mirror_knows_no_age():
    assert Followed().state.lag == math.inf
    assert Followed().age_ns is None


@pytest.mark.parametrize("code", [*RefusalCode, "word_of_a_later_version"])
def test_a_refusal_is_hard_or_soft(code: str):
    error = problem(Followed(), SourceRefusal(code=str(code), text="no"))
    assert error.is_hard is (code in {"other_cluster", "other_version", "not_observer", "promoted"})
    assert (error.code, error.text) == (code, "no")


@pytest.mark.parametrize(
    ("ids", "answer", "code"),
    [
        ({"source_cluster_id": b"o" * 16}, welcome(), RefusalCode.OTHER_CLUSTER),
        ({"cluster_id": ID}, welcome(), RefusalCode.OTHER_CLUSTER),
        ({}, welcome(version=2), RefusalCode.OTHER_VERSION),
    ],
)
def test_the_mirror_checks_the_source_too(ids, answer, code: RefusalCode):
    error = problem(Followed(**ids), answer)
    assert error.is_hard
    assert error.code == code


def test_the_first_source_is_the_only_one():
    followed = Followed()
    followed.say(welcome())
    assert followed.machine.content.source_cluster_id == ID
    followed.machine.disconnected()
    assert followed.machine.connected(0).source_cluster_id == ID
    assert problem(followed, welcome(cluster_id=b"o" * 16)).is_hard


def test_a_source_that_does_not_answer_in_time_is_given_up():
    followed = Followed()
    followed.machine.check(followed.now + HANDSHAKE_NS - 1)
    with pytest.raises(SourceProblem, match="no answer") as raised:
        followed.machine.check(followed.now + HANDSHAKE_NS)
    assert not raised.value.is_hard


def test_a_source_that_is_cut_off_from_its_cluster_is_left():
    followed = Followed().follow()
    followed.now += ISOLATED_NS
    followed.beat(1, age_ns=ISOLATED_NS - 1)
    followed.machine.check(followed.now)
    followed.beat(1, age_ns=ISOLATED_NS)
    with pytest.raises(SourceProblem, match="no quorum") as raised:
        followed.machine.check(followed.now)
    assert not raised.value.is_hard
    followed.machine.connected(followed.now)
    followed.say(welcome(revision=1, is_resumed=True))
    followed.beat(1, age_ns=ISOLATED_NS)
    followed.machine.check(followed.now + ISOLATED_NS - 1)  # where there is no other node, it is of some use


def test_texts_of_the_source_cannot_forge_a_line():
    assert str(problem(Followed(), SourceRefusal(code="x", text="a\n! b"))) == "x: a\\n! b"


def test_changes_are_applied_in_order():
    followed = Followed().follow(entry("x", 1))
    followed.change(2, [entry("x", 2, "b"), LeaderEntry(election="x", term=2)])
    followed.change(4, [entry("y", 1), MembersEntry(configuration=Configuration.initial("ab"))])
    changes = [change for change in followed.seen if change.origin is ChangeOrigin.CHANGE]
    assert [change.revision for change in changes] == [2, 3, 4, 5]
    assert [change.leader and change.leader.node_id for change in changes] == ["b", None, "a", None]
    assert followed.machine.content.configuration == Configuration.initial("ab")
    assert followed.machine.content.highest_term == 2
    assert followed.machine.connected(0).revision == 5


@pytest.mark.parametrize("first", [1, 3, 9])
def test_a_gap_or_a_repeat_ends_the_link(first: int):
    followed = Followed().follow()
    error = problem(followed, Changes(first=first, entries=(entry("x", 1),)))
    assert (error.code, error.is_hard) == ("gap", False)
    assert followed.machine.content.revision == 1


@pytest.mark.parametrize(
    "messages",
    [
        [snapshot(1)],
        [welcome(), welcome()],
        [welcome(), Changes(first=2, entries=(entry("x", 1),))],
        [welcome(), SnapshotPart(revision=1, total=3, first=1, entries=(MEMBERS,))],
        [
            welcome(),
            SnapshotPart(revision=1, total=2, first=0, entries=(MEMBERS,)),
            snapshot(2).__class__(revision=2, total=2, first=1, entries=(entry("x", 1),)),
        ],
        [welcome(), SourceHeartbeat(revision=1, sent=10**18)],
        [welcome(is_resumed=True)],
        [welcome(), Applied(messages=0, revision=0, sent=0)],
        [SealAnswer(outcome="sealed")],
    ],
)
def test_what_comes_out_of_order_ends_the_link(messages: list[object]):
    assert problem(Followed(), *messages).code in ("order", "gap")


def test_a_new_snapshot_may_come_at_any_time():
    followed = Followed().follow(entry("x", 1), entry("y", 1))
    followed.say(snapshot(900, entry("x", 3), entry("z", 1)))
    followed.change(901, [entry("x", 4)])
    content = followed.machine.content
    assert {name: found.leader_id for name, found in content.leaders.items()} == {"x": "a", "y": "", "z": "a"}
    assert content.revision == 901
    found = [(change.election, change.revision) for change in followed.seen if change.origin is ChangeOrigin.SNAPSHOT]
    assert found[-3:] == [("x", 900), ("z", 900), ("y", 900)]
    assert followed.machine.snapshots == 2


def test_a_source_that_is_behind_is_left_and_another_may_follow():
    followed = Followed().follow(entry("x", 7))
    for stale in (entry("x", 6), MembersEntry(configuration=Configuration(term=0, version=0))):
        followed.machine.content.configuration = Configuration(term=0, version=1)
        followed.machine.connected(followed.now)
        part = SnapshotPart(revision=50, total=1, first=0, entries=(stale,))
        error = problem(followed, welcome(stream=b"t" * 16, revision=50), part)
        assert (error.code, error.is_hard) == ("behind", False)
        assert followed.machine.content.stream == STREAM
    followed.machine.connected(followed.now)
    part = SnapshotPart(
        revision=3,
        total=2,
        first=0,
        entries=(LeaderEntry(election="x", term=0), MembersEntry(configuration=Configuration(term=0, version=1))),
    )
    followed.say(welcome(stream=b"u" * 16, revision=3), part)  # it claims no leader of an earlier term
    assert followed.machine.content.stream == b"u" * 16
    assert followed.machine.content.highest_term == 7


def test_the_age_is_that_of_the_node_that_is_followed_now():
    followed = Followed().follow(entry("x", 5))
    followed.machine.disconnected()
    followed.machine.connected(followed.now)
    followed.say(welcome(stream=b"t" * 16))
    assert followed.age_ns == 0  # it still knows what it had from the first node
    followed.say(snapshot(1, entry("x", 5)))
    assert followed.age_ns is None
    followed.beat(1, age_ns=9 * NS_PER_S)
    assert followed.age_ns == 9 * NS_PER_S
    assert followed.phase is MirrorPhase.DEGRADED


def test_a_heartbeat_before_the_snapshot_of_another_node_counts():
    followed = Followed().follow(entry("x", 5))
    followed.machine.disconnected()
    followed.machine.connected(followed.now)
    followed.say(welcome(stream=b"t" * 16))
    followed.beat(1, age_ns=NS_PER_S)
    followed.say(snapshot(1, entry("x", 5)))
    assert followed.age_ns == NS_PER_S


def test_a_stream_that_resumes_needs_no_snapshot():
    followed = Followed().follow(entry("x", 1))
    followed.machine.disconnected()
    asked = followed.machine.connected(followed.now)
    assert (asked.stream, asked.revision) == (STREAM, 1)
    followed.say(welcome(revision=2, is_resumed=True))
    followed.change(2, [entry("x", 2)])
    followed.beat(2)
    assert followed.phase is MirrorPhase.FOLLOWING


def test_applied_is_sent_soon_after_work_and_sometimes_without():
    followed = Followed().follow()
    machine = followed.machine
    machine.applied_message(followed.now + INTERVAL_NS)
    followed.now += INTERVAL_NS
    followed.change(2, [entry("x", 1)])
    assert machine.applied_message(followed.now + SOON_NS - 1) is None
    applied = machine.applied_message(followed.now + SOON_NS)
    assert (applied.messages, applied.revision) == (2, 2)
    assert machine.applied_message(followed.now + SOON_NS + INTERVAL_NS - 1) is None
    assert machine.applied_message(followed.now + SOON_NS + INTERVAL_NS) is not None


def test_what_is_not_done_with_is_bounded():
    followed = Followed().follow()
    change = Changes(first=2, entries=(entry("x", 1),))
    for _ in range(WAITING_MAX):
        followed.machine.receive(change, followed.now)
    with pytest.raises(SourceProblem, match="room"):
        followed.machine.receive(change, followed.now)


def test_many_changes_are_applied_at_once(monkeypatch):
    monkeypatch.setattr(mirror_machine, "BATCH_ENTRIES_MAX", 3)
    followed = Followed().follow()
    for revision in range(2, 8):
        followed.machine.receive(Changes(first=revision, entries=(entry("x", revision),)), followed.now)
    assert [len(followed.machine.applied(followed.machine.next_batch())) for _ in range(2)] == [3, 3]
    assert followed.machine.next_batch() is None
