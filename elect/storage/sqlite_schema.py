"""What the database looks like, and the checksum that ties its content together."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

from elect.core.ready import Ballot, Meeting

APPLICATION_ID = 0x656C6374
"""Marks the file as ours in its header: "elct"."""

SCHEMA_VERSION = 1

SCHEMA = (
    """CREATE TABLE meta (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        store_id BLOB NOT NULL,
        cluster TEXT NOT NULL,
        node_id TEXT NOT NULL,
        incarnation INTEGER NOT NULL,
        promise_ns INTEGER NOT NULL,
        writes INTEGER NOT NULL,
        voters TEXT NOT NULL,
        checksum BLOB NOT NULL
    )""",
    """CREATE TABLE ballots (
        election TEXT PRIMARY KEY,
        term INTEGER NOT NULL CHECK (typeof(term) = 'integer' AND term >= 0),
        voted_for TEXT
    ) WITHOUT ROWID""",
    """CREATE TABLE meetings (
        node_id TEXT PRIMARY KEY,
        store_id BLOB,
        objection TEXT
    ) WITHOUT ROWID""",
    """CREATE TRIGGER ballot_never_falls BEFORE UPDATE ON ballots
        WHEN new.term < old.term
            OR (new.term = old.term AND old.voted_for IS NOT NULL AND new.voted_for IS NOT old.voted_for)
        BEGIN SELECT RAISE(ABORT, 'a term never falls and a vote never changes'); END""",
    """CREATE TRIGGER ballot_never_goes BEFORE DELETE ON ballots
        BEGIN SELECT RAISE(ABORT, 'a ballot never goes'); END""",
    """CREATE TRIGGER meta_never_falls BEFORE UPDATE ON meta
        WHEN new.incarnation < old.incarnation OR new.promise_ns < old.promise_ns OR new.writes <= old.writes
        BEGIN SELECT RAISE(ABORT, 'a count never falls'); END""",
)
"""The triggers are the second line of defence: even a bug in this program can't take a vote back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meta:
    """The one line about the whole file; its checksum covers every ballot and meeting, too.

    `voters`: ids, with a space between two. `meetings`: as `text_of` gives them.
    """

    store_id: bytes
    cluster: str
    node_id: str
    incarnation: int = 0
    promise_ns: int = 0
    writes: int = 0
    ballots_digest: int = 0
    voters: str = ""
    meetings: str = ""

    def checksum(self) -> bytes:
        """What is stored beside it."""
        content = (self.store_id, self.cluster, self.node_id, self.incarnation, self.promise_ns, self.writes)
        text = repr((*content, self.ballots_digest, self.voters, self.meetings))
        return blake2b(text.encode(), digest_size=16).digest()


def row_of(peer: str, meeting: Meeting) -> tuple[str, bytes | None, str | None]:
    """A meeting's row in the table."""
    return peer, meeting.store_id, None if meeting.objection is None else meeting.objection.value


def text_of(meetings: Mapping[str, Meeting]) -> str:
    """All meetings as one text for the checksum; there are few, and they seldom change."""
    return repr([row_of(peer, meeting) for peer, meeting in sorted(meetings.items())])


def digest(election: str, ballot: Ballot | None) -> int:
    """A ballot's share in the digest of all: they are combined by exclusive or, so one can be exchanged."""
    if ballot is None:
        return 0
    content = repr((election, ballot.term, ballot.voted_for)).encode()
    return int.from_bytes(blake2b(content, digest_size=16).digest())


def create(connection: sqlite3.Connection) -> None:
    """Make the tables, inside the caller's transaction."""
    for statement in SCHEMA:
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
