"""MirrorSession: the state of one mirror's link at its source, and the bytes that are under way to it. Pure.

A mirror says how many messages it has done with. What was sent after them is under way. At BYTES_UNDER_WAY_MAX the
source pauses, and goes on once three quarters of that are left.
"""

from collections import deque
from dataclasses import dataclass, field

from elect.observing.change_log import LoggedChange
from wire.protocol.identity import LinkNumber

MirrorLink = tuple[str, LinkNumber]
"""The id of a mirror, and the number of its link."""

BYTES_UNDER_WAY_MAX = 262_144
"""A link of 100 MB/s between two sites that are 2.5 ms apart stays full; 50 ms apart it carries 5 MB/s."""

BYTES_TO_RESUME = BYTES_UNDER_WAY_MAX * 3 // 4

MESSAGES_UNDER_WAY_MAX = 128
"""Half of the outbox of a link, so that answers and heartbeats always have room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorReport:
    """One mirror, for the status of its source.

    Attributes:
        name: its id without the instance.
        revision: the last change that it has applied.
        lag: the number of changes that it has not applied yet.
        bytes_under_way: sent, and not applied yet.
        snapshots: the number of snapshots that it was sent on this link.
    """

    name: str
    revision: int
    lag: int
    bytes_under_way: int
    snapshots: int

    def to_dict(self) -> dict[str, object]:
        """Return the content as JSON types."""
        return {
            "name": self.name,
            "revision": self.revision,
            "lag": self.lag,
            "bytes_under_way": self.bytes_under_way,
            "snapshots": self.snapshots,
        }


@dataclass(slots=True)
class MirrorSession:
    """One mirror.

    Attributes:
        name: its id without the instance.
        opened_at: when its link was accepted (ns).
        is_subscribed: it sent a Subscribe that was accepted.
        refused_at: when it was refused; None: it was not.
        position: the revision of the last change that was sent.
        revision: the one that it says it has applied.
        snapshot: the entries of a snapshot that are still to be sent, its revision and the number of all.
        snapshots: the number of snapshots that were begun.
        is_seal_asked: a SealRequest of it is not answered yet.
        asked: `sent` of an Applied that is to be answered; None: none is.
    """

    name: str
    opened_at: int
    is_subscribed: bool = False
    refused_at: int | None = None
    position: int = 0
    revision: int = 0
    snapshot: deque[LoggedChange] = field(default_factory=deque)
    snapshot_revision: int = 0
    snapshot_total: int = 0
    snapshots: int = 0
    is_seal_asked: bool = False
    asked: int | None = None
    _sizes: deque[int] = field(default_factory=deque)
    _bytes: int = 0
    _done: int = 0
    _is_paused: bool = False

    @property
    def is_paused(self) -> bool:
        """Whether nothing more is sent until the mirror has come further."""
        return self._is_paused

    def report(self, latest: int) -> MirrorReport:
        """Return the state for a status; the latest change of the node is given."""
        return MirrorReport(
            name=self.name,
            revision=self.revision,
            lag=max(0, latest - self.revision),
            bytes_under_way=self._bytes,
            snapshots=self.snapshots,
        )

    def begin_snapshot(self, changes: list[LoggedChange]) -> None:
        """Send all that the node knows, from the first entry."""
        self.snapshot = deque(changes)
        self.snapshot_total = len(changes)
        self.position = self.snapshot_revision = changes[-1].revision
        self.snapshots += 1

    def note_sent(self, size: int) -> None:
        """Count a message of about this many bytes."""
        self._sizes.append(size)
        self._bytes += size
        if self._bytes >= BYTES_UNDER_WAY_MAX or len(self._sizes) >= MESSAGES_UNDER_WAY_MAX:
            self._is_paused = True

    def note_done(self, messages: int) -> bool:
        """Count the messages that the mirror has done with, of all so far; return False if fewer were sent."""
        if not self._done <= messages <= self._done + len(self._sizes):
            return False
        for _ in range(messages - self._done):
            self._bytes -= self._sizes.popleft()
        self._done = messages
        if self._bytes <= BYTES_TO_RESUME and len(self._sizes) <= MESSAGES_UNDER_WAY_MAX * 3 // 4:
            self._is_paused = False
        return True
