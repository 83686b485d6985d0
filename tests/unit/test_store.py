import errno
import fcntl
import os
import shutil
import sqlite3
import stat
from pathlib import Path

import pytest

from elect.core.ready import Ballot
from elect.errors import IdentityError, StoreError
from elect.storage import data_lock, sqlite, tables
from elect.storage.sqlite import SqliteStore
from elect.storage.store import MemoryStore, Store, StoreContent

SECOND = 1_000_000_000


def open_store(path: Path, **changes: object) -> tuple[SqliteStore, StoreContent]:
    store = SqliteStore(path)
    return store, store.open(**{"cluster": "orders", "node_id": "a", "promise_ns": SECOND, **changes})  # type: ignore[arg-type]


def reopen(path: Path, **changes: object) -> StoreContent:
    store, opened = open_store(path, **changes)
    store.close()
    return opened


@pytest.fixture
def used(tmp_path) -> Path:
    """A directory whose store was closed with one vote in it."""
    store, _ = open_store(tmp_path / "data")
    store.write({"default": Ballot(term=5, voted_for="b")})
    store.close()
    return tmp_path / "data"


def change(directory: Path, statement: str, *values: object) -> None:
    connection = sqlite3.connect(directory / sqlite.NAME, isolation_level=None)
    connection.execute(statement, values)
    connection.close()


@pytest.fixture(params=["sqlite", "memory"])
def store(request, tmp_path):
    made: Store = SqliteStore(tmp_path / "data") if request.param == "sqlite" else MemoryStore()
    yield made
    made.close()


def start(store: Store, promise_ns: int = SECOND) -> StoreContent:
    return store.open(cluster="orders", node_id="a", promise_ns=promise_ns)


def test_new_store_may_have_promised_what_it_asks_for(store):
    """A store before it, now lost, may have promised as much: a new store waits one fence before it grants."""
    opened = start(store, 2 * SECOND)
    assert (opened.incarnation, opened.promise_ns, opened.ballots) == (1, 2 * SECOND, {})
    assert len(opened.store_id) == 16


def test_each_start_counts_up_and_finds_the_promise_before_it(store):
    starts = []
    for promise_ns in (2 * SECOND, SECOND, 3 * SECOND, SECOND):
        starts.append(start(store, promise_ns))
        store.close()
    assert [opened.incarnation for opened in starts] == [1, 2, 3, 4]
    assert [opened.promise_ns for opened in starts] == [2 * SECOND, 2 * SECOND, 2 * SECOND, 3 * SECOND]
    assert len({opened.store_id for opened in starts}) == 1


def test_written_ballots_and_promises_are_found_again(store):
    start(store)
    store.write({"default": Ballot(term=5, voted_for="b"), "x": Ballot(term=1, voted_for=None)}, 9 * SECOND)
    store.write({"default": Ballot(term=6, voted_for=None)}, None)
    store.write({"default": Ballot(term=6, voted_for="c")})
    store.write({"default": Ballot(term=6, voted_for="c", lowered_to=5)}, SECOND)
    store.close()
    opened = start(store)
    lowered = Ballot(term=6, voted_for="c", lowered_to=5)
    assert opened.ballots == {"default": lowered, "x": Ballot(term=1, voted_for=None)}
    assert opened.promise_ns == 9 * SECOND
    store.write({"default": Ballot(term=7, voted_for="b")})
    store.close()
    assert start(store).ballots["default"].follow_term_min == 7


