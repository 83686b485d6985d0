"""A store of an earlier version is brought up to date when it is opened, whole or not at all."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from elect.core.configuration import Configuration, Member
from elect.core.ready import Ballot
from elect.errors import StoreError
from elect.storage import tables
from elect.storage.configuration_row import digest_of, row_of
from elect.storage.sqlite import NAME, Meta, SqliteStore, digest
from elect.storage.store import NO_CLUSTER, StoreContent

LATER = Configuration(members=(Member(node_id="a", address="a:1"),), term=5, version=3, floor=2, cluster_id=b"c" * 16)
VOTE = {"default": Ballot(term=5, voted_for="b")}


def open_and_write(directory: Path, *writes: dict[str, Ballot], given: Configuration = NO_CLUSTER) -> StoreContent:
    store = SqliteStore(directory)
    try:
        opened = store.open(cluster="orders", node_id="a", promise_ns=9, configuration=given)
        for ballots in writes:
            store.write(ballots)
    finally:
        store.close()
    return opened


def read_meta(directory: Path, configuration: str) -> Meta:
    """The meta row of a store, with another text for the configuration."""
    connection = sqlite3.connect(directory / NAME)
    store_id, incarnation, promise_ns, writes = connection.execute(
        "SELECT store_id, incarnation, promise_ns, writes FROM meta"
    ).fetchone()
    connection.close()
    return Meta(
        store_id=store_id,
        cluster="orders",
        node_id="a",
        incarnation=incarnation,
        promise_ns=promise_ns,
        writes=writes,
        ballots_digest=digest("default", VOTE["default"]),
        configuration=configuration,
        meetings="[]",
    )


def change(directory: Path, *statements: str) -> None:
    connection = sqlite3.connect(directory / NAME, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


def downgrade(directory: Path) -> None:
    """Give a store of today the tables, triggers and checksum of version 2, and a list of voters."""
    meta = read_meta(directory, "a b c")
    change(
        directory,
        "DROP TABLE meta",
        "DROP TRIGGER configuration_never_falls",
        "DROP TRIGGER configuration_never_goes",
        "DROP TABLE configuration",
        *(statement for statement in tables.SCHEMAS[2] if " meta" in statement),
        f"INSERT INTO meta VALUES (1, x'{meta.store_id.hex()}', 'orders', 'a',"
        f" {meta.incarnation}, {meta.promise_ns}, {meta.writes},"
        f" 'a b c', x'{meta.checksum().hex()}')",
        "PRAGMA user_version = 2",
    )


@pytest.fixture
def version_2(tmp_path) -> Path:
    """A directory with a store of version 2."""
    open_and_write(tmp_path, VOTE)
    downgrade(tmp_path)
    return tmp_path


@pytest.fixture
def version_1(version_2) -> Path:
    """A directory with a store of version 1."""
    change(
        version_2,
        "ALTER TABLE ballots RENAME TO today",
        "DROP TRIGGER ballot_never_falls",
        "DROP TRIGGER ballot_never_goes",
        *(statement for statement in tables.SCHEMAS[1] if "ballots" in statement),
        "INSERT INTO ballots SELECT election, term, voted_for FROM today",
        "DROP TABLE today",
        "PRAGMA user_version = 1",
    )
    return version_2


@pytest.fixture
def version_3(tmp_path) -> Path:
    """A directory with a store of version 3."""
    open_and_write(tmp_path, VOTE, given=LATER)
    meta = read_meta(tmp_path, digest_of(row_of(LATER)[:6]))
    meta = replace(meta, writes=meta.writes + 1)
    change(
        tmp_path,
        "ALTER TABLE configuration RENAME TO today",
        "DROP TRIGGER configuration_never_falls",
        "DROP TRIGGER configuration_never_goes",
        *(statement for statement in tables.SCHEMAS[3] if "configuration" in statement),
        "INSERT INTO configuration SELECT one, term, version, floor, cluster_id, proposed_cluster_id, members"
        " FROM today",
        "DROP TABLE today",
        f"UPDATE meta SET writes = {meta.writes}, checksum = x'{meta.checksum().hex()}'",
        "PRAGMA user_version = 3",
    )
    return tmp_path


def test_configuration_of_version_3_is_kept_and_active(version_3):
    for _ in range(2):
        opened = open_and_write(version_3)
        assert (opened.configuration, opened.ballots) == (LATER, VOTE)


def test_edited_configuration_of_version_3_is_damage(version_3):
    change(version_3, "UPDATE configuration SET floor = 4")
    with pytest.raises(StoreError, match="the checksum is wrong"):
        open_and_write(version_3)


def test_interrupted_upgrade_of_version_3_is_done_next(version_3, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setitem(tables.STEPS, 3, (*tables.STEPS[3], "INSERT INTO missing VALUES (1)"))
        with pytest.raises(StoreError, match="no such table"):
            open_and_write(version_3)
    assert open_and_write(version_3).configuration == LATER
    with pytest.raises(sqlite3.IntegrityError, match="a configuration never goes"):
        change(version_3, "DELETE FROM configuration")


@pytest.fixture(params=[1, 2])
def older(request) -> Path:
    """A directory with a store of an older version."""
    return request.getfixturevalue(f"version_{request.param}")


def test_older_store_becomes_a_cluster_of_its_list(older):
    for given in (Configuration.initial("az"), NO_CLUSTER):
        opened = open_and_write(older, given=given)
        assert opened.configuration == Configuration.initial("abc")
        assert opened.is_given_overruled == bool(given.members)
        assert opened.ballots == VOTE


def test_older_store_with_an_edited_list_is_damage(older):
    change(older, "UPDATE meta SET voters = 'a b !', writes = writes + 1")
    with pytest.raises(StoreError, match="the checksum is wrong"):
        open_and_write(older)


def test_vote_of_version_1_is_found_and_not_lowered(version_1):
    lowered = {"default": Ballot(term=5, voted_for="b", lowered_to=2)}
    opened = open_and_write(version_1, lowered)
    assert opened.ballots == VOTE and opened.ballots["default"].follow_term_min == 5
    assert open_and_write(version_1).ballots == lowered


def test_upgraded_store_still_refuses_to_lose_a_vote(older):
    open_and_write(older)
    with pytest.raises(sqlite3.IntegrityError, match="a ballot never goes"):
        change(older, "DELETE FROM ballots")
    with pytest.raises(sqlite3.IntegrityError, match="a term never falls"):
        change(older, "UPDATE ballots SET term = 4")
    with pytest.raises(sqlite3.IntegrityError, match="a count never falls"):
        change(older, "UPDATE meta SET incarnation = 1")
    with pytest.raises(sqlite3.IntegrityError, match="a configuration never goes"):
        change(older, "DELETE FROM configuration")


def test_damaged_older_store_is_refused_each_time(older):
    change(older, "UPDATE ballots SET term = 6")
    for _ in range(2):
        with pytest.raises(StoreError, match="the checksum is wrong"):
            open_and_write(older)


def test_interrupted_upgrade_is_done_by_the_next_start(older, monkeypatch):
    with monkeypatch.context() as patched:
        for version in (1, 2):
            patched.setitem(tables.STEPS, version, (*tables.STEPS[version], "INSERT INTO missing VALUES (1)"))
        with pytest.raises(StoreError, match="no such table"):
            open_and_write(older)
    opened = open_and_write(older)
    assert (opened.ballots, opened.configuration) == (VOTE, Configuration.initial("abc"))
