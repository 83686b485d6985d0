"""ChangeLog: the changes of leaders and members that this node learned of, in order, for mirrors.

Theory of operation. One thread, that of the orchestrator, appends. One other thread reads. Neither waits for the other,
and there is no lock: each step below is a single one of the interpreter. An append puts a change under its topic, then
into its place of a ring, then raises the revision. So the change with the highest revision of all topics is the
latest one, and a copy of them is what the node knew at that revision. A reader that finds another revision in a place
of the ring knows that the ring has come around: the change is gone.

The ring is made when the first mirror comes. Until then a change takes about a microsecond.
"""

import secrets
from typing import NamedTuple

from elect.core.configuration import Configuration
from elect.leader import Leader
from elect.observing.mirror_messages import ENTRIES_MAX, STREAM_LENGTH

KEPT_MAX = 16_384
"""Changes that are kept, about 4 MB: each of ten thousand elections may lose its leader while a mirror is away."""

MEMBERS_TOPIC = ""
"""The topic of the members; each election is a topic by its name, which is never empty."""


class LoggedChange(NamedTuple):
    """A change with its number.

    Attributes:
        revision: its number in this stream, from 1.
        topic: the election; empty: the members.
        term: the leader's term; without a leader, the highest term that this node knows.
        leader: the leader as it was known then, or None.
        configuration: the members; None for an election.
    """

    revision: int
    topic: str
    term: int = 0
    leader: Leader | None = None
    configuration: Configuration | None = None


class ChangeLog:
    """The changes of one run of a node.

    Args:
        configuration: the members at the start: the first change.
        kept_max: the number of changes that are kept.

    Attributes:
        stream: random bytes, the name of this run.
        revision: that of the latest change.
    """

    def __init__(self, configuration: Configuration, *, kept_max: int = KEPT_MAX) -> None:
        self.stream = secrets.token_bytes(STREAM_LENGTH)
        self.revision = 0
        self._kept_max = kept_max
        self._latest: dict[str, LoggedChange] = {}
        self._ring: list[LoggedChange | None] = []
        self.note_members(configuration)

    def note_leader(self, election: str, term: int, leader: Leader | None) -> None:
        """Append the leader of an election, or that none is known; on the thread that appends."""
        if leader is None:
            before = self._latest.get(election)
            term = max(term, 0 if before is None else before.term)
        self._append(LoggedChange(self.revision + 1, election, term, leader))

    def note_members(self, configuration: Configuration) -> None:
        """Append the members; on the thread that appends."""
        self._append(LoggedChange(self.revision + 1, MEMBERS_TOPIC, configuration=configuration))

    def keep(self) -> None:
        """Keep changes from now on, as a mirror is there; on the thread that reads."""
        if not self._ring:
            self._ring = [None] * self._kept_max

    def has_since(self, revision: int) -> bool:
        """Return whether all changes after a revision are kept."""
        return revision == self.revision or (revision < self.revision and self._at(revision + 1) is not None)

    def since(self, revision: int, count_max: int) -> list[LoggedChange] | None:
        """Return the next changes after a revision, at most `count_max`; None if one of them is gone."""
        found: list[LoggedChange] = []
        for each in range(revision + 1, min(self.revision, revision + count_max) + 1):
            change = self._at(each)
            if change is None:
                return None
            found.append(change)
        return found

    def snapshot(self) -> list[LoggedChange]:
        """Return the latest change of each topic, in order: the last one has the revision of all of them.

        Of more than ENTRIES_MAX elections those that changed last are returned, and the members.
        """
        changes = sorted(self._latest.copy().values())
        if len(changes) <= ENTRIES_MAX + 1:
            return changes
        members = [change for change in changes[:-ENTRIES_MAX] if change.topic == MEMBERS_TOPIC]
        return members + changes[-ENTRIES_MAX:]

    def _append(self, change: LoggedChange) -> None:
        self._latest[change.topic] = change
        ring = self._ring
        if ring:
            ring[change.revision % self._kept_max] = change
        self.revision = change.revision

    def _at(self, revision: int) -> LoggedChange | None:
        change = self._ring[revision % self._kept_max] if self._ring else None
        return change if change is not None and change.revision == revision else None
