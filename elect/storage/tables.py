"""The tables and triggers of the database, and the statements that bring an older one up to date."""

APPLICATION_ID = 0x656C6374
"""Marks the file in its header as one of elect: "elct"."""

SCHEMA_VERSION = 4

_META = """CREATE TABLE meta (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        store_id BLOB NOT NULL,
        cluster TEXT NOT NULL,
        node_id TEXT NOT NULL,
        incarnation INTEGER NOT NULL,
        promise_ns INTEGER NOT NULL,
        writes INTEGER NOT NULL,
        checksum BLOB NOT NULL
    )"""

_META_2 = """CREATE TABLE meta (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        store_id BLOB NOT NULL,
        cluster TEXT NOT NULL,
        node_id TEXT NOT NULL,
        incarnation INTEGER NOT NULL,
        promise_ns INTEGER NOT NULL,
        writes INTEGER NOT NULL,
        voters TEXT NOT NULL,
        checksum BLOB NOT NULL
    )"""
"""That of versions 1 and 2, in which the members were a list of voters that no program changed."""

_CONFIGURATION = """CREATE TABLE configuration (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        term INTEGER NOT NULL,
        version INTEGER NOT NULL,
        floor INTEGER NOT NULL,
        cluster_id BLOB,
        proposed_cluster_id BLOB,
        members TEXT NOT NULL,
        state TEXT NOT NULL,
        successor TEXT NOT NULL,
        promotion_floor INTEGER NOT NULL
    )"""
"""A table of its own: a ballot's write does not touch its page, which may be long."""

_CONFIGURATION_3 = """CREATE TABLE configuration (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        term INTEGER NOT NULL,
        version INTEGER NOT NULL,
        floor INTEGER NOT NULL,
        cluster_id BLOB,
        proposed_cluster_id BLOB,
        members TEXT NOT NULL
    )"""
"""That of version 3, in which each cluster was active."""

_BALLOTS = """CREATE TABLE ballots (
        election TEXT PRIMARY KEY,
        term INTEGER NOT NULL CHECK (typeof(term) = 'integer' AND term >= 0),
        voted_for TEXT,
        lowered_to INTEGER
            CHECK (lowered_to IS NULL OR (typeof(lowered_to) = 'integer' AND lowered_to >= 0 AND lowered_to < term))
    ) WITHOUT ROWID"""

_BALLOTS_1 = """CREATE TABLE ballots (
        election TEXT PRIMARY KEY,
        term INTEGER NOT NULL CHECK (typeof(term) = 'integer' AND term >= 0),
        voted_for TEXT
    ) WITHOUT ROWID"""
"""That of version 1, in which no term was lowered."""

_MEETINGS = """CREATE TABLE meetings (
        node_id TEXT PRIMARY KEY,
        store_id BLOB,
        objection TEXT,
        is_acknowledged INTEGER NOT NULL
    ) WITHOUT ROWID"""

_BALLOT_TRIGGERS = (
    """CREATE TRIGGER ballot_never_falls BEFORE UPDATE ON ballots
        WHEN new.term < old.term
            OR (new.term = old.term AND old.voted_for IS NOT NULL AND new.voted_for IS NOT old.voted_for)
        BEGIN SELECT RAISE(ABORT, 'a term never falls and a vote never changes'); END""",
    """CREATE TRIGGER ballot_never_goes BEFORE DELETE ON ballots
        BEGIN SELECT RAISE(ABORT, 'a ballot never goes'); END""",
)
"""The triggers are the second line of defence: even a bug in this program cannot take a vote back."""

_META_TRIGGER = """CREATE TRIGGER meta_never_falls BEFORE UPDATE ON meta
        WHEN new.incarnation < old.incarnation OR new.promise_ns < old.promise_ns OR new.writes <= old.writes
        BEGIN SELECT RAISE(ABORT, 'a count never falls'); END"""

_CONFIGURATION_TRIGGERS = (
    """CREATE TRIGGER configuration_never_falls BEFORE UPDATE ON configuration
        WHEN (new.term, new.version) < (old.term, old.version)
        BEGIN SELECT RAISE(ABORT, 'a configuration is never replaced by an older one'); END""",
    """CREATE TRIGGER configuration_never_goes BEFORE DELETE ON configuration
        BEGIN SELECT RAISE(ABORT, 'a configuration never goes'); END""",
)