@pytest.mark.parametrize(
    "ballot", [Ballot(term=4, voted_for="b"), Ballot(term=5, voted_for="c"), Ballot(term=5, voted_for=None)]
)
def test_term_never_falls_and_vote_never_changes(store, ballot):
    start(store)
    store.write({"default": Ballot(term=5, voted_for="b")})
    with pytest.raises(RuntimeError, match=r"never falls .* asked for"):  # before the disk is asked
        store.write({"new": Ballot(term=1, voted_for="b"), "default": ballot})
    store.write({"default": Ballot(term=5, voted_for="b")})
    store.close()
    assert start(store).ballots == {"default": Ballot(term=5, voted_for="b")}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ballots SET term = 4",
        "UPDATE ballots SET voted_for = 'c'",
        "UPDATE ballots SET voted_for = NULL",
        "DELETE FROM ballots",
        "UPDATE ballots SET term = 'x'",
        "UPDATE ballots SET lowered_to = 5",
        "UPDATE ballots SET lowered_to = -1",
        "UPDATE ballots SET lowered_to = 'x'",
        "UPDATE meta SET incarnation = 0, writes = writes + 1",
        "UPDATE meta SET promise_ns = 0, writes = writes + 1",
        "UPDATE meta SET writes = writes",
    ],
)
def test_database_itself_refuses_to_take_a_vote_back(used, statement):
    with pytest.raises(sqlite3.IntegrityError):
        change(used, statement)


def test_bug_that_only_the_database_sees_is_no_store_error(used):
    store, _ = open_store(used)
    store._ballots.clear()  # memory lost what the disk has
    with pytest.raises(RuntimeError, match="would undo an earlier one"):
        store.write({"default": Ballot(term=4, voted_for="c")})
    store.close()
    assert reopen(used).ballots == {"default": Ballot(term=5, voted_for="b")}


def test_second_process_is_refused_with_the_holders_pid(used):
    store, _ = open_store(used)
    with pytest.raises(StoreError, match=f"in use by process {os.getpid()};"):
        open_store(used)
    store.write({"default": Ballot(term=6, voted_for="b")})
    store.close()
    assert reopen(used).incarnation == 3


def test_lock_without_a_record_is_respected(tmp_path):
    (tmp_path / data_lock.NAME).touch()
    with (tmp_path / data_lock.NAME).open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(StoreError, match="in use by another process"):
            open_store(tmp_path)


def test_forked_child_neither_holds_the_lock_nor_harms_the_store(used):
    store, _ = open_store(used)
    store.write({"default": Ballot(term=6, voted_for="b")})
    is_forked, child_says = os.pipe()
    child_waits, is_done = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(is_done)
        os.write(child_says, b"x")  # the hook that lets go of the lock has run by now
        os.read(child_waits, 1)  # lives on until the parent has opened the store again
        store.close()  # the worst that a child can do
        os._exit(0)
    os.close(child_waits)
    assert os.read(is_forked, 1) == b"x"
    store.write({"default": Ballot(term=7, voted_for="b")})
    store.close()
    again, opened = open_store(used)
    os.close(is_done)
    assert os.waitpid(pid, 0)[1] == 0
    again.write({"default": Ballot(term=8, voted_for="b")})
    again.close()
    os.close(is_forked)
    os.close(child_says)
    assert opened.ballots == {"default": Ballot(term=7, voted_for="b")}
    assert reopen(used).ballots == {"default": Ballot(term=8, voted_for="b")}


@pytest.mark.parametrize("who", [{"node_id": "b"}, {"cluster": "other"}])
def test_store_of_another_node_or_cluster_is_refused_by_name(used, who):
    with pytest.raises(IdentityError, match="belongs to node 'a' of cluster 'orders', not to node") as caught:
        open_store(used, **who)
    assert repr(next(iter(who.values()))) in caught.value.expected
    assert reopen(used).incarnation == 2


def test_database_of_another_program_is_refused_unchanged(tmp_path):
    path = tmp_path / sqlite.NAME
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(IdentityError, match="belongs to another program"):
        open_store(tmp_path)
    assert path.read_bytes() == before


def test_newer_schema_is_refused(used):
    change(used, "PRAGMA user_version = 5")
    with pytest.raises(StoreError, match=r"newer version of elect wrote it \(schema 5, this one reads 4\)"):
        open_store(used)


