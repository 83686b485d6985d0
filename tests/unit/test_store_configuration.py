"""The configuration that a store keeps: the newest one, whole, and never the one of the settings instead."""

import shutil
import sqlite3
from dataclasses import replace

import pytest

from elect.core.configuration import MEMBERS_MAX, ClusterState, Configuration, Member, MemberKind
from elect.core.ready import Ballot, Meeting
from elect.errors import StoreError
from elect.storage import sqlite
from elect.storage.sqlite import SqliteStore
from elect.storage.store import NO_CLUSTER, MemoryStore, Store, StoreContent
from tests.unit.test_store_meetings import change

FIRST = Configuration.initial("abc")
MEMBERS = (
    Member(node_id="a", address="[::1]:7101"),
    Member(node_id="b", kind=MemberKind.WITNESS, store_id=b"b" * 16),
    Member(node_id="c", is_voter=False),
    Member(node_id="d", kind=MemberKind.OBSERVER, is_voter=False, address="d:1"),
)
LATER = Configuration(members=MEMBERS, term=7, version=3, floor=5, cluster_id=b"c" * 16)


@pytest.fixture(params=["sqlite", "memory"])
def store(request, tmp_path):
    made: Store = SqliteStore(tmp_path / "data") if request.param == "sqlite" else MemoryStore()
    yield made
    made.close()


def start(store: Store, given: Configuration = NO_CLUSTER) -> StoreContent:
    store.close()
    return store.open(cluster="orders", node_id="a", promise_ns=9, configuration=given)


def test_configuration_of_the_settings_is_stored_once(store):
    assert start(store, FIRST).configuration == FIRST
    opened = start(store)
    assert opened.configuration == FIRST
    assert not opened.is_given_overruled


def test_stored_configuration_overrules_the_settings(store):
    assert not start(store, FIRST).is_given_overruled
    for given, is_overruled in ((FIRST, False), (Configuration.initial("abd"), True), (NO_CLUSTER, False)):
        opened = start(store, given)
        assert (opened.configuration, opened.is_given_overruled) == (FIRST, is_overruled)


def test_node_without_a_cluster_may_get_a_list_of_peers(store):
    assert start(store).configuration == NO_CLUSTER
    assert start(store, FIRST).configuration == FIRST


def test_written_configuration_is_found_again_whole(store):
    start(store, FIRST)
    store.write({"default": Ballot(term=7, voted_for="a")}, configuration=LATER)
    opened = start(store, FIRST)
    assert (opened.configuration, opened.ballots["default"].term) == (LATER, 7)
    assert opened.is_given_overruled


@pytest.mark.parametrize(
    "site",
    [
        Configuration.initial("abc", is_standby=True),
        replace(LATER, state=ClusterState.SEALED, successor="b.example:7000", promotion_floor=3_000_000),
    ],
)
def test_state_of_the_cluster_is_found_again(store, site):
    start(store, site)
    assert start(store, FIRST).configuration == site


def test_later_writes_keep_the_configuration(store):
    start(store)
    store.write({}, configuration=LATER)
    store.write({"default": Ballot(term=8, voted_for="b")}, 10, {})
    assert start(store, FIRST).configuration == LATER


def test_addresses_may_change_within_a_version(store):
    start(store)
    store.write({}, configuration=LATER)
    moved = replace(LATER, members=(replace(MEMBERS[0], address="a:2"), *MEMBERS[1:]))
    store.write({}, configuration=moved)
    assert start(store).configuration == moved


@pytest.mark.parametrize(
    "older",
    [
        replace(LATER, version=2),
        replace(LATER, term=6, version=9),
        replace(LATER, members=MEMBERS[:3]),
        replace(LATER, floor=6),
        NO_CLUSTER,
    ],
)
def test_older_or_equal_configuration_is_a_bug_and_not_written(store, older):
    start(store)
    store.write({}, configuration=LATER)
    with pytest.raises(RuntimeError, match="never replaced by an older one"):
        store.write({"default": Ballot(term=9, voted_for="b")}, configuration=older)
    opened = start(store)
    assert (opened.configuration, opened.ballots) == (LATER, {})


def test_largest_configuration_can_be_stored(store):
    members = tuple(
        Member(node_id=f"{number:02}{'n' * 62}", store_id=bytes(16), address="h" * 300) for number in range(MEMBERS_MAX)
    )
    largest = Configuration(members=members, term=2**53 - 1, version=2**63 - 1, floor=2**53 - 1)
    start(store)
    store.write({}, configuration=largest)
    assert start(store).configuration == largest


def test_directory_that_was_emptied_gets_a_new_store(tmp_path):
    """Nothing of the former store is left in memory."""
    made = SqliteStore(tmp_path / "data")
    start(made, FIRST)
    made.write({"default": Ballot(term=7, voted_for="a")}, None, {"b": Meeting(store_id=bytes(16))}, LATER)
    made.close()
    shutil.rmtree(tmp_path / "data")
    opened = start(made)
    assert (opened.ballots, opened.meetings, opened.configuration) == ({}, {}, NO_CLUSTER)
    made.close()


@pytest.fixture
def written(tmp_path):
    made = SqliteStore(tmp_path / "data")
    start(made)
    made.write({}, configuration=LATER)
    made.close()
    yield made
    made.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE configuration SET term = 8",
        "UPDATE configuration SET version = 4",
        "UPDATE configuration SET floor = 4",
        "UPDATE configuration SET floor = NULL",
        "UPDATE configuration SET cluster_id = NULL",
        "UPDATE configuration SET members = '[]'",
        "UPDATE configuration SET state = 'sealed'",
        "UPDATE configuration SET state = 'other'",
        "UPDATE configuration SET successor = 'b:1'",
        "UPDATE configuration SET promotion_floor = 1",
        "UPDATE configuration SET members = replace(members, '[::1]', '[::2]')",
        "UPDATE configuration SET members = 'abc'",
        "UPDATE configuration SET members = x'00'",
        "DROP TRIGGER configuration_never_falls",
        "DROP TABLE configuration",
    ],
)
def test_edited_configuration_is_damage(written, statement):
    try:
        change(written.directory, statement)
    except sqlite3.IntegrityError:
        assert "NULL" in statement and "floor" in statement
        return
    for _ in range(2):
        with pytest.raises(StoreError, match="damaged"):
            start(written, FIRST)


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ("UPDATE configuration SET term = 6, version = 9", "never replaced by an older one"),
        ("UPDATE configuration SET version = 2", "never replaced by an older one"),
        ("DELETE FROM configuration", "never goes"),
    ],
)
def test_database_itself_refuses_an_older_configuration(written, statement, text):
    with pytest.raises(sqlite3.IntegrityError, match=text):
        change(written.directory, statement)
    assert start(written).configuration == LATER


def test_database_refuses_what_a_bug_lets_through(written, monkeypatch):
    monkeypatch.setattr(sqlite, "check_configuration", lambda *_: None)
    start(written)
    with pytest.raises(RuntimeError, match="would undo an earlier one"):
        written.write({}, configuration=replace(LATER, version=2))
    assert start(written).configuration == LATER


def test_configuration_makes_no_ballot_write_more_statements(written):
    start(written)
    statements: list[str] = []
    written._open_connection().set_trace_callback(statements.append)
    written.write({"default": Ballot(term=9, voted_for="b")})
    assert len(set(statements)) == 1
    assert "configuration" not in statements[0]