_HEADER = (f"PRAGMA application_id = {APPLICATION_ID}", f"PRAGMA user_version = {SCHEMA_VERSION}")

SCHEMAS = {
    1: (_META_2, _BALLOTS_1, _MEETINGS, *_BALLOT_TRIGGERS, _META_TRIGGER),
    2: (_META_2, _BALLOTS, _MEETINGS, *_BALLOT_TRIGGERS, _META_TRIGGER),
    **{
        version: (
            _META,
            _BALLOTS,
            _MEETINGS,
            configuration,
            *_BALLOT_TRIGGERS,
            _META_TRIGGER,
            *_CONFIGURATION_TRIGGERS,
        )
        for version, configuration in ((3, _CONFIGURATION_3), (4, _CONFIGURATION))
    },
}
"""The tables and triggers, by version."""

COMMITS = (
    """CREATE TEMP VIEW commits AS SELECT NULL AS ballots, NULL AS store_id, NULL AS cluster, NULL AS node_id,
        NULL AS incarnation, NULL AS promise_ns, NULL AS writes, NULL AS checksum""",
    """CREATE TEMP TRIGGER commit_is_written INSTEAD OF INSERT ON commits BEGIN
        INSERT INTO ballots
            SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
                json_extract(value, '$[3]')
            FROM json_each(new.ballots) WHERE true
            ON CONFLICT (election) DO UPDATE
            SET term = excluded.term, voted_for = excluded.voted_for, lowered_to = excluded.lowered_to;
        INSERT INTO meta
            VALUES (1, new.store_id, new.cluster, new.node_id, new.incarnation, new.promise_ns, new.writes,
                new.checksum)
            ON CONFLICT (one) DO UPDATE SET incarnation = excluded.incarnation, promise_ns = excluded.promise_ns,
            writes = excluded.writes, checksum = excluded.checksum;
        END""",
)
"""The view and the trigger that each connection adds for itself. One row inserted into `commits` writes any number of
ballots, as a JSON array, and the row of meta. For each statement Python gives the interpreter to another thread, and
waits up to 5 ms for it where threads are busy. 500 ballots took half a second there with a statement each; now 6 ms."""

WRITE_CONFIGURATION = """INSERT INTO configuration VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (one) DO UPDATE SET term = excluded.term, version = excluded.version, floor = excluded.floor,
        cluster_id = excluded.cluster_id, proposed_cluster_id = excluded.proposed_cluster_id,
        members = excluded.members, state = excluded.state, successor = excluded.successor,
        promotion_floor = excluded.promotion_floor"""
"""Replaces the configuration. `INSERT OR REPLACE` would pass by the triggers."""

# The triggers go with their table. A column that SQLite adds or drops would make another text than that of a new table.
_BALLOTS_STEP = (
    "ALTER TABLE ballots RENAME TO ballots_1",
    _BALLOTS,
    "INSERT INTO ballots SELECT election, term, voted_for, NULL FROM ballots_1",
    "DROP TABLE ballots_1",
    *_BALLOT_TRIGGERS,
)
_META_STEP = (
    "ALTER TABLE meta RENAME TO meta_2",
    _META,
    "INSERT INTO meta SELECT one, store_id, cluster, node_id, incarnation, promise_ns, writes, checksum FROM meta_2",
    "DROP TABLE meta_2",
    _META_TRIGGER,
    _CONFIGURATION,  # its row is written by the start that takes this step
    *_CONFIGURATION_TRIGGERS,
    *_HEADER,
)
_CONFIGURATION_STEP = (
    "ALTER TABLE configuration RENAME TO configuration_3",
    _CONFIGURATION,
    "INSERT INTO configuration SELECT *, 'active', '', 0 FROM configuration_3",
    "DROP TABLE configuration_3",
    *_CONFIGURATION_TRIGGERS,
    *_HEADER,
)

STEPS = {
    0: (*SCHEMAS[SCHEMA_VERSION], *_HEADER),
    1: (*_BALLOTS_STEP, *_META_STEP),
    2: _META_STEP,
    3: _CONFIGURATION_STEP,
    SCHEMA_VERSION: (),
}
"""The statements that lead from each version to this one; 0: an empty file."""
