"""A machine whose source and clock the test plays."""

from collections.abc import Sequence

import pytest

from elect.clock import NS_PER_S
from elect.core.configuration import Configuration
from elect.mirror.mirror_content import MirrorContent
from elect.mirror.mirror_machine import MirrorMachine, SourceProblem, age_at
from elect.mirror.mirror_values import MirrorChange, MirrorPhase, MirrorState
from elect.observing.mirror_messages import (
    Changes,
    LeaderEntry,
    MembersEntry,
    MirrorEntry,
    SnapshotPart,
    SourceHeartbeat,
    SourceWelcome,
)

ID = bytes(range(16))
STREAM = b"s" * 16
MEMBERS = MembersEntry(configuration=Configuration.initial("abc"))


def entry(election: str, term: int, leader_id: str = "a") -> LeaderEntry:
    return LeaderEntry(election=election, term=term, leader_id=leader_id)


def welcome(
    *, cluster_id: bytes = ID, stream: bytes = STREAM, revision: int = 1, is_resumed: bool = False, version: int = 1
) -> SourceWelcome:
    return SourceWelcome(
        version=version, cluster_id=cluster_id, stream=stream, revision=revision, is_resumed=is_resumed
    )


def snapshot(revision: int, *entries: MirrorEntry) -> SnapshotPart:
    return SnapshotPart(revision=revision, total=1 + len(entries), first=0, entries=(MEMBERS, *entries))


class Followed:
    """A machine with a link to a source."""

    def __init__(self, content: MirrorContent | None = None, **ids: bytes) -> None:
        self.now = 1_000 * NS_PER_S
        self.machine = MirrorMachine(content or MirrorContent(), **ids)
        self.asked = self.machine.connected(self.now)
        self.seen: list[MirrorChange] = []

    @property
    def state(self) -> MirrorState:
        return self.machine.state(self.machine.as_of, self.now)

    @property
    def phase(self) -> MirrorPhase:
        return self.state.phase

    @property
    def age_ns(self) -> int | None:
        return age_at(self.machine.as_of, self.now)

    def say(self, *messages: object) -> None:
        """Give the machine messages, and apply all that can be."""
        for message in messages:
            self.machine.receive(message, self.now)
        while self.machine.is_welcome and (batch := self.machine.next_batch()) is not None:
            self.seen += self.machine.applied(batch)

    def follow(self, *entries: MirrorEntry) -> "Followed":
        """Welcome the mirror, send it a snapshot and answer its Applied."""
        self.say(welcome(), snapshot(1, *entries))
        self.beat(1)
        return self

    def beat(self, revision: int, *, age_ns: int = 0) -> None:
        """Answer an Applied that is sent now."""
        self.machine._sent_at = None
        sent = self.machine.applied_message(self.now).sent
        self.say(SourceHeartbeat(revision=revision, sent=sent, age_ns=age_ns))

    def change(self, first: int, entries: Sequence[MirrorEntry]) -> None:
        self.say(Changes(first=first, entries=tuple(entries)))


def problem(followed: Followed, *messages: object) -> SourceProblem:
    with pytest.raises(SourceProblem) as raised:
        followed.say(*messages)
    return raised.value
