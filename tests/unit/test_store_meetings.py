"""The meetings that a store keeps, and the changes of its own files that it notices."""

import shutil
import sqlite3
from pathlib import Path

import pytest

from elect.core.configuration import Configuration
from elect.core.events import Objection
from elect.core.ready import Ballot, Meeting
from elect.errors import StoreError, StoreGone
from elect.storage import sqlite
from elect.storage.sqlite import SqliteStore
from elect.storage.store import MemoryStore, Store, StoreContent

SECOND = 1_000_000_000


@pytest.fixture(params=["sqlite", "memory"])
def store(request, tmp_path):
    made: Store = SqliteStore(tmp_path / "data") if request.param == "sqlite" else MemoryStore()
    yield made
    made.close()


@pytest.fixture
def opened(tmp_path):
    made = SqliteStore(tmp_path / "data")
    open_with(made, "ab")
    yield made
    made.close()


def open_with(store: Store, voters: str) -> StoreContent:
    return store.open(cluster="orders", node_id="a", promise_ns=SECOND, configuration=Configuration.initial(voters))


def test_meetings_are_found_again(store):
    open_with(store, "abc")
    meetings = {"b": Meeting(store_id=b"b" * 16, is_acknowledged=True), "c": Meeting(objection=Objection.OTHER_VOTERS)}
    store.write({}, None, meetings)
    store.write({}, None, {"c": Meeting(store_id=b"c" * 16)})
    store.close()
    assert open_with(store, "abc").meetings == {**meetings, "c": Meeting(store_id=b"c" * 16)}


@pytest.mark.parametrize("name", ["elect.sqlite3", "elect.sqlite3-wal", "elect.lock"])
@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_file_that_goes_under_a_running_node_is_noticed(opened, tmp_path, name, is_replaced):
    (opened.directory / name).rename(tmp_path / "elsewhere")
    if is_replaced:
        shutil.copy(tmp_path / "elsewhere", opened.directory / name)
    with pytest.raises(StoreGone, match=name):
        opened.write({"default": Ballot(term=1, voted_for="a")})


def test_a_directory_that_goes_under_a_running_node_is_noticed(opened, tmp_path):
    opened.directory.rename(tmp_path / "moved")
    with pytest.raises(StoreGone):
        opened.write({"default": Ballot(term=1, voted_for="a")})


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE meetings SET store_id = x'00'",
        "UPDATE meetings SET objection = 'mood'",
        "UPDATE meetings SET is_acknowledged = 1",
        "UPDATE meetings SET is_acknowledged = 'yes'",
        "DELETE FROM meetings",
    ],
)
def test_an_edited_meeting_is_damage(opened, statement):
    opened.write({}, None, {"b": Meeting(store_id=b"b" * 16)})
    opened.close()
    change(opened.directory, statement)
    with pytest.raises(StoreError, match="damaged"):
        open_with(opened, "ab")


def change(directory: Path, statement: str) -> None:
    connection = sqlite3.connect(directory / sqlite.NAME, isolation_level=None)
    connection.execute(statement)
    connection.close()
