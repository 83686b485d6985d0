"""The store of a mirror: what was written is there again, or it is refused."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import run
from sys import executable

import pytest

from elect import IdentityError, StoreError
from elect.core.configuration import Configuration
from elect.mirror import mirror_store
from elect.mirror.mirror_content import ChangeBatch, MirrorContent
from elect.mirror.mirror_store import MIRROR_FILE, MirrorStore
from elect.observing.mirror_messages import LeaderEntry, MembersEntry, MirrorEntry

ID = bytes(range(16))
STREAM = b"s" * 16
SNAPSHOT = (
    MembersEntry(configuration=Configuration.initial("abc")),
    LeaderEntry(election="x", term=7, leader_id="a", address="10.0.0.1:1", metadata={"http": "ü"}),
    LeaderEntry(election="y", term=3),
)


def batch(revision: int, *entries: MirrorEntry, is_snapshot: bool = False) -> ChangeBatch:
    return ChangeBatch(source_cluster_id=ID, stream=STREAM, revision=revision, entries=entries, is_snapshot=is_snapshot)


def written(directory: Path, *batches: ChangeBatch) -> MirrorContent:
    """The content after these batches; the store is closed."""
    store = MirrorStore(directory)
    content = store.open(source_cluster="source")
    for each in batches:
        store.write(each, content)
        content.apply(each)
    store.close()
    return content


def reopened(directory: Path, **asked: object) -> MirrorContent:
    store = MirrorStore(directory)
    try:
        return store.open(**{"source_cluster": "source", **asked})
    finally:
        store.close()


def test_what_was_written_is_there_again(tmp_path: Path):
    lost = LeaderEntry(election="x", term=9)
    content = written(
        tmp_path / "deep" / "m",
        batch(5, *SNAPSHOT, is_snapshot=True),
        batch(7, LeaderEntry(election="x", term=8, leader_id="b"), lost),
    )
    found = reopened(tmp_path / "deep" / "m")
    assert found == content
    assert found.leader_terms == {"x": 8}
    assert (found.revision, found.highest_term, found.leaders["x"]) == (7, 9, lost)


def test_a_snapshot_replaces_what_it_lacks(tmp_path: Path):
    written(tmp_path, batch(5, *SNAPSHOT, is_snapshot=True), batch(9, *SNAPSHOT[:2], is_snapshot=True))
    assert [*reopened(tmp_path).leaders] == ["x"]


def test_the_id_of_the_source_is_kept_before_a_snapshot(tmp_path: Path):
    written(tmp_path, ChangeBatch(source_cluster_id=ID, stream=b"", revision=0))
    found = reopened(tmp_path)
    assert (found.source_cluster_id, found.is_bootstrapped) == (ID, False)
    with pytest.raises(IdentityError, match=ID.hex()):
        reopened(tmp_path, source_cluster_id=b"o" * 16)


def test_a_promotion_is_the_last_write(tmp_path: Path):
    written(tmp_path, batch(5, *SNAPSHOT, is_snapshot=True))
    store = MirrorStore(tmp_path)
    content = store.open(source_cluster="source")
    store.promote(2_000_000, 7)
    with pytest.raises(RuntimeError, match="a promoted mirror never changes"):
        store.write(batch(6, SNAPSHOT[1]), content)
    store.close()
    promotion = reopened(tmp_path).promotion
    assert (promotion.floor, promotion.highest_term, promotion.revision) == (2_000_000, 7, 5)


def test_a_store_that_is_lost_old_or_of_another_place_is_refused(tmp_path: Path):
    place = tmp_path / "m"
    written(place, batch(5, *SNAPSHOT, is_snapshot=True))
    shutil.copy(place / MIRROR_FILE, tmp_path / "copy")
    written(place, batch(6, SNAPSHOT[1]))
    shutil.copy(tmp_path / "copy", place / MIRROR_FILE)
    with pytest.raises(StoreError, match="it is older than before"):
        reopened(place)
    (place / MIRROR_FILE).unlink()
    with pytest.raises(StoreError, match="missing or empty"):
        reopened(place)
    written(tmp_path / "other")
    shutil.copy(tmp_path / "other" / MIRROR_FILE, place / MIRROR_FILE)
    with pytest.raises(StoreError, match="not the database that was made in this directory"):
        reopened(place)


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE entries SET payload = x'80' WHERE topic = 'x'", "checksum"),
        ("UPDATE entries SET leader_term = 1 WHERE topic = 'x'", "checksum"),
        ("DELETE FROM entries WHERE topic = 'x'", "checksum"),
        ("UPDATE entries SET payload = 'text'", "an entry is not valid"),
        ("UPDATE mirror SET writes = writes + 1", "checksum"),
        ("DELETE FROM mirror", "its row"),
        ("DROP TRIGGER promotion_never_goes", "triggers were changed"),
        ("PRAGMA user_version = 2", "newer version"),
    ],
)
def test_a_store_that_was_changed_is_refused(tmp_path: Path, statement: str, problem: str):
    written(tmp_path, batch(5, *SNAPSHOT, is_snapshot=True))
    with sqlite3.connect(tmp_path / MIRROR_FILE, isolation_level=None) as connection:
        connection.execute(statement)
    connection.close()
    with pytest.raises(StoreError, match=problem):
        reopened(tmp_path)


def test_files_of_other_programs_are_refused_and_not_changed(tmp_path: Path):
    path = tmp_path / MIRROR_FILE
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (one)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(IdentityError, match="another program"):
        reopened(tmp_path)
    assert path.read_bytes() == before
    path.write_bytes(b"no database, but some bytes" * 99)
    with pytest.raises(StoreError, match="damaged"):
        reopened(tmp_path)


def test_a_kill_leaves_the_last_batch_whole(tmp_path: Path):
    """The process dies without closing anything."""
    program = (
        "import os, sys; from tests.unit.mirror.test_mirror_store import *;"
        "store = MirrorStore(sys.argv[1]); content = store.open(source_cluster='source');"
        "store.write(batch(5, *SNAPSHOT, is_snapshot=True), content); os._exit(9)"
    )
    assert run([executable, "-c", program, str(tmp_path)], check=False, cwd=Path(__file__).parents[3]).returncode == 9
    assert reopened(tmp_path).revision == 5


def test_a_failed_write_changes_nothing(tmp_path: Path):
    store = MirrorStore(tmp_path)
    content = store.open(source_cluster="source")
    store.write(batch(5, *SNAPSHOT, is_snapshot=True), content)
    content.apply(batch(5, *SNAPSHOT, is_snapshot=True))
    other = sqlite3.connect(tmp_path / MIRROR_FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked"):
        store.write(batch(6, SNAPSHOT[1]), content)
    other.execute("ROLLBACK")
    other.close()
    store.write(batch(6, SNAPSHOT[1]), content)
    store.close()
    assert reopened(tmp_path).revision == 6


def test_a_forked_child_does_not_hold_the_directory(tmp_path: Path):
    store = MirrorStore(tmp_path)
    store.open(source_cluster="source")
    child = os.fork()
    if not child:
        try:
            MirrorStore(tmp_path).open(source_cluster="source")
        except StoreError:
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    store.close()
    reopened(tmp_path)


class InterruptedConnection:
    """A connection for which Ctrl-C comes once, after a statement or during one."""

    def __init__(self, connection: sqlite3.Connection, statement: str, *, is_done: bool) -> None:
        self._connection = connection
        self._statement = statement
        self._is_done = is_done

    def __getattr__(self, name: str) -> object:
        return getattr(self._connection, name)

    def execute(self, statement: str, *values: object) -> sqlite3.Cursor:
        is_now = statement.startswith(self._statement)
        found = None if is_now and not self._is_done else self._connection.execute(statement, *values)
        if is_now:
            self._statement = "-"
            raise KeyboardInterrupt
        return found


@contextmanager
def interrupted(directory: Path, statement: str, *, is_done: bool) -> Iterator[tuple[MirrorStore, MirrorContent]]:
    """A store with a snapshot; the block has to raise KeyboardInterrupt."""
    store = MirrorStore(directory)
    content = store.open(source_cluster="source")
    store.write(batch(5, *SNAPSHOT, is_snapshot=True), content)
    content.apply(batch(5, *SNAPSHOT, is_snapshot=True))
    store._connection = InterruptedConnection(store._connection, statement, is_done=is_done)
    with pytest.raises(KeyboardInterrupt):
        yield store, content


def test_a_promotion_that_ctrl_c_cut_off_is_known(tmp_path: Path):
    with interrupted(tmp_path, "COMMIT", is_done=True) as (store, content):
        store.promote(2_000_000, 8)
    assert content.promotion is None
    store.settle(content)
    assert (content.promotion.floor, content.promotion.highest_term, content.highest_term) == (2_000_000, 8, 8)
    store.close()
    assert reopened(tmp_path).promotion == content.promotion


@pytest.mark.parametrize(("statement", "is_done"), [("COMMIT", True), ("COMMIT", False), ("BEGIN", True)])
def test_a_batch_that_ctrl_c_cut_off_may_come_again(tmp_path: Path, statement: str, is_done: bool):
    higher = batch(6, LeaderEntry(election="x", term=9, leader_id="b"))
    with interrupted(tmp_path, statement, is_done=is_done) as (store, content):
        store.write(higher, content)
    store.settle(content)
    assert (content.highest_term, content.promotion) == (9 if statement == "COMMIT" and is_done else 7, None)
    store.write(higher, content)
    content.apply(higher)
    store.close()
    assert reopened(tmp_path) == content


def test_a_promotion_takes_terms_that_ctrl_c_cut_off(tmp_path: Path):
    """The highest term of the store never falls."""
    with interrupted(tmp_path, "COMMIT", is_done=True) as (store, content):
        store.write(batch(6, LeaderEntry(election="x", term=9, leader_id="b")), content)
    store.settle(content)
    store.promote(2_000_000, content.highest_term)
    store.close()
    assert reopened(tmp_path).promotion.highest_term == 9


class CountingTopic(str):
    """A topic that counts how often a set or a dict takes it or looks it up."""

    __slots__ = ()
    hashed = 0

    def __hash__(self) -> int:
        CountingTopic.hashed += 1
        return super().__hash__()


def test_the_work_of_a_snapshot_grows_with_its_entries_alone(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(mirror_store, "MEMBERS_TOPIC", CountingTopic())

    def hashed(count: int) -> int:
        """The hashes of one topic for a snapshot after one of as many elections."""
        leaders = (LeaderEntry(election=f"e{number}", term=1, leader_id="a") for number in range(count))
        whole = batch(5, SNAPSHOT[0], *leaders, is_snapshot=True)
        store = MirrorStore(tmp_path / str(count))
        content = store.open(source_cluster="source")
        store.write(whole, content)
        CountingTopic.hashed = 0
        store.write(whole, content)
        store.close()
        return CountingTopic.hashed

    assert hashed(10) == hashed(40)
