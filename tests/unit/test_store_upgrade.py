"""A store of version 1 is brought up to date when it is opened, whole or not at all."""

import sqlite3
from pathlib import Path

import pytest

from elect.core.ready import Ballot
from elect.errors import StoreError
from elect.storage import tables
from elect.storage.sqlite import NAME, SqliteStore
from elect.storage.store import StoreContent

VOTE = {"default": Ballot(term=5, voted_for="b")}


def open_and_write(directory: Path, *writes: dict[str, Ballot]) -> StoreContent:
    store = SqliteStore(directory)
    try:
        opened = store.open(cluster="orders", node_id="a", promise_ns=9)
        for ballots in writes:
            store.write(ballots)
    finally:
        store.close()
    return opened


def change(directory: Path, *statements: str) -> None:
    connection = sqlite3.connect(directory / NAME, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


@pytest.fixture
def version_1(tmp_path) -> Path:
    """A directory with a store of today that was given the table and the triggers of version 1."""
    open_and_write(tmp_path, VOTE)
    change(
        tmp_path,
        "ALTER TABLE ballots RENAME TO today",
        "DROP TRIGGER ballot_never_falls",
        "DROP TRIGGER ballot_never_goes",
        *(statement for statement in tables.SCHEMAS[1] if "ballots" in statement),
        "INSERT INTO ballots SELECT election, term, voted_for FROM today",
        "DROP TABLE today",
        "PRAGMA user_version = 1",
    )
    return tmp_path


def test_vote_of_version_1_is_found_and_not_lowered(version_1):
    lowered = {"default": Ballot(term=5, voted_for="b", lowered_to=2)}
    opened = open_and_write(version_1, lowered)
    assert opened.ballots == VOTE and opened.ballots["default"].follow_term_min == 5
    assert open_and_write(version_1).ballots == lowered


def test_upgraded_store_still_refuses_to_lose_a_vote(version_1):
    open_and_write(version_1)
    with pytest.raises(sqlite3.IntegrityError, match="a ballot never goes"):
        change(version_1, "DELETE FROM ballots")
    with pytest.raises(sqlite3.IntegrityError, match="a term never falls"):
        change(version_1, "UPDATE ballots SET term = 4")


def test_damaged_store_of_version_1_is_refused_each_time(version_1):
    change(version_1, "UPDATE ballots SET term = 6")
    for _ in range(2):
        with pytest.raises(StoreError, match="the checksum is wrong"):
            open_and_write(version_1)


def test_interrupted_upgrade_is_done_by_the_next_start(version_1, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setitem(tables.STEPS, 1, (*tables.STEPS[1], "INSERT INTO missing VALUES (1)"))
        with pytest.raises(StoreError, match="no such table"):
            open_and_write(version_1)
    assert open_and_write(version_1).ballots == VOTE
