"""A source for mirrors that the test plays: the real server on real links, and changes as many as it likes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import get_args

from elect import Mirror
from elect.bridge.dispatcher import PublishedEvent
from elect.clock import now_ns
from elect.core.configuration import Configuration
from elect.core.events import LeaderChanged
from elect.core.membership_messages import Message
from elect.leader import Leader
from elect.mirror.mirror_values import ChangeOrigin, MirrorChange
from elect.observing.change_log import ChangeLog
from elect.observing.mirror_messages import MIRROR_KIND, MIRROR_MESSAGES
from elect.observing.mirror_server import MirrorServer, OnSeal, answer_unsupported
from wire.io.link_events import Event
from wire.links.endpoint import Endpoint
from wire.links.listener import Listener
from wire.links.shared_links import SharedLinks
from wire.protocol.address import Address
from wire.protocol.codec import Codec
from wire.protocol.identity import Identity

CLUSTER = "source"
CLUSTER_ID = bytes(range(16))
CODEC = Codec(*get_args(Message), *MIRROR_MESSAGES)
MEMBERS = replace(Configuration.initial("abc"), cluster_id=CLUSTER_ID)

Told = tuple[int, str, int, str | None]
"""Revision, election, term and leader of a change."""


class BareSource:
    """One node of a source, without its elections.

    Args:
        kept_max: the number of changes that it keeps.
        node_id: its id.
        on_seal: called when a mirror asks to seal it.
        address: where it listens.
    """

    def __init__(
        self,
        *,
        kept_max: int = 16_384,
        node_id: str = "a",
        on_seal: OnSeal = answer_unsupported,
        address: str = "127.0.0.1:0",
    ) -> None:
        self.log = ChangeLog(MEMBERS, kept_max=kept_max)
        self.history: list[Told] = []
        self.id: bytes | None = CLUSTER_ID
        self.age_ns = 0
        self.refused: list[str] = []
        endpoint = Endpoint(
            identity=Identity(cluster=CLUSTER, node=node_id, incarnation=1, store=bytes(16)),
            codec=CODEC,
            deliver=lambda event: self._receive(event),  # noqa: PLW0108 - see below
            name="source",
        )
        self.links = SharedLinks(endpoint, turn=lambda: self.server.turn())  # noqa: PLW0108 - see below
        self.server = MirrorServer(
            self.links, self.log, self, clock=now_ns, count_refused=self.refused.append, on_seal=on_seal
        )
        self.listener = Listener(
            Address.parse(address),
            endpoint,
            is_known_peer=lambda _: True,
            kinds=(),
            shared={MIRROR_KIND: self.links},
        )
        self.listener.open()
        self.listens = str(self.listener.address)
        self.links.start()
        self.listener.start()

    def _receive(self, event: Event) -> None:
        self.server.receive(event)

    def cluster_id(self) -> bytes | None:
        return self.id

    def is_standby(self) -> bool:
        return False

    def address(self, node_id: str) -> str | None:
        return None

    def quorum_age_ns(self) -> int:
        return self.age_ns

    def change(self, election: str, term: int, leader_id: str | None) -> None:
        """Publish a leader, as the orchestrator thread does."""
        leader = None if leader_id is None else Leader(node_id=leader_id, term=term, metadata={"of": leader_id})
        event = LeaderChanged(election=election, term=term, leader=leader_id, at=0)
        self.history.append((self.log.revision + 1, election, term, leader_id))
        self.server.note_published([PublishedEvent(event, leader=leader)])

    def stop(self) -> None:
        assert self.listener.stop(10)
        assert self.links.stop(10)


@contextmanager
def source(**settings: object) -> Iterator[BareSource]:
    made = BareSource(**settings)
    try:
        yield made
    finally:
        made.stop()


def mirror_of(*addresses: str, data_dir: Path, on_change: Callable[[MirrorChange], object] | None = None) -> Mirror:
    return Mirror(list(addresses), cluster=CLUSTER, data_dir=data_dir, on_change=on_change)


class RandomChanges:
    """Changes of a few elections, whose terms rise."""

    def __init__(self, seed: int, elections: int = 20) -> None:
        self._rng = Random(seed)
        self._terms = {f"e{number}": 0 for number in range(elections)}

    def make(self, made: BareSource) -> None:
        election = self._rng.choice([*self._terms])
        if self._rng.random() < 0.5:
            self._terms[election] += 1
            made.change(election, self._terms[election], self._rng.choice("abc"))
        else:
            made.change(election, self._terms[election], None)


def told(change: MirrorChange) -> Told:
    leader = None if change.leader is None else change.leader.node_id
    return change.revision, change.election, change.term, leader


def check_sequence(seen: list[MirrorChange], history: list[Told], *, begins_at: int = 0) -> int:
    """Check that a run of a mirror saw the changes of its source in order, each once, but for those of snapshots.

    Returns: the number of snapshots.
    """
    by_revision = {each[0]: each for each in history}
    revision, snapshots, latest = begins_at, set[int](), None
    for change in seen:
        if change.origin is ChangeOrigin.CHANGE:
            assert change.revision == revision + 1, "a gap, a repeat or another order"
            assert told(change) == by_revision[change.revision]
            revision = change.revision
        elif change.origin is ChangeOrigin.SNAPSHOT:
            assert change.revision >= revision
            if change.revision != latest:
                snapshots.add(change.revision)
            revision = change.revision
        latest = change.revision
    return len(snapshots)
