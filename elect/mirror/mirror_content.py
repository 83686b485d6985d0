"""MirrorContent: what a mirror has applied of its source. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from elect.core.configuration import Configuration
from elect.leader import Leader
from elect.mirror.mirror_values import ChangeOrigin, MirrorChange, Promotion
from elect.observing.mirror_messages import ENTRIES_MAX, LeaderEntry, MembersEntry, MirrorEntry

ELECTIONS_MAX = 2 * ENTRIES_MAX
"""Elections that are remembered though the source knows them no longer, with those that it knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeBatch:
    """Changes that are applied together: all of them, or none.

    Attributes:
        source_cluster_id: the id of the source.
        stream: its stream.
        revision: the last change that is applied with it.
        entries: the changes in order, or all that the source knows.
        is_snapshot: they are all that the source knows.
    """

    source_cluster_id: bytes
    stream: bytes
    revision: int
    entries: Sequence[MirrorEntry] = ()
    is_snapshot: bool = False


@dataclass(slots=True)
class MirrorContent:
    """The state of the source, as far as it was applied. One thread changes it; any thread may read a single field.

    Attributes:
        source_cluster_id: the id of the source; empty: none was ever met.
        stream: that of the last change that was applied; empty: no snapshot was ever applied.
        revision: of that change.
        leaders: the leader of each election.
        leader_terms: the highest term of a leader of each election.
        configuration: the members; None before the first snapshot.
        highest_term: of all that was ever seen.
        promotion: the record of the promotion, or None.
    """

    source_cluster_id: bytes = b""
    stream: bytes = b""
    revision: int = 0
    leaders: dict[str, LeaderEntry] = field(default_factory=dict)
    leader_terms: dict[str, int] = field(default_factory=dict)
    configuration: Configuration | None = None
    highest_term: int = 0
    promotion: Promotion | None = None

    @property
    def is_bootstrapped(self) -> bool:
        """Whether a whole snapshot was ever applied."""
        return bool(self.stream)

    def why_behind(self, entries: Sequence[MirrorEntry]) -> str:
        """Return why a snapshot is older than what was applied, as a sentence; empty: it is not."""
        for entry in entries:
            match entry:
                case LeaderEntry(leader_id=leader_id) if leader_id:
                    known = self.leader_terms.get(entry.election, 0)
                    if entry.term < known:
                        return f"it names a leader of {entry.election} in term {entry.term}; term {known} was seen"
                case MembersEntry(configuration=found):
                    applied = self.configuration
                    if applied is not None and applied.is_newer_than(found):
                        return (
                            f"it has configuration {found.term}.{found.version};"
                            f" {applied.term}.{applied.version} was seen"
                        )
        return ""

    def completed(self, entries: Sequence[MirrorEntry]) -> tuple[MirrorEntry, ...]:
        """Return the entries of a snapshot, with the elections that it lacks: the source knows no leader of them."""
        found = {entry.election for entry in entries if isinstance(entry, LeaderEntry)}
        lacking = [each for each in self.leaders if each not in found]
        room = ELECTIONS_MAX - max(len(found), ENTRIES_MAX)  # and some for those that it has later
        return (*entries, *(LeaderEntry(election=each, term=self.leaders[each].term) for each in lacking[:room]))

    def has_room(self, entries: Sequence[MirrorEntry]) -> bool:
        """Return whether the elections in some changes may be remembered with those that are known."""
        elections = {entry.election for entry in entries if isinstance(entry, LeaderEntry)}
        return len(self.leaders) + sum(each not in self.leaders for each in elections) <= ELECTIONS_MAX

    def apply(self, batch: ChangeBatch) -> list[MirrorChange]:
        """Apply a batch that is durable; return the changes for the program.

        Of a snapshot these are the entries that differ from what was known.
        """
        origin = ChangeOrigin.SNAPSHOT if batch.is_snapshot else ChangeOrigin.CHANGE
        changes, revision = list[MirrorChange](), batch.revision - len(batch.entries)
        if batch.is_snapshot:
            kept = {entry.election for entry in batch.entries if isinstance(entry, LeaderEntry)}
            self.leaders = {election: entry for election, entry in self.leaders.items() if election in kept}
            self.leader_terms = {election: term for election, term in self.leader_terms.items() if election in kept}
        for entry in batch.entries:
            revision += 1
            is_new = self._set(entry)
            self.highest_term = max(self.highest_term, highest_in(entry))
            if is_new or not batch.is_snapshot:
                at = batch.revision if batch.is_snapshot else revision
                changes.append(change_of(entry, origin, batch.stream, at))
        self.source_cluster_id, self.stream, self.revision = batch.source_cluster_id, batch.stream, batch.revision
        return changes

    def _set(self, entry: MirrorEntry) -> bool:
        """Take an entry over; return whether it differs from what was known."""
        if isinstance(entry, MembersEntry):
            is_new = entry.configuration != self.configuration
            self.configuration = entry.configuration
            return is_new
        is_new = entry != self.leaders.get(entry.election)
        self.leaders[entry.election] = entry
        if entry.leader_id:
            self.leader_terms[entry.election] = max(entry.term, self.leader_terms.get(entry.election, 0))
        return is_new

    def stored_changes(self) -> list[MirrorChange]:
        """Return all that is known, for a program that starts."""
        entries: list[MirrorEntry] = (
            [] if self.configuration is None else [MembersEntry(configuration=self.configuration)]
        )
        entries += self.leaders.values()
        return [change_of(entry, ChangeOrigin.STORED, self.stream, self.revision) for entry in entries]


def highest_in(entry: MirrorEntry) -> int:
    """Return the highest term in an entry."""
    if isinstance(entry, LeaderEntry):
        return entry.term
    return max(entry.configuration.term, entry.configuration.floor)


def leader_of(entry: LeaderEntry, as_of: float = 0.0) -> Leader | None:
    """Return the leader in an entry, or None."""
    if not entry.leader_id:
        return None
    return Leader(
        node_id=entry.leader_id,
        term=entry.term,
        address=entry.address or None,
        metadata=dict(entry.metadata),
        as_of=as_of,
    )


def change_of(entry: MirrorEntry, origin: ChangeOrigin, stream: bytes, revision: int) -> MirrorChange:
    """Return an entry as a change for the program."""
    if isinstance(entry, MembersEntry):
        return MirrorChange(origin=origin, stream=stream, revision=revision, configuration=entry.configuration)
    return MirrorChange(
        origin=origin,
        stream=stream,
        revision=revision,
        election=entry.election,
        term=entry.term,
        leader=leader_of(entry),
    )
