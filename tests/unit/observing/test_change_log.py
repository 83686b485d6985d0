"""The changes that a node keeps for mirrors."""

import threading
from dataclasses import replace

from elect.core.configuration import Configuration
from elect.leader import Leader
from elect.observing.change_log import ChangeLog, LoggedChange

MEMBERS = Configuration.initial("abc")
LEADER = Leader(node_id="a", term=1)


def made(count: int, kept_max: int = 8, *, is_kept: bool = True) -> ChangeLog:
    log = ChangeLog(MEMBERS, kept_max=kept_max)
    if is_kept:
        log.keep()
    for number in range(count):
        log.note_leader(f"e{number % 3}", number, replace(LEADER, term=number))
    return log


def test_the_members_are_the_first_change():
    log = made(0)
    assert log.snapshot() == [LoggedChange(1, "", configuration=MEMBERS)]
    assert log.stream != made(0).stream


def test_changes_are_numbered_from_one():
    found = made(5).since(1, 100)
    assert [(change.revision, change.topic, change.term) for change in found] == [
        (2, "e0", 0),
        (3, "e1", 1),
        (4, "e2", 2),
        (5, "e0", 3),
        (6, "e1", 4),
    ]


def test_the_latest_ones_are_kept():
    log = made(20)
    assert log.revision == 21
    assert [change.revision for change in log.since(13, 100)] == [*range(14, 22)]
    assert [change.revision for change in log.since(13, 3)] == [14, 15, 16]
    assert log.since(12, 100) is None
    assert [log.has_since(revision) for revision in (12, 13, 21, 22)] == [False, True, True, False]
    assert log.since(21, 100) == []


def test_nothing_is_kept_before_the_first_mirror():
    log = made(20, is_kept=False)
    assert log._ring == []
    assert not log.has_since(20)
    assert log.has_since(21)
    log.keep()
    log.note_members(MEMBERS)
    log.keep()
    assert [change.revision for change in log.since(21, 9)] == [22]
    assert log.since(20, 9) is None


def test_a_snapshot_has_the_latest_of_each_topic():
    found = made(20).snapshot()
    assert [(change.revision, change.topic) for change in found] == [(1, ""), (19, "e2"), (20, "e0"), (21, "e1")]


def test_a_snapshot_is_bounded_and_has_the_members(monkeypatch):
    monkeypatch.setattr("elect.observing.change_log.ENTRIES_MAX", 2)
    assert [change.revision for change in made(20).snapshot()] == [1, 20, 21]
    log = made(20)
    log.note_members(MEMBERS)
    assert [change.revision for change in log.snapshot()] == [21, 22]


def test_a_lost_leader_keeps_its_term():
    log = made(0)
    log.note_leader("x", 9, replace(LEADER, term=9))
    log.note_leader("x", 3, None)
    assert log.snapshot()[-1] == LoggedChange(3, "x", term=9)


def test_a_snapshot_is_that_of_one_revision_while_changes_come():
    """Two threads, without a lock: the changes up to the snapshot's revision make the snapshot."""
    log, history = ChangeLog(MEMBERS, kept_max=64), [("", 0)] * 2
    log.keep()
    is_over = threading.Event()

    def append() -> None:
        number = 0
        while not is_over.is_set():
            number += 1
            history.append((f"e{number % 7}", number))
            log.note_leader(f"e{number % 7}", number, LEADER)

    thread = threading.Thread(target=append)
    thread.start()
    taken = [log.snapshot() for _ in range(300)]
    is_over.set()
    thread.join()
    for changes in taken:
        latest = {topic: (revision, term) for revision, (topic, term) in enumerate(history[: changes[-1].revision + 1])}
        assert {change.topic: (change.revision, change.term) for change in changes} == latest