def test_unknown_schema_is_refused(used):
    change(used, "PRAGMA user_version = 0")
    with pytest.raises(StoreError, match="schema 0 does not exist"):
        open_store(used)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ballots SET term = 6",
        "UPDATE ballots SET lowered_to = 3",
        "INSERT INTO ballots VALUES ('other', 1, 'b', NULL)",
        "UPDATE meta SET incarnation = 9, writes = 9",
        "UPDATE meta SET checksum = x'00', writes = 9",
        "DELETE FROM meta",
        "DROP TRIGGER ballot_never_goes",
        "CREATE TABLE more (x)",
    ],
)
def test_content_changed_by_another_program_is_refused(used, statement):
    change(used, statement)
    with pytest.raises(StoreError, match="damaged"):
        open_store(used)


@pytest.mark.parametrize("content", [b"", b"not a database, but long enough to have a header " * 20, b"x"])
def test_file_that_is_no_database_is_never_replaced(used, content):
    (used / sqlite.NAME).write_bytes(content)
    with pytest.raises(StoreError, match="remove this node from the cluster"):
        open_store(used)
    assert (used / sqlite.NAME).read_bytes() == content


def test_lost_database_is_not_taken_for_a_fresh_start(used):
    (used / sqlite.NAME).unlink()
    for _ in range(2):
        with pytest.raises(StoreError, match="missing or empty, but this directory had a store"):
            open_store(used)
    assert not (used / sqlite.NAME).exists()


def test_emptied_database_is_not_taken_for_a_fresh_start(used):
    (used / sqlite.NAME).unlink()
    change(used, "PRAGMA journal_mode = WAL")
    assert (used / sqlite.NAME).stat().st_size > 0
    with pytest.raises(StoreError, match="the database is empty, but this directory had a store"):
        open_store(used)


def test_log_without_its_database_is_not_taken_for_a_fresh_start(tmp_path):
    (tmp_path / f"{sqlite.NAME}-wal").write_bytes(b"votes")
    with pytest.raises(StoreError, match="missing or empty"):
        open_store(tmp_path)


def test_restored_copy_is_refused(used, tmp_path):
    copy = shutil.copy(used / sqlite.NAME, tmp_path / "copy")
    store, _ = open_store(used)
    store.write({"default": Ballot(term=6, voted_for="c")})
    store.close()
    shutil.copy(copy, used / sqlite.NAME)
    with pytest.raises(StoreError, match="older than before: it had 4 writes, now it has 2"):
        open_store(used)


def test_lost_log_is_refused(used):
    """The last votes are in the log until a checkpoint; a crash leaves it there."""
    store, _ = open_store(used)
    store.write({"default": Ballot(term=6, voted_for="c")})
    crashed = used.parent / "crashed"
    shutil.copytree(used, crashed)
    store.close()
    (crashed / f"{sqlite.NAME}-wal").unlink()
    with pytest.raises(StoreError, match="older than before"):
        open_store(crashed)


def test_another_database_of_the_same_node_is_refused(used, tmp_path):
    reopen(tmp_path / "other")
    shutil.copy(tmp_path / "other" / sqlite.NAME, used / sqlite.NAME)
    with pytest.raises(StoreError, match="not the database that was made"):
        open_store(used)


@pytest.mark.parametrize(("old", "new"), [(b"writes=", b"wrotes="), (b"writes=0", b"writes=1"), (b"\n", b"")])
def test_damaged_lock_file_is_refused(used, old, new):
    path = used / data_lock.NAME
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))
    with pytest.raises(StoreError, match="lock file is damaged"):
        open_store(used)


def test_damage_that_spoils_even_the_complaint_is_refused(used):
    connection = sqlite3.connect(used / sqlite.NAME, isolation_level=None)
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("UPDATE sqlite_master SET name = CAST(x'ff' AS TEXT), tbl_name = CAST(x'ff' AS TEXT), sql = 'x'")
    connection.close()
    with pytest.raises(StoreError, match=r"damaged.*codec can't decode"):
        open_store(used)


