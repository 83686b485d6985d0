"""`elect members recover` on the data directory of a stopped node."""

import argparse
import io
import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from elect.cli.commands import recover_members
from elect.cli.exit_codes import ExitCode, Failure
from elect.core.configuration import Configuration
from elect.core.events import Objection
from elect.core.ready import Ballot, Meeting
from elect.errors import ConfigError, StoreError
from elect.storage.recovery import TERM_JUMP
from elect.storage.sqlite import NAME, Meta, SqliteStore, text_of
from elect.storage.store import StoreContent
from elect.storage.tables import APPLICATION_ID, SCHEMAS

BEFORE = Configuration(members=Configuration.initial("abc").members, term=3, version=2, cluster_id=b"k" * 16)
VOTE = {"default": Ballot(term=17, voted_for="c")}
MEETINGS = {
    "b": Meeting(store_id=b"b" * 16, objection=Objection.OTHER_VOTERS),
    "c": Meeting(store_id=b"c" * 16, is_acknowledged=True),
}


def open_store(directory: Path) -> tuple[SqliteStore, StoreContent]:
    store = SqliteStore(directory)
    return store, store.open(cluster="orders", node_id="a", promise_ns=0)


def content(directory: Path) -> StoreContent:
    store, opened = open_store(directory)
    store.close()
    return opened


@pytest.fixture
def data(tmp_path) -> Path:
    store, _ = open_store(tmp_path)
    store.write(VOTE, 8, MEETINGS, BEFORE)
    store.close()
    return tmp_path


def recover(data: Path, voters: str, *arguments: str) -> int:
    parser = argparse.ArgumentParser()
    recover_members.configure(parser)
    return recover_members.run(parser.parse_args(["--data-dir", str(data), "--voters", voters, *arguments]))


def test_survivors_are_the_voters_and_votes_stay(data, capsys):
    assert recover(data, "a, b", "--yes", "--address", "b=10.0.0.2:7101") == 0
    opened = content(data)
    made = opened.configuration
    assert (made.voters, made.cluster_id, made.member("b").address) == (("a", "b"), b"k" * 16, "10.0.0.2:7101")
    assert made.term == made.floor >= 17 + TERM_JUMP
    assert (opened.ballots, opened.promise_ns) == (VOTE, 8)
    assert made.member("a").store_id == opened.store_id
    shown = capsys.readouterr().out
    assert "voters now:   a b c\nvoters then:  a b\n" in shown
    assert f"terms above {made.floor}" in (data / "audit.log").read_text()
    assert "voters a b, without c" in (data / "audit.log").read_text()


def test_every_warning_is_shown_even_without_a_question(data, capsys):
    recover(data, "a,b", "--yes")
    shown = " ".join(capsys.readouterr().out.split())
    for warning in (
        "two nodes lead at the same time",
        "The votes of the lost voters are lost",
        "run this command on each of them, with the same list",
        "Never start a lost node again with its data directory",
    ):
        assert warning in shown


def test_other_nodes_are_met_anew_and_promises_to_them_are_kept(data):
    """A lost node may come back with an empty directory; what it was promised may still count."""
    recover(data, "a,b", "--yes")
    assert content(data).meetings == {"b": Meeting(), "c": Meeting(is_acknowledged=True)}


@pytest.mark.parametrize("answer", ["", "\n", "no\n", "y\n", None])
def test_nothing_changes_without_a_yes(data, answer, monkeypatch):
    monkeypatch.setattr("sys.stdin", None if answer is None else io.StringIO(answer))
    with pytest.raises(Failure, match="nothing was changed") as caught:
        recover(data, "a,b")
    assert caught.value.code == 1
    opened = content(data)
    assert (opened.configuration, opened.meetings) == (BEFORE, MEETINGS)
    assert opened.incarnation == 2, "as after a first start, before this one"
    assert not (data / "audit.log").exists()


def test_the_node_cannot_start_while_the_question_is_asked(data, monkeypatch):
    class Question:
        def readline(self) -> str:
            with pytest.raises(StoreError, match="in use by process"):
                content(data)
            return "no\n"

    monkeypatch.setattr("sys.stdin", Question())
    with pytest.raises(Failure, match="nothing was changed"):
        recover(data, "a,b")


