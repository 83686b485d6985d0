"""One node of a ManualCluster: a real Elector with a disk, a clock and links that move only on command."""

from dataclasses import dataclass, field

from elect.core.configuration import NO_MEMBERS, STORE_ID_LENGTH, Configuration
from elect.core.elector import Elector
from elect.core.membership_messages import Message
from elect.core.messages import Batch, Entry, Number
from elect.core.ready import Ballot, Meeting, Ready, Send, Write
from elect.testing.world.lease_record import LeaseRecord
from elect.testing.world.virtual_clock import VirtualClock

Kind = type[Message] | type[Entry]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldFrame:
    """A message under way on a link, or the end of the stream (None), which the dialer may have announced."""

    link: Number
    message: Message | None
    is_announced: bool = False

    def holds(self, kind: Kind, term: int | None = None) -> bool:
        """Return whether the message, or one of its entries, is of a kind and term."""
        message = self.message
        entries = message.entries if isinstance(message, Batch) else ()
        found = [entry for entry in entries if isinstance(entry, kind)]
        return isinstance(message, kind) or any(term in (None, entry.term) for entry in found)


@dataclass(slots=True, kw_only=True)
class ManualNode:
    """One node.

    Attributes:
        table: its published leases and counted support.
        links: links that it dialed and that are open, by peer.
        under_way: frames sent and not delivered, by peer, in order.
        delayed: frames that only `ManualCluster.deliver` delivers, by peer.
        ballots: on disk; `meetings` and `configuration`: the same.
        stores: number of disks that it has had; 0: they are not compared.
        writes: begun and not ended; with `is_disk_slow` they wait for `ManualCluster.write` or `fail_write`.
        wake_at: time of its next tick, on its clock, ns.
        is_awake: False: suspended; its clock runs, nothing arrives.
        is_alive: False: crashed and not yet restarted.
    """

    node_id: str
    clock: VirtualClock
    elector: Elector
    table: LeaseRecord = field(default_factory=LeaseRecord)
    links: dict[str, Number] = field(default_factory=dict)
    link_count: int = 0
    under_way: dict[str, list[HeldFrame]] = field(default_factory=dict)
    delayed: dict[str, list[HeldFrame]] = field(default_factory=dict)
    incarnation: int = 1
    stores: int = 0
    configuration: Configuration = NO_MEMBERS
    ballots: dict[str, Ballot] = field(default_factory=dict)
    meetings: dict[str, Meeting] = field(default_factory=dict)
    writes: list[tuple[Write, tuple[Send, ...]]] = field(default_factory=list)
    wake_at: int = 0
    is_disk_slow: bool = False
    is_awake: bool = True
    is_alive: bool = True

    @property
    def is_present(self) -> bool:
        """Return whether the node can get an input now."""
        return self.is_awake and self.is_alive

    @property
    def store_id(self) -> bytes | None:
        """Return the id of its disk; None: disks are not compared."""
        return store_id_of(self.node_id, self.stores)

    def find(self, peer: str, kind: Kind, term: int | None = None) -> HeldFrame | None:
        """Return the first frame under way to a peer of a kind and term, delayed frames included."""
        frames = [*self.under_way.get(peer, ()), *self.delayed.get(peer, ())]
        return next((frame for frame in frames if frame.holds(kind, term)), None)

    def remove_frame(self, peer: str, frame: HeldFrame) -> None:
        """Remove a frame from those under way."""
        for frames in (self.under_way.get(peer, []), self.delayed.get(peer, [])):
            if frame in frames:
                frames.remove(frame)
                return


def store_id_of(node_id: str, number: int) -> bytes | None:
    """Return the id of a node's disk of that number, from 1; None for 0."""
    return f"{node_id}{number}".encode().ljust(STORE_ID_LENGTH, b".") if number else None


class StepListener:
    """Told of each step of a ManualCluster; a subclass overrides what it needs."""

    def arriving(self, source: str, target: str, frame: HeldFrame) -> None:
        """A frame is about to reach its target."""

    def stepped(self, node: ManualNode, ready: Ready) -> None:
        """A node handled an input; its effects have not happened yet."""

    def sent(self, node_id: str, send: Send, *, is_lost: bool) -> None:
        """A message was sent, or lost at once."""

    def written(self, node_id: str, write: Write) -> None:
        """A write reached the disk."""
