"""The store of a real node: one SQLite file that is either whole and this node's, or refused.

Everything that could let a node vote twice is an error, never a fresh start: a file of another node, cluster, program
or newer version; a file with a wrong checksum; a file that is missing or older than the record in the lock file. Only
a directory in which no store was ever finished gets a new one.

Source: PROTOCOL.md, sections 4 and 7.
"""

import errno
import json
import os
import secrets
import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, astuple, dataclass, replace
from functools import reduce
from hashlib import blake2b
from operator import xor
from pathlib import Path

from elect.core.configuration import STORE_ID_LENGTH, Configuration
from elect.core.events import Objection
from elect.core.messages import TERM_MAX
from elect.core.ready import Ballot, Meeting
from elect.errors import IdentityError, StoreGone
from elect.storage.configuration_row import configuration_of, digest_of
from elect.storage.configuration_row import row_of as configuration_row
from elect.storage.data_lock import DataLock, LockRecord, make_directory, sync_directory
from elect.storage.database_errors import DatabaseErrors
from elect.storage.store import NO_CLUSTER, StoreContent, check_ballot, check_configuration, effective, is_overruled
from elect.storage.tables import APPLICATION_ID, COMMITS, SCHEMA_VERSION, SCHEMAS, STEPS, WRITE_CONFIGURATION

NAME = "elect.sqlite3"

_BUSY_TIMEOUT_S = 1.0
"""No other process writes; a person may read the file with another tool for a moment."""

_GONE = (
    "the file was removed or replaced while the node runs, which ends it: put it back, or set data_dir to its new"
    " place, and start the node; if it is lost, run `elect members replace`"
)
_REPLACE = "its votes may be lost: remove this node from the cluster, and add it again with an empty data_dir"


@dataclass(frozen=True, slots=True, kw_only=True)
class Meta:
    """The single row about the whole file; its checksum covers every ballot, the configuration and all meetings too.

    Attributes:
        configuration: the text from `digest_of`. In versions 1 and 2 the ids of the voters, separated by spaces.
        meetings: the text from `text_of`.
    """

    store_id: bytes
    cluster: str
    node_id: str
    incarnation: int = 0
    promise_ns: int = 0
    writes: int = 0
    ballots_digest: int = 0
    configuration: str = ""
    meetings: str = ""

    def checksum(self) -> bytes:
        """Return the checksum that is stored beside the row."""
        return blake2b(repr(astuple(self)).encode(), digest_size=16).digest()


def row_of(peer: str, meeting: Meeting) -> tuple[str, bytes | None, str | None, int]:
    """Return the row of a meeting."""
    objection = None if meeting.objection is None else meeting.objection.value
    return peer, meeting.store_id, objection, int(meeting.is_acknowledged)


def text_of(meetings: Mapping[str, Meeting]) -> str:
    """Return all meetings as one text for the checksum; they are few and seldom change."""
    return repr([row_of(peer, meeting) for peer, meeting in sorted(meetings.items())])


def digest(election: str, ballot: Ballot | None) -> int:
    """Return a ballot's share in the digest of all, which is their exclusive or, so that one can be exchanged."""
    if ballot is None:
        return 0
    # One that is not lowered has the digest that it had before there was the column.
    lowered = () if ballot.lowered_to is None else (ballot.lowered_to,)
    content = repr((election, ballot.term, ballot.voted_for, *lowered)).encode()
    return int.from_bytes(blake2b(content, digest_size=16).digest())