def test_a_store_of_an_earlier_version_stays_one_without_a_yes(tmp_path, monkeypatch):
    with closing(sqlite3.connect(tmp_path / NAME, isolation_level=None)) as earlier:
        earlier.execute("PRAGMA journal_mode = WAL")
        for statement in SCHEMAS[2]:
            earlier.execute(statement)
        earlier.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        earlier.execute("PRAGMA user_version = 2")
        meta = Meta(store_id=b"s" * 16, cluster="t", node_id="a", incarnation=1, configuration="a b c", writes=1)
        values = (meta.store_id, "t", "a", 1, 0, 1, "a b c", replace(meta, meetings=text_of({})).checksum())
        earlier.execute("INSERT INTO meta VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)", values)
    monkeypatch.setattr("sys.stdin", io.StringIO("no\n"))
    with pytest.raises(Failure, match="nothing was changed"):
        recover(tmp_path, "a,b")
    with closing(sqlite3.connect(tmp_path / NAME)) as found:
        assert found.execute("PRAGMA user_version").fetchone() == (2,)
        assert found.execute("SELECT incarnation FROM meta").fetchone() == (1,)
    assert recover(tmp_path, "a,b", "--yes") == 0


def test_the_intent_is_on_disk_before_the_change(data, monkeypatch):
    """A kill between the two may leave a line without a recovery, and never a recovery without a line."""
    monkeypatch.setattr(SqliteStore, "write", lambda *_: pytest.fail("killed"))
    with pytest.raises(pytest.fail.Exception, match="killed"):
        recover(data, "a,b", "--yes")
    assert "voters a b, without c" in (data / "audit.log").read_text()
    assert content(data).configuration == BEFORE


def test_a_yes_is_taken_from_a_person(data, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    assert recover(data, "a") == 0
    assert content(data).configuration.voters == ("a",)


def test_later_run_makes_a_newer_configuration(data):
    """So that the last survivor on which it is run decides: this one may know more than the others."""
    recover(data, "a,b", "--yes")
    made = content(data).configuration
    assert recover(data, "b,a", "--yes") == 0
    again = content(data).configuration
    assert again.members == made.members
    assert again.is_newer_than(made)
    assert len((data / "audit.log").read_text().splitlines()) == 2


def test_unknown_id_of_the_cluster_is_said(tmp_path, capsys):
    """A configuration without the id is never taken by a node that knows it."""
    store, _ = open_store(tmp_path)
    store.write({}, configuration=Configuration.initial("abc"))
    store.close()
    recover(tmp_path, "a,b", "--yes")
    assert "does not know the id of its cluster" in capsys.readouterr().out


def test_running_node_is_refused(data):
    store, _ = open_store(data)
    with pytest.raises(StoreError, match="in use by process"):
        recover(data, "a,b", "--yes")
    store.close()
    assert content(data).configuration == BEFORE


def test_list_without_this_node_is_refused(data):
    with pytest.raises(ConfigError, match="is not among them"):
        recover(data, "b", "--yes")
    assert content(data).configuration == BEFORE


def test_directory_without_a_store_is_refused(tmp_path):
    with pytest.raises(StoreError, match=f"there is no {NAME} here"):
        recover(tmp_path / "none", "a", "--yes")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("address", ["b", "b=10.0.0.2", "b=x:0", "=x:1:2"])
def test_bad_address_is_bad_usage(data, address, capsys):
    with pytest.raises(SystemExit) as ended:
        recover(data, "a,b", "--address", address)
    assert ended.value.code == 2
    assert "--address" in capsys.readouterr().err


def test_two_addresses_of_one_node_are_bad_usage(data):
    with pytest.raises(Failure, match="a node has two addresses") as caught:
        recover(data, "a,b", "--address", "b=10.0.0.2:1", "--address", "b=10.0.0.3:1", "--yes")
    assert caught.value.code is ExitCode.USAGE
    assert content(data).configuration == BEFORE


@pytest.mark.parametrize("is_root", [True, False])
def test_the_audit_file_belongs_to_the_node(data, is_root, monkeypatch):
    """`sudo elect members recover` leaves no file that the node of another user cannot write."""
    given: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0 if is_root else 1000)
    monkeypatch.setattr(os, "fchown", lambda _, *owner: given.append(owner))
    for _ in range(2):
        assert recover(data, "a,b", "--yes") == 0
    owner = data.stat()
    assert given == [(owner.st_uid, owner.st_gid)] * is_root
    assert len((data / "audit.log").read_text().splitlines()) == 2


def test_root_gives_no_file_behind_a_link_away(data, monkeypatch):
    """The user of the node may make the link: the file would be theirs, wherever it is."""
    given: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "fchown", lambda _, *owner: given.append(owner))
    (data / "audit.log").symlink_to(data / "elsewhere")
    assert recover(data, "a,b", "--yes") == 0
    assert given == []


def test_an_audit_line_is_written_without_an_owner(data, monkeypatch):
    """Not every file system has owners."""

    def refuse(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "fchown", refuse)
    assert recover(data, "a,b", "--yes") == 0
    assert (data / "audit.log").read_text()
