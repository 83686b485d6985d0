"""MirrorStore: what a mirror has applied, in one SQLite file of a directory of its own.

A batch is written as a whole or not at all, with the revision that it leads to. A file of another program or of another
source, a damaged one, and one that is older than the record in the lock file are refused: a mirror that forgot the
terms that it has seen could be promoted below them.
"""

import os
import secrets
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass, replace
from functools import reduce
from hashlib import blake2b
from operator import xor
from pathlib import Path

from elect.core.configuration import STORE_ID_LENGTH
from elect.errors import IdentityError, StoreError
from elect.mirror.mirror_content import ChangeBatch, MirrorContent, highest_in
from elect.mirror.mirror_values import Promotion
from elect.observing.change_log import MEMBERS_TOPIC
from elect.observing.mirror_messages import LeaderEntry, MembersEntry, MirrorEntry
from elect.storage.data_lock import DataLock, LockRecord, make_directory, sync_directory
from elect.storage.database_errors import DatabaseErrors
from wire.protocol.codec import Codec
from wire.protocol.wire_errors import WireError

MIRROR_FILE = "mirror.sqlite3"

MIRROR_APPLICATION_ID = 0x656C6D72
"""Marks the file in its header as that of a mirror: "elmr"."""

MIRROR_SCHEMA_VERSION = 1

SCHEMA = (
    """CREATE TABLE mirror (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        store_id BLOB NOT NULL,
        source_cluster TEXT NOT NULL,
        source_cluster_id BLOB NOT NULL,
        stream BLOB NOT NULL,
        revision INTEGER NOT NULL,
        highest_term INTEGER NOT NULL,
        writes INTEGER NOT NULL,
        entries_digest BLOB NOT NULL,
        floor INTEGER,
        checksum BLOB NOT NULL
    )""",
    """CREATE TABLE entries (
        topic TEXT PRIMARY KEY,
        leader_term INTEGER NOT NULL,
        payload BLOB NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TRIGGER mirror_never_falls BEFORE UPDATE ON mirror
        WHEN new.highest_term < old.highest_term OR new.writes <= old.writes
        BEGIN SELECT RAISE(ABORT, 'a count never falls'); END""",
    """CREATE TRIGGER promotion_never_goes BEFORE UPDATE ON mirror
        WHEN old.floor IS NOT NULL
        BEGIN SELECT RAISE(ABORT, 'a promoted mirror never changes'); END""",
)

_HEADER = (f"PRAGMA application_id = {MIRROR_APPLICATION_ID}", f"PRAGMA user_version = {MIRROR_SCHEMA_VERSION}")

_REPLACE = (
    "its terms may be lost: start this mirror with an empty data_dir while the source can be reached, and promote it"
    " only once it follows"
)

_CODEC = Codec(LeaderEntry, MembersEntry)

_DIGEST_LENGTH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorRow:
    """The single row about the whole file; its checksum covers the entries, too."""

    store_id: bytes
    source_cluster: str
    source_cluster_id: bytes = b""
    stream: bytes = b""
    revision: int = 0
    highest_term: int = 0
    writes: int = 0
    entries_digest: int = 0
    floor: int | None = None

    def checksum(self) -> bytes:
        """Return the checksum that is stored beside the row."""
        return blake2b(repr(astuple(self)).encode(), digest_size=_DIGEST_LENGTH).digest()


EntryRow = tuple[str, int, bytes]
"""The topic, the highest term of a leader, and the payload."""


def _digest(row: EntryRow) -> int:
    return int.from_bytes(blake2b(repr(row).encode(), digest_size=_DIGEST_LENGTH).digest())


def _bytes(digest: int) -> bytes:
    return digest.to_bytes(_DIGEST_LENGTH)


def _topic(entry: MirrorEntry) -> str:
    return entry.election if isinstance(entry, LeaderEntry) else MEMBERS_TOPIC