class SqliteStore:
    """The votes in `elect.sqlite3` of a directory, beside `elect.lock`."""

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = Path(directory)
        self.path = self.directory / NAME
        self._errors = DatabaseErrors(self.path, _REPLACE)
        self._log_path = self.directory / f"{NAME}-wal"
        self._lock = DataLock(self.directory)
        self._connection: sqlite3.Connection | None = None
        self._ballots: dict[str, Ballot] = {}
        self._meetings: dict[str, Meeting] = {}
        self._configuration = NO_CLUSTER
        self._meta: Meta | None = None
        self._version = 0
        self._files: dict[Path, tuple[int, int] | None] = {}

    def open(
        self, *, cluster: str, node_id: str, promise_ns: int, configuration: Configuration = NO_CLUSTER
    ) -> StoreContent:
        """See Store.open."""
        asked = Meta(store_id=b"", cluster=cluster, node_id=node_id)
        with self._errors.reported():
            make_directory(self.directory)
            record = self._lock.acquire()
            try:
                return self._open(asked, record, promise_ns, configuration)
            except BaseException:
                self.close()
                raise

    def read(self, *, cluster: str, node_id: str) -> StoreContent:
        """Return the content of a store that exists, and change nothing. The directory is locked until `close`.

        Raises:
            StoreError, IdentityError: as for `open`.
        """
        asked = Meta(store_id=b"", cluster=cluster, node_id=node_id)
        with self._errors.reported():
            record = self._lock.acquire()
            try:
                found = self._load(asked, record) or asked
                return self._content(found, found.promise_ns)
            except BaseException:
                self.close()
                raise

    def write(
        self,
        ballots: Mapping[str, Ballot],
        promise_ns: int | None = None,
        meetings: Mapping[str, Meeting] | None = None,
        configuration: Configuration | None = None,
    ) -> None:
        """See Store.write."""
        assert self._meta is not None, "the store is not open"
        if configuration is not None:
            check_configuration(self._configuration, configuration)
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
            configuration=self._meta.configuration
            if configuration is None
            else digest_of(configuration_row(configuration)),
            meetings=text_of(after) if meetings else self._meta.meetings,
        )
        with self._errors.reported():
            self._commit(meta, ballots, meetings or {}, configuration)
        self._ballots.update(ballots)
        self._meetings = after
        self._configuration = configuration or self._configuration
        self._lock.update(LockRecord(store_id=meta.store_id, writes=meta.writes))

    def close(self) -> None:
        """See Store.close."""
        connection, self._connection, self._meta = self._connection, None, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()
        self._lock.release()

    def _open(self, asked: Meta, record: LockRecord | None, promise_ns: int, given: Configuration) -> StoreContent:
        found = self._load(asked, record)
        before = found or replace(asked, store_id=secrets.token_bytes(STORE_ID_LENGTH), meetings=text_of({}))
        configuration = effective(self._configuration, given)
        after = replace(
            before,
            incarnation=before.incarnation + 1,
            promise_ns=max(before.promise_ns, promise_ns),
            writes=before.writes + 1,
            configuration=digest_of(configuration_row(configuration)),
        )
        self._commit(after, {}, {}, configuration, is_opening=True)
        self._configuration = configuration
        self._lock.update(LockRecord(store_id=after.store_id, writes=after.writes), is_synced=True)
        sync_directory(self.directory)
        self._files = {path: _inode(path) for path in (self.path, self._log_path, self._lock.path)}
        content = self._content(after, promise_ns if found is None else found.promise_ns)
        return replace(content, is_given_overruled=is_overruled(given, configuration))

    def _load(self, asked: Meta, record: LockRecord | None) -> Meta | None:
        """Read and check the file; return None if it is new."""
        is_new = self._connect(record)
        self._ballots, self._meetings, self._configuration = {}, {}, NO_CLUSTER
        if is_new:
            return None
        self._check_file()
        self._ballots = self._read_ballots()
        self._meetings = self._read_meetings()
        found = self._meta = self._read_meta()
        self._check_identity(found, asked, record)
        return found

    def _content(self, meta: Meta, promise_ns: int) -> StoreContent:
        return StoreContent(
            incarnation=meta.incarnation,
            store_id=meta.store_id,
            promise_ns=promise_ns,
            ballots=dict(self._ballots),
            meetings=dict(self._meetings),
            configuration=self._configuration,
        )

    def _connect(self, record: LockRecord | None) -> bool:
        """Open the file; return whether it is new."""
        has_content = self.path.exists() and (not self.path.is_file() or self.path.stat().st_size > 0)
        has_log = self._log_path.exists() and self._log_path.stat().st_size > 0
        if not has_content and (record or has_log):
            raise self._errors.failed(f"the database is missing or empty, but this directory had a store; {_REPLACE}")
        self._connection = connection = sqlite3.connect(
            self.path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA cell_size_check = ON")
        is_new = not (self._integer("PRAGMA application_id") or self._integer("SELECT count(*) FROM sqlite_master"))
        if is_new and record:
            raise self._errors.failed(f"the database is empty, but this directory had a store; {_REPLACE}")
        self._version = 0 if is_new else self._check_header()
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA temp_store = MEMORY")  # of `COMMITS`; no other file may be full
        # Only now: a file of another program must stay unchanged.
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != ("wal",):
            raise self._errors.failed(
                f"no write-ahead log on this file system ({mode!r}); use a data_dir on a local disk"
            )
        return is_new

    def _check_header(self) -> int:
        """Return the version of the schema."""
        application_id = self._integer("PRAGMA application_id")
        version = self._integer("PRAGMA user_version")
        if application_id != APPLICATION_ID:
            raise IdentityError(str(self.path), f"another program (application id {application_id:#x})", "elect")
        if version > SCHEMA_VERSION:
            raise self._errors.failed(
                f"a newer version of elect wrote it (schema {version}, this one reads {SCHEMA_VERSION}); upgrade elect"
            )
        if version not in SCHEMAS:
            raise self._errors.damaged(f"schema {version} does not exist")
        return version

    def _check_file(self) -> None:
        """Run SQLite's own check, and compare its tables and triggers with SCHEMAS."""
        connection = self._open_connection()
        problem = connection.execute("PRAGMA integrity_check(1)").fetchone()
        if problem != ("ok",):
            raise self._errors.damaged(str(problem[0]) if problem else "integrity_check returned nothing")
        rules = [row[0] for row in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")]
        if sorted(rules, key=str) != sorted(SCHEMAS[self._version]):
            raise self._errors.damaged("its tables or triggers were changed")

    def _read_ballots(self) -> dict[str, Ballot]:
        ballots = {}
        for election, term, voted_for, *lowered in self._open_connection().execute("SELECT * FROM ballots"):
            is_text = isinstance(election, str) and isinstance(voted_for, str | None)
            lowered_to = lowered[0] if lowered else None  # version 1 has no such column
            if not is_text or not isinstance(term, int) or not 0 <= term <= TERM_MAX:
                raise self._errors.damaged("a ballot is not valid")
            if lowered_to is not None and (not isinstance(lowered_to, int) or not 0 <= lowered_to < term):
                raise self._errors.damaged("a ballot is not valid")
            ballots[election] = Ballot(term=term, voted_for=voted_for, lowered_to=lowered_to)
        return ballots

    def _read_meetings(self) -> dict[str, Meeting]:
        meetings = {}
        for node_id, store_id, objection, is_acknowledged in self._open_connection().execute("SELECT * FROM meetings"):
            is_known = (objection is None or objection in Objection.__members__.values()) and is_acknowledged in (0, 1)
            if not isinstance(node_id, str) or not isinstance(store_id, bytes | None) or not is_known:
                raise self._errors.damaged("a meeting is not valid")
            why = objection and Objection(objection)
            meetings[node_id] = Meeting(store_id=store_id, objection=why, is_acknowledged=bool(is_acknowledged))
        return meetings

    def _read_meta(self) -> Meta:
        row = self._open_connection().execute("SELECT * FROM meta").fetchone()
        if row is None:
            raise self._errors.damaged("its row of meta is missing")
        _, store_id, cluster, node_id, incarnation, promise_ns, writes, *voters, checksum = row
        configuration = () if voters else self._read_configuration()
        meta = Meta(
            store_id=store_id,
            cluster=cluster,
            node_id=node_id,
            incarnation=incarnation,
            promise_ns=promise_ns,
            writes=writes,
            ballots_digest=reduce(xor, (digest(*item) for item in self._ballots.items()), 0),
            configuration=voters[0] if voters else digest_of(configuration),
            meetings=text_of(self._meetings),
        )
        if checksum != meta.checksum():
            raise self._errors.damaged("the checksum is wrong")
        try:
            # Until version 2 each node had the list of voters that it began with.
            self._configuration = (
                Configuration.initial(voters[0].split()) if voters else configuration_of(configuration)
            )
        except ValueError as error:
            raise self._errors.damaged(f"the configuration is not valid: {error}") from error
        return meta

    def _read_configuration(self) -> tuple[object, ...]:
        row = self._open_connection().execute("SELECT * FROM configuration").fetchone()
        if row is None:
            raise self._errors.damaged("its row of the configuration is missing")
        return tuple(row[1:])

    def _check_identity(self, found: Meta, asked: Meta, record: LockRecord | None) -> None:
        if (found.cluster, found.node_id) != (asked.cluster, asked.node_id):
            raise IdentityError(
                f"the store in {self.directory}",
                f"node {found.node_id!r} of cluster {found.cluster!r}",
                f"node {asked.node_id!r} of cluster {asked.cluster!r}",
            )
        self._errors.check_record(record, found.store_id, found.writes)

    def _commit(
        self,
        meta: Meta,
        ballots: Mapping[str, Ballot],
        meetings: Mapping[str, Meeting],
        configuration: Configuration | None,
        *,
        is_opening: bool = False,
    ) -> None:
        """Write in one transaction; memory follows only when it is durable."""
        connection = self._open_connection()
        rows = [(name, ballot.term, ballot.voted_for, ballot.lowered_to) for name, ballot in ballots.items()]
        commit = {**asdict(meta), "ballots": json.dumps(rows), "checksum": meta.checksum()}
        try:
            if is_opening or meetings or configuration is not None:
                connection.execute("BEGIN IMMEDIATE")
            if is_opening:
                for statement in (*STEPS[self._version], *COMMITS):
                    connection.execute(statement)
            for item in meetings.items():
                connection.execute("INSERT OR REPLACE INTO meetings VALUES (?, ?, ?, ?)", row_of(*item))
            if configuration is not None:
                connection.execute(WRITE_CONFIGURATION, configuration_row(configuration))
            connection.execute(
                "INSERT INTO commits VALUES (:ballots,"
                " :store_id, :cluster, :node_id, :incarnation, :promise_ns, :writes, :checksum)",
                commit,
            )
            if connection.in_transaction:
                connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                connection.rollback()
            raise
        self._meta, self._version = meta, SCHEMA_VERSION

    def _check_place(self) -> None:
        """Raise StoreGone if a file of the store is not the one that was opened."""
        for path, inode in self._files.items():
            if _inode(path) != inode:
                raise StoreGone(errno.ENOENT, _GONE, str(path))

    def _open_connection(self) -> sqlite3.Connection:
        assert self._connection is not None, "the store is not open"
        return self._connection

    def _integer(self, statement: str) -> int:
        return int(self._open_connection().execute(statement).fetchone()[0])


def _inode(path: Path) -> tuple[int, int] | None:
    """Return device and number of the file of that name, or None."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
