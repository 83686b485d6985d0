"""One node on a cluster: a real Elector with a disk, a clock and links that do nothing by themselves."""

from dataclasses import dataclass, field

from elect.core.elector import Elector
from elect.core.messages import Batch, Entry, Message, Number
from elect.core.ready import Ballot, Send, Write
from elect.testing.world.lease_record import LeaseRecord
from elect.testing.world.virtual_clock import VirtualClock

Kind = type[Message] | type[Entry]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldFrame:
    """What is under way on one link: a message, or the end of its stream."""

    link: Number
    message: Message | None

    def holds(self, kind: Kind, term: int | None = None) -> bool:
        """Whether it is, or has an entry, of that kind and term."""
        message = self.message
        entries = message.entries if isinstance(message, Batch) else ()
        found = [entry for entry in entries if isinstance(entry, kind)]
        return isinstance(message, kind) or any(term in (None, entry.term) for entry in found)


@dataclass(slots=True, kw_only=True)
class ManualNode:
    """One node.

    Attributes:
        table: its leases and what it counts, as published.
        links: those it dialed and has open, by peer.
        under_way: frames sent and not delivered, by peer, in order.
        delayed: those among them that only `Stage.deliver` delivers.
        ballots: on disk.
        writes: begun and not ended; with `is_disk_slow` they wait for `Stage.write` or `Stage.fail_write`.
        wake_at: when it asked to be ticked, on its clock, ns.
        is_awake: False: suspended; time passes, nothing arrives.
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
    ballots: dict[str, Ballot] = field(default_factory=dict)
    writes: list[tuple[Write, tuple[Send, ...]]] = field(default_factory=list)
    wake_at: int = 0
    is_disk_slow: bool = False
    is_awake: bool = True
    is_alive: bool = True

    @property
    def is_present(self) -> bool:
        """Whether it can be given anything now."""
        return self.is_awake and self.is_alive

    def find(self, peer: str, kind: Kind, term: int | None = None) -> HeldFrame | None:
        """The first frame under way to a peer, delayed ones included, that holds that kind and term."""
        frames = [*self.under_way.get(peer, ()), *self.delayed.get(peer, ())]
        return next((frame for frame in frames if frame.holds(kind, term)), None)

    def take(self, peer: str, frame: HeldFrame) -> None:
        """Have a frame under way no longer."""
        for frames in (self.under_way.get(peer, []), self.delayed.get(peer, [])):
            if frame in frames:
                frames.remove(frame)
                return
