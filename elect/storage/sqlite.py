"""The store of a real node: one SQLite file that is either whole and this node's, or refused.

What would let a node vote twice is treated as an error, never as a fresh start: a file of another node, cluster,
program or newer version; a file whose content does not have the checksum it was written with; a file that is missing
or older than the witness in the lock file says. Only a directory in which no store was ever finished gets a new one.

Source: PROTOCOL.md, sections 4 and 7.
"""

import errno
import os
import secrets
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import reduce
from operator import xor
from pathlib import Path

from elect.core.events import Objection
from elect.core.messages import TERM_MAX
from elect.core.ready import Ballot, Meeting
from elect.errors import IdentityError, StoreError, StoreGone
from elect.storage.data_lock import DataLock, Witness
from elect.storage.directory import make_directory, sync_directory
from elect.storage.sqlite_schema import APPLICATION_ID, SCHEMA, SCHEMA_VERSION, Meta, create, digest, row_of, text_of
from elect.storage.store import STORE_ID_LENGTH, Opened, check_ballot, check_voters, kept_meetings

NAME = "elect.sqlite3"

_BUSY_TIMEOUT_S = 1.0
"""Nobody else may write; somebody may look with another tool, briefly."""

_REPLACE = "its votes can't be relied on: remove this node from the cluster and add it again with an empty directory"