def test_whole_database_without_its_lock_file_is_taken(used):
    (used / data_lock.NAME).unlink()
    assert reopen(used).ballots == {"default": Ballot(term=5, voted_for="b")}
    (used / sqlite.NAME).unlink()
    with pytest.raises(StoreError, match="missing or empty"):  # and has a lock record again
        open_store(used)


def test_a_start_that_never_finished_permits_another(tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setitem(tables.STEPS, 0, ("CREATE TABLE half (x)", "INSERT INTO missing VALUES (1)"))
        with pytest.raises(StoreError, match="no such table"):
            open_store(tmp_path)
    assert reopen(tmp_path).incarnation == 1


def test_unreadable_places_are_store_errors(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="not a directory"):
        open_store(tmp_path / "file")
    with pytest.raises(StoreError, match="Not a directory") as caught:
        open_store(tmp_path / "file" / "below")
    assert caught.value.errno == errno.ENOTDIR
    (tmp_path / "d" / data_lock.NAME).mkdir(parents=True)
    with pytest.raises(StoreError, match="cannot open the lock file: Is a directory"):
        open_store(tmp_path / "d")
    (tmp_path / "e" / sqlite.NAME).mkdir(parents=True)
    with pytest.raises(StoreError, match="unable to open database file"):
        open_store(tmp_path / "e")


def test_new_names_are_made_durable(tmp_path, monkeypatch):
    synced: set[Path] = set()

    def fsync(descriptor: int) -> None:
        synced.add(Path(f"/proc/self/fd/{descriptor}").readlink())

    monkeypatch.setattr(os, "fsync", fsync)
    reopen(tmp_path / "x" / "data")
    data = tmp_path / "x" / "data"
    assert {tmp_path, tmp_path / "x", data, data / data_lock.NAME} <= synced
    assert stat.S_IMODE(data.stat().st_mode) == 0o700


def test_commits_are_synced_to_a_write_ahead_log(used):
    store, _ = open_store(used)
    assert store._integer("PRAGMA synchronous") == 2  # FULL
    assert (used / f"{sqlite.NAME}-wal").exists()
    store.close()


def test_full_database_refuses_writes_and_takes_them_again(used):
    store, _ = open_store(used)
    many = {f"election-{number}": Ballot(term=1, voted_for="b") for number in range(2000)}
    pages = store._integer("PRAGMA page_count")
    store._integer(f"PRAGMA max_page_count = {pages}")
    for _ in range(2):
        with pytest.raises(StoreError, match="full"):
            store.write(many)
    store.write({"default": Ballot(term=6, voted_for="b")})  # needs no new page
    store._integer("PRAGMA max_page_count = 100000")
    store.write(many)
    store.close()
    assert reopen(used).ballots == {**many, "default": Ballot(term=6, voted_for="b")}


def test_a_lock_record_that_cannot_be_written_stops_no_vote(used, monkeypatch):
    store, _ = open_store(used)

    def fail(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", fail)
        store.write({"default": Ballot(term=6, voted_for="b")})
    store.close()
    assert reopen(used).ballots["default"].term == 6
    monkeypatch.setattr(os, "pwrite", fail)
    with pytest.raises(StoreError, match="No space left"):  # but the first of a start is needed
        open_store(used)


def test_failed_open_lets_go_of_everything(used):
    with pytest.raises(IdentityError):
        open_store(used, node_id="b")
    assert reopen(used).incarnation == 2


def test_directory_is_synced_through_its_own_descriptor(tmp_path):
    data_lock.sync_directory(tmp_path)
    with pytest.raises(NotADirectoryError):
        (tmp_path / "file").touch()
        data_lock.sync_directory(tmp_path / "file")