class MirrorStore:
    """The durable state of one mirror. One process at a time holds it; its owner sees to it that one thread uses it.

    Args:
        directory: for its files alone.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = Path(directory)
        self.path = self.directory / MIRROR_FILE
        self._errors = DatabaseErrors(self.path, _REPLACE)
        self._lock = DataLock(self.directory)
        self._connection: sqlite3.Connection | None = None
        self._row: MirrorRow | None = None
        """As it is durable; None: not known, as a write is on its way, or ended in an error."""
        self._digests: dict[str, int] = {}

    def open(self, *, source_cluster: str, source_cluster_id: bytes = b"") -> MirrorContent:
        """Lock the directory, and return what was applied.

        Args:
            source_cluster: the name of the source.
            source_cluster_id: the id that it must have; empty: any.

        Raises:
            IdentityError: the store is of another source or program.
            StoreError: it is in use, damaged, lost, or cannot be read or written.
        """
        with self._errors.reported():
            make_directory(self.directory)
            try:
                return self._open(source_cluster, source_cluster_id, self._lock.acquire())
            except BaseException:
                self.close()
                raise

    def write(self, batch: ChangeBatch, content: MirrorContent) -> None:
        """Make a batch durable, all or nothing of it.

        Args:
            batch: what is to be applied.
            content: what was applied before; it is not changed.

        Raises:
            StoreError: it may not be durable; a later write may succeed.
        """
        before = self._known_row()
        rows = _rows_of(batch.entries, content)
        digests = {row[0]: _digest(row) for row in rows}
        kept = {*digests, MEMBERS_TOPIC}
        gone = [each for each in self._digests if each not in kept] if batch.is_snapshot else []
        changed = [self._digests[topic] for topic in (*digests, *gone) if topic in self._digests]
        row = replace(
            before,
            source_cluster_id=batch.source_cluster_id,
            stream=batch.stream,
            revision=batch.revision,
            highest_term=max([before.highest_term, *map(highest_in, batch.entries)]),
            entries_digest=before.entries_digest ^ reduce(xor, (*changed, *digests.values()), 0),
        )
        row = self._commit(row, rows, gone)
        self._digests.update(digests)
        for topic in gone:
            del self._digests[topic]
        self._row = row

    def settle(self, content: MirrorContent) -> None:
        """Have the content know the highest term and the promotion that are durable.

        A write that ended in an error may be durable nevertheless: Ctrl-C comes after the COMMIT, or the disk fails.

        Raises:
            StoreError: the store cannot be read.
        """
        row = self._known_row()
        content.highest_term = max(content.highest_term, row.highest_term)
        content.promotion = content.promotion or _promotion_of(row)

    def promote(self, floor: int, highest_term: int) -> None:
        """Make a promotion durable. Nothing can be written after it.

        Raises:
            StoreError: it may not be durable; repeat it.
        """
        self._row = self._commit(replace(self._known_row(), floor=floor, highest_term=highest_term))

    def close(self) -> None:
        """Close and unlock the store; idempotent, never raises."""
        connection, self._connection, self._row = self._connection, None, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()
        self._lock.release()

    def _open(self, source_cluster: str, source_cluster_id: bytes, record: LockRecord | None) -> MirrorContent:
        is_new = self._connect(record)
        if is_new:
            row = MirrorRow(store_id=secrets.token_bytes(STORE_ID_LENGTH), source_cluster=source_cluster)
            self._row = self._commit(row, is_new=True)
            sync_directory(self.directory)
            return MirrorContent()
        self._check_file()
        rows = self._read_entries()
        row = self._row = self._read_row()
        self._check_identity(row, source_cluster, source_cluster_id, record)
        return _content_of(row, rows, self._errors.damaged)

    def _known_row(self) -> MirrorRow:
        """Return the row as it is durable; after a write that ended in an error, all is read again."""
        connection = self._open_connection()
        if self._row is None:
            with self._errors.reported():
                connection.rollback()  # Ctrl-C may have come during that of the write
                self._read_entries()
                self._row = self._read_row()
        return self._row

    def _connect(self, record: LockRecord | None) -> bool:
        """Open the file; return whether it is new."""
        has_content = self.path.exists() and (not self.path.is_file() or self.path.stat().st_size > 0)
        if record and not has_content:
            raise self._errors.failed(f"the database is missing or empty, but this directory had one; {_REPLACE}")
        self._connection = connection = sqlite3.connect(
            self.path, timeout=1.0, isolation_level=None, check_same_thread=False
        )
        application_id = self._integer("PRAGMA application_id")
        is_new = not (application_id or self._integer("SELECT count(*) FROM sqlite_master"))
        version = self._integer("PRAGMA user_version")
        if not is_new and application_id != MIRROR_APPLICATION_ID:
            raise IdentityError(str(self.path), f"another program (application id {application_id:#x})", "a mirror")
        if version > MIRROR_SCHEMA_VERSION:
            raise self._errors.failed(f"a newer version of elect wrote it (schema {version}); upgrade elect")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA journal_mode = WAL")
        return is_new

    def _check_file(self) -> None:
        connection = self._open_connection()
        problem = connection.execute("PRAGMA integrity_check(1)").fetchone()
        if problem != ("ok",):
            raise self._errors.damaged(str(problem[0]) if problem else "integrity_check returned nothing")
        rules = [row[0] for row in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")]
        if sorted(rules) != sorted(SCHEMA):
            raise self._errors.damaged("its tables or triggers were changed")

    def _read_entries(self) -> list[EntryRow]:
        rows = list[EntryRow]()
        for topic, leader_term, payload in self._open_connection().execute("SELECT * FROM entries"):
            if not (isinstance(topic, str) and isinstance(leader_term, int) and isinstance(payload, bytes)):
                raise self._errors.damaged("an entry is not valid")
            rows.append((topic, leader_term, payload))
        self._digests = {row[0]: _digest(row) for row in rows}
        return rows

    def _read_row(self) -> MirrorRow:
        found = self._open_connection().execute("SELECT * FROM mirror").fetchone()
        if found is None:
            raise self._errors.damaged("its row of mirror is missing")
        names = ("store_id", "source_cluster", "source_cluster_id", "stream", "revision", "highest_term", "writes")
        digest = reduce(xor, self._digests.values(), 0)
        row = MirrorRow(**dict(zip(names, found[1:8], strict=True)), entries_digest=digest, floor=found[9])
        if (found[8], found[10]) != (_bytes(digest), row.checksum()):
            raise self._errors.damaged("the checksum is wrong")
        return row

    def _check_identity(self, row: MirrorRow, name: str, cluster_id: bytes, record: LockRecord | None) -> None:
        subject = f"the store in {self.directory}"
        if row.source_cluster != name:
            raise IdentityError(subject, f"a mirror of cluster {row.source_cluster!r}", f"one of {name!r}")
        if cluster_id and row.source_cluster_id not in (b"", cluster_id):
            found = row.source_cluster_id.hex()
            raise IdentityError(subject, f"a mirror of the cluster with id {found}", f"one of {cluster_id.hex()}")
        self._errors.check_record(record, row.store_id, row.writes)

    def _commit(
        self, row: MirrorRow, entries: Sequence[EntryRow] = (), gone: Sequence[str] = (), *, is_new: bool = False
    ) -> MirrorRow:
        """Write in one transaction; return the row as it is durable, for the memory to follow."""
        connection = self._open_connection()
        row = replace(row, writes=row.writes + 1)
        self._row = None
        with self._errors.reported():
            try:
                connection.execute("BEGIN IMMEDIATE")
                for statement in (*SCHEMA, *_HEADER) if is_new else ():
                    connection.execute(statement)
                connection.executemany(
                    "INSERT INTO entries VALUES (?, ?, ?) ON CONFLICT (topic) DO UPDATE"
                    " SET leader_term = excluded.leader_term, payload = excluded.payload",
                    entries,
                )
                connection.executemany("DELETE FROM entries WHERE topic = ?", [(topic,) for topic in gone])
                connection.execute(
                    "INSERT INTO mirror VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (one) DO UPDATE SET"
                    " source_cluster_id = excluded.source_cluster_id, stream = excluded.stream,"
                    " revision = excluded.revision, highest_term = excluded.highest_term, writes = excluded.writes,"
                    " entries_digest = excluded.entries_digest, floor = excluded.floor, checksum = excluded.checksum",
                    (*astuple(row)[:7], _bytes(row.entries_digest), row.floor, row.checksum()),
                )
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    connection.rollback()
                raise
        self._lock.update(LockRecord(store_id=row.store_id, writes=row.writes), is_synced=is_new)
        return row

    def _open_connection(self) -> sqlite3.Connection:
        assert self._connection is not None, "the store is not open"
        return self._connection

    def _integer(self, statement: str) -> int:
        return int(self._open_connection().execute(statement).fetchone()[0])


def _rows_of(entries: Sequence[MirrorEntry], content: MirrorContent) -> list[EntryRow]:
    """Return the row of each topic, from its latest entry."""
    terms, latest = dict[str, int](), dict[str, MirrorEntry]()
    for entry in entries:
        topic = _topic(entry)
        known = terms.get(topic, content.leader_terms.get(topic, 0))
        is_led = isinstance(entry, LeaderEntry) and bool(entry.leader_id)
        terms[topic], latest[topic] = max(known, highest_in(entry)) if is_led else known, entry
    return [(topic, terms[topic], _CODEC.encode(entry)) for topic, entry in latest.items()]


def _content_of(row: MirrorRow, rows: Sequence[EntryRow], damaged: Callable[[str], StoreError]) -> MirrorContent:
    content = MirrorContent(
        source_cluster_id=row.source_cluster_id,
        stream=row.stream,
        revision=row.revision,
        highest_term=row.highest_term,
    )
    for topic, leader_term, payload in rows:
        try:
            entry = _CODEC.decode(payload)
        except WireError as error:
            raise damaged(f"entry {topic!r}: {error}") from error
        if isinstance(entry, LeaderEntry):
            content.leaders[topic] = entry
            if leader_term:
                content.leader_terms[topic] = leader_term
        elif isinstance(entry, MembersEntry):
            content.configuration = entry.configuration
    content.promotion = _promotion_of(row)
    return content


def _promotion_of(row: MirrorRow) -> Promotion | None:
    if row.floor is None:
        return None
    return Promotion(
        floor=row.floor,
        highest_term=row.highest_term,
        source_cluster_id=row.source_cluster_id,
        stream=row.stream,
        revision=row.revision,
    )
