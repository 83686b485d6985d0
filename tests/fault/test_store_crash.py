"""A process killed at any point around a write: what was reported is on disk, and of the rest all or nothing."""

import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from elect.core.configuration import Configuration
from elect.core.ready import Ballot
from elect.errors import StoreError
from elect.storage.sqlite import SqliteStore
from elect.storage.store import StoreContent
from tests.unit.test_store_upgrade import VOTE, downgrade, open_and_write

pytestmark = pytest.mark.long

DEADLINE_S = 20.0
BEFORE = {"default": Ballot(term=5, voted_for="b"), "other": Ballot(term=2, voted_for=None)}
AFTER = {"default": Ballot(term=6, voted_for="c"), "other": Ballot(term=2, voted_for="a")}
FIRST = Configuration.initial("abc")
SECOND = Configuration(members=Configuration.initial("ab").members, term=6, version=1, cluster_id=bytes(16))

WRITER = """
import json, sys
from elect.core.ready import Ballot
from elect.storage.sqlite import SqliteStore
store = SqliteStore(sys.argv[1])
opened = store.open(cluster="orders", node_id="a", promise_ns=7)
term = max((ballot.term for ballot in opened.ballots.values()), default=0)
print(json.dumps([opened.incarnation, term]), flush=True)
while True:
    term += 1
    store.write({name: Ballot(term=term, voted_for="b") for name in ("x", "y", "z")})
    print(json.dumps(term), flush=True)
"""


def start(directory: Path) -> tuple[SqliteStore, StoreContent]:
    store = SqliteStore(directory)
    return store, store.open(cluster="orders", node_id="a", promise_ns=7)


def in_child(action: Callable[[], None]) -> int:
    """Run it in a forked child; how the child ended, as subprocess says it: minus the signal, or the exit code."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            action()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_at_statement(number: int) -> None:
    """From now on, in this process: kill -9 in front of the statement of that number (from 0)."""
    connect = sqlite3.connect
    seen = iter(range(number))

    def traced(*arguments: object, **options: object) -> sqlite3.Connection:
        connection = connect(*arguments, **options)  # type: ignore[call-overload]
        connection.set_trace_callback(lambda _: None if next(seen, None) is not None else die())
        return connection

    sqlite3.connect = traced  # type: ignore[assignment]


def test_kill_before_any_statement_leaves_all_or_nothing(tmp_path):
    outcomes = set()
    for statement in range(200):
        data = tmp_path / str(statement)
        store, _ = start(data)
        store.write(BEFORE, configuration=FIRST)
        store.close()

        def write_and_die(data: Path = data, statement: int = statement) -> None:
            die_at_statement(statement)
            store, _ = start(data)
            store.write(AFTER, configuration=SECOND)

        ended = in_child(write_and_die)
        store, opened = start(data)
        assert (opened.ballots, opened.configuration) in ((BEFORE, FIRST), (AFTER, SECOND))
        assert opened.incarnation in (2, 3)
        outcomes.add((ended, opened.incarnation, opened.ballots == AFTER))
        store.write(AFTER)
        store.close()
        if ended == 0:
            break
    # Killed before the start was counted, after it, and not at all: none of them is missing.
    assert outcomes == {(-signal.SIGKILL, 2, False), (-signal.SIGKILL, 3, False), (0, 3, True)}


def test_kill_during_an_upgrade_leaves_the_store_of_before(tmp_path):
    incarnations = []
    for statement in range(200):
        data = tmp_path / str(statement)
        open_and_write(data, VOTE)
        downgrade(data)

        def start_and_die(data: Path = data, statement: int = statement) -> None:
            die_at_statement(statement)
            start(data)

        ended = in_child(start_and_die)
        store, opened = start(data)
        store.close()
        assert (opened.ballots, opened.configuration) == (VOTE, FIRST)
        incarnations.append(opened.incarnation)
        if ended == 0:
            break
    assert incarnations == sorted(incarnations)
    assert {*incarnations} == {2, 3}
    assert incarnations.count(2) > 10


def test_kill_during_the_first_start_permits_another_start(tmp_path):
    incarnations = []
    for statement in range(200):
        data = tmp_path / str(statement)

        def start_and_die(data: Path = data, statement: int = statement) -> None:
            die_at_statement(statement)
            start(data)

        ended = in_child(start_and_die)
        store, opened = start(data)
        store.close()
        incarnations.append(opened.incarnation)
        if ended == 0:
            break
    assert incarnations[0] == 1
    assert incarnations[-1] == 2
    assert len(incarnations) > 10


def test_kill_between_commit_and_lock_record_keeps_the_vote(tmp_path):
    def commit_and_die() -> None:
        store, _ = start(tmp_path)
        os.pwrite = lambda *_: die()  # type: ignore[assignment]
        store.write(AFTER)

    assert in_child(commit_and_die) == -signal.SIGKILL
    store, opened = start(tmp_path)
    store.close()
    assert opened.ballots == AFTER


@pytest.mark.parametrize("rounds", [3, pytest.param(12, marks=pytest.mark.long)])
def test_kill_at_any_time_loses_nothing_that_was_reported(tmp_path, rounds):
    incarnation, least = 0, 0
    for round_number in range(rounds):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout is not None
            opened_incarnation, term = json.loads(child.stdout.readline())
            assert opened_incarnation == incarnation + 1
            assert least <= term
            lines = [child.stdout.readline() for _ in range(3 * round_number)]
            child.kill()
            lines += child.stdout.readlines()
            child.wait(DEADLINE_S)
        incarnation = opened_incarnation
        reported = [json.loads(line) for line in lines if line.endswith("\n")]
        assert reported == list(range(term + 1, term + 1 + len(reported)))
        least = max([term, *reported])
    store, opened = start(tmp_path)
    store.close()
    assert {ballot.term for ballot in opened.ballots.values()} <= {least, least + 1}
    assert len({ballot.term for ballot in opened.ballots.values()}) == 1


def test_lock_is_free_once_its_holder_is_killed(tmp_path):
    def hold_and_die() -> None:
        start(tmp_path)
        die()

    assert in_child(hold_and_die) == -signal.SIGKILL
    store, opened = start(tmp_path)
    store.close()
    assert opened.incarnation == 2


def test_disk_that_takes_no_more_bytes_refuses_and_then_recovers(tmp_path):
    """A limit on the size of files simulates the full disk: it needs no privilege and no second file system."""
    many = {f"election-{number}": Ballot(term=3, voted_for="b") for number in range(3000)}

    def fill() -> None:
        store, _ = start(tmp_path)
        store.write(BEFORE)
        limit = sum(path.stat().st_size for path in tmp_path.glob("*-wal"))
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        for _ in range(3):
            with pytest.raises(StoreError):
                store.write(many)
            with pytest.raises(StoreError):
                store.write({})
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        store.write(AFTER)
        store.write(many)
        die()

    assert in_child(fill) == -signal.SIGKILL
    store, opened = start(tmp_path)
    store.close()
    assert opened.ballots == {**AFTER, **many}