class SqliteStore:
    """Votes in `elect.sqlite3` of a directory, beside `elect.lock`."""

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = Path(directory)
        self.path = self.directory / NAME
        self._lock = DataLock(self.directory)
        self._connection: sqlite3.Connection | None = None
        self._ballots: dict[str, Ballot] = {}
        self._meetings: dict[str, Meeting] = {}
        self._meta: Meta | None = None
        self._files: dict[Path, tuple[int, int] | None] = {}

    def open(
        self,
        *,
        cluster: str,
        node_id: str,
        promise_ns: int,
        voters: Collection[str] = (),
        is_replacing_voters: bool = False,
    ) -> Opened:
        """See Store.open."""
        asked = Meta(store_id=b"", cluster=cluster, node_id=node_id, voters=" ".join(sorted(voters)))
        with self._reported():
            make_directory(self.directory)
            witness = self._lock.acquire()
            try:
                return self._open(asked, witness, promise_ns, is_replacing_voters=is_replacing_voters)
            except BaseException:
                self.close()
                raise

    def write(
        self,
        ballots: Mapping[str, Ballot],
        promise_ns: int | None = None,
        meetings: Mapping[str, Meeting] | None = None,
    ) -> None:
        """See Store.write."""
        assert self._meta is not None, "the store is not open"
        self._check_place()
        after = {**self._meetings, **(meetings or {})}
        ballots_digest = self._meta.ballots_digest
        for election, ballot in ballots.items():
            before = self._ballots.get(election)
            check_ballot(election, before, ballot)
            ballots_digest ^= digest(election, before) ^ digest(election, ballot)
        meta = replace(
            self._meta,
            promise_ns=max(self._meta.promise_ns, promise_ns or 0),
            writes=self._meta.writes + 1,
            ballots_digest=ballots_digest,
            meetings=text_of(after) if meetings else self._meta.meetings,
        )
        with self._reported():
            self._commit(meta, ballots, meetings or {})
        self._ballots.update(ballots)
        self._meetings = after
        self._lock.record(Witness(store_id=meta.store_id, writes=meta.writes))

    def close(self) -> None:
        """See Store.close."""
        connection, self._connection, self._meta = self._connection, None, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()
        self._lock.release()

    def _open(self, asked: Meta, witness: Witness | None, promise_ns: int, *, is_replacing_voters: bool) -> Opened:
        is_new = self._connect(witness)
        meetings: dict[str, Meeting] = {}
        if is_new:
            before = replace(asked, store_id=secrets.token_bytes(STORE_ID_LENGTH), meetings=text_of({}))
        else:
            self._check_file()
            self._ballots = self._read_ballots()
            self._meetings = meetings = self._read_meetings()
            before = self._meta = self._read_meta()
            self._check_identity(asked, witness)
            if is_replacing_voters:
                meetings = kept_meetings(meetings)
            else:
                check_voters(before.voters.split(), asked.voters.split(), str(self.directory))
        after = replace(
            before,
            incarnation=before.incarnation + 1,
            promise_ns=max(before.promise_ns, promise_ns),
            writes=before.writes + 1,
            voters=asked.voters,
            meetings=text_of(meetings),
        )
        self._commit(after, {}, meetings, is_new=is_new, is_opening=True)
        self._meetings = meetings
        self._lock.record(Witness(store_id=after.store_id, writes=after.writes), is_synced=True)
        sync_directory(self.directory)
        self._files = {path: _inode(path) for path in self._paths()}
        return Opened(
            incarnation=after.incarnation,
            store_id=after.store_id,
            promise_ns=promise_ns if is_new else before.promise_ns,
            ballots=dict(self._ballots),
            meetings=dict(meetings),
            former_voters=() if before.voters == asked.voters else tuple(before.voters.split()),
        )

    def _connect(self, witness: Witness | None) -> bool:
        """Open the file; True: it is new, and may be."""
        has_content = self.path.exists() and (not self.path.is_file() or self.path.stat().st_size > 0)
        log = self.path.with_name(NAME + "-wal")
        has_log = log.exists() and log.stat().st_size > 0
        if not has_content and (witness or has_log):
            raise self._error(f"the database is gone or empty, though a store was made here; {_REPLACE}")
        self._connection = connection = sqlite3.connect(
            self.path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA cell_size_check = ON")
        is_new = (
            self._integer("PRAGMA application_id") == 0 and self._integer("SELECT count(*) FROM sqlite_master") == 0
        )
        if is_new and witness:
            raise self._error(f"the database is empty, though a store was made here; {_REPLACE}")
        if not is_new:
            self._check_header()
        connection.execute("PRAGMA synchronous = FULL")
        # Only now: a file of another program was left as it is.
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != ("wal",):
            raise self._error(f"this file system can't hold a write-ahead log (mode {mode!r})")
        return is_new

    def _check_header(self) -> None:
        application_id = self._integer("PRAGMA application_id")
        version = self._integer("PRAGMA user_version")
        if application_id != APPLICATION_ID:
            raise IdentityError(str(self.path), f"another program (application id {application_id:#x})", "elect")
        if version > SCHEMA_VERSION:
            raise self._error(
                f"a newer version of elect wrote it (schema {version}; this one reads {SCHEMA_VERSION}): upgrade elect"
            )
        if version < SCHEMA_VERSION:
            raise self._damaged(f"schema {version} never was")

    def _check_file(self) -> None:
        """What SQLite can check by itself, and that it is told to check votes by the rules that we wrote."""
        connection = self._open_connection()
        problem = connection.execute("PRAGMA integrity_check(1)").fetchone()
        if problem != ("ok",):
            raise self._damaged(str(problem[0]) if problem else "integrity_check says nothing")
        rules = [row[0] for row in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")]
        if sorted(rules, key=str) != sorted(SCHEMA):
            raise self._damaged("its tables or triggers are not as they were made")

    def _read_ballots(self) -> dict[str, Ballot]:
        ballots = {}
        for election, term, voted_for in self._open_connection().execute("SELECT * FROM ballots"):
            is_text = isinstance(election, str) and isinstance(voted_for, str | None)
            if not is_text or not isinstance(term, int) or not 0 <= term <= TERM_MAX:
                raise self._damaged("a ballot has no sense")
            ballots[election] = Ballot(term=term, voted_for=voted_for)
        return ballots

    def _read_meetings(self) -> dict[str, Meeting]:
        meetings = {}
        for node_id, store_id, objection in self._open_connection().execute("SELECT * FROM meetings"):
            is_known = objection is None or objection in Objection.__members__.values()
            if not isinstance(node_id, str) or not isinstance(store_id, bytes | None) or not is_known:
                raise self._damaged("a meeting has no sense")
            meetings[node_id] = Meeting(store_id=store_id, objection=objection and Objection(objection))
        return meetings

    def _read_meta(self) -> Meta:
        row = self._open_connection().execute("SELECT * FROM meta").fetchone()
        if row is None:
            raise self._damaged("it does not say whose it is")
        _, store_id, cluster, node_id, incarnation, promise_ns, writes, voters, checksum = row
        meta = Meta(
            store_id=store_id,
            cluster=cluster,
            node_id=node_id,
            incarnation=incarnation,
            promise_ns=promise_ns,
            writes=writes,
            ballots_digest=reduce(xor, (digest(*item) for item in self._ballots.items()), 0),
            voters=voters,
            meetings=text_of(self._meetings),
        )
        if checksum != meta.checksum():
            raise self._damaged("its content does not have the checksum that it was written with")
        return meta

    def _check_identity(self, asked: Meta, witness: Witness | None) -> None:
        found = self._meta
        assert found is not None
        if (found.cluster, found.node_id) != (asked.cluster, asked.node_id):
            raise IdentityError(
                f"the store in {self.directory}",
                f"node {found.node_id!r} of cluster {found.cluster!r}",
                f"node {asked.node_id!r} of cluster {asked.cluster!r}",
            )
        if witness and witness.store_id != found.store_id:
            raise self._error(f"another database lies here than the one that was made here; {_REPLACE}")
        if witness and witness.writes > found.writes:
            raise self._error(
                f"it is older than it was: {witness.writes} writes were made, it holds {found.writes}"
                f" (restored from a copy, or a disk that loses writes); {_REPLACE}"
            )

    def _commit(
        self,
        meta: Meta,
        ballots: Mapping[str, Ballot],
        meetings: Mapping[str, Meeting],
        *,
        is_new: bool = False,
        is_opening: bool = False,
    ) -> None:
        """One transaction; memory follows only when it is durable."""
        connection = self._open_connection()
        try:
            connection.execute("BEGIN IMMEDIATE")
            if is_new:
                create(connection)
            connection.executemany(
                "INSERT INTO ballots VALUES (?, ?, ?) ON CONFLICT (election)"
                " DO UPDATE SET term = excluded.term, voted_for = excluded.voted_for",
                [(election, ballot.term, ballot.voted_for) for election, ballot in ballots.items()],
            )
            if is_opening:
                connection.execute("DELETE FROM meetings")
            connection.executemany(
                "INSERT OR REPLACE INTO meetings VALUES (?, ?, ?)",
                [row_of(peer, meeting) for peer, meeting in meetings.items()],
            )
            connection.execute(
                "INSERT INTO meta VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (one) DO UPDATE SET"
                " incarnation = excluded.incarnation, promise_ns = excluded.promise_ns, writes = excluded.writes,"
                " voters = excluded.voters, checksum = excluded.checksum",
                (
                    meta.store_id,
                    meta.cluster,
                    meta.node_id,
                    meta.incarnation,
                    meta.promise_ns,
                    meta.writes,
                    meta.voters,
                    meta.checksum(),
                ),
            )
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                connection.rollback()
            raise
        self._meta = meta

    def _paths(self) -> tuple[Path, ...]:
        return (self.path, self.path.with_name(NAME + "-wal"), self._lock.path)

    def _check_place(self) -> None:
        """Raise StoreGone when a file of the store is not the one that was opened."""
        for path, inode in self._files.items():
            if _inode(path) != inode:
                raise StoreGone(errno.ENOENT, "the file was removed or replaced while the node runs", str(path))

    @contextmanager
    def _reported(self) -> Iterator[None]:
        """Turn SQLite's errors, and the system's, into ours."""
        try:
            yield
        except sqlite3.IntegrityError as error:
            raise RuntimeError(
                f"{self.path}: the database refused a write that takes something back: {error}"
            ) from error
        except sqlite3.OperationalError as error:
            raise self._error(f"SQLite says: {error} ({getattr(error, 'sqlite_errorname', '')})") from error
        except (sqlite3.Error, UnicodeDecodeError) as error:  # also the text of a complaint may be damaged
            raise self._damaged(str(error)) from error
        except StoreError:
            raise
        except OSError as error:
            raise StoreError(error.errno, str(error.strerror), str(error.filename or self.path)) from error

    def _open_connection(self) -> sqlite3.Connection:
        assert self._connection is not None, "the store is not open"
        return self._connection

    def _integer(self, statement: str) -> int:
        row = self._open_connection().execute(statement).fetchone()
        return int(row[0])

    def _damaged(self, problem: str) -> StoreError:
        return self._error(f"the database is damaged ({problem}); {_REPLACE}")

    def _error(self, problem: str) -> StoreError:
        return StoreError(None, problem, str(self.path))


def _inode(path: Path) -> tuple[int, int] | None:
    """Device and number of the file of that name, or None."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
