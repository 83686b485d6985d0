"""The health of each peer: quiet (suspect), about to go by its own word (leaving), and a short history with times.

Suspect and leaving are two facts. A peer that said Bye and is quiet since then is both, and neither hides the other.
"""

from dataclasses import dataclass
from enum import StrEnum

from elect.clock import NS_PER_S, Clock
from elect.monitoring.clock_comparison import ClockComparison, ClockDrift
from wire.protocol.identity import LinkNumber

HISTORY_MAX = 16
"""Changes kept for each peer: a restart makes about six of them, so the last two or three are seen."""


class HealthChange(StrEnum):
    """A change in the health of a peer.

    Attributes:
        HEARD: its first message, or the first one after it was suspect.
        SUSPECT: nothing came from it for a support duration.
        LEAVING: it said Bye.
        CONNECTED: it opened a link to this node; it is not leaving, or no longer.
        SUPPORTED: its support for this node began.
        UNSUPPORTED: its support for this node ended.
    """

    HEARD = "heard"
    SUSPECT = "suspect"
    LEAVING = "leaving"
    CONNECTED = "connected"
    SUPPORTED = "supported"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthRecord:
    """One change in the health of a peer, at a time of the node's clock (ns)."""

    at: int
    change: HealthChange


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerHealth:
    """The health of a peer at one moment.

    Attributes:
        last_heard_ns: the time since its last message; None: none came since the start.
        round_trip_ns: from a heartbeat to the peer's first heartbeat that acknowledges it, which the peer sends at once
            or with its next interval: so up to one of its intervals is in it. None: no heartbeat of the latest support
            duration was answered.
        is_suspect: nothing came from it for a support duration, or ever.
        is_leaving: it said Bye, and has opened no link since then.
        is_direct: both ends see the same two addresses on its link to this node, so no proxy ends it; None: no link.
        drift: of its clock against this node's, or None: not measured yet.
        history: the latest changes, in the order of their times.
    """

    last_heard_ns: int | None = None
    round_trip_ns: int | None = None
    is_suspect: bool = True
    is_leaving: bool = False
    is_direct: bool | None = None
    drift: ClockDrift | None = None
    history: tuple[HealthRecord, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """Return the content as JSON types, times in seconds."""
        return {
            "last_heard": None if self.last_heard_ns is None else self.last_heard_ns / NS_PER_S,
            "round_trip": None if self.round_trip_ns is None else self.round_trip_ns / NS_PER_S,
            "is_suspect": self.is_suspect,
            "is_leaving": self.is_leaving,
            "is_direct": self.is_direct,
            "clock_drift": None if self.drift is None else {"least": self.drift.least, "most": self.drift.most},
            "history": [{"at": record.at / NS_PER_S, "change": record.change.value} for record in self.history],
        }


UNHEARD = PeerHealth()
"""The health of a peer before its first message."""


class _Line:
    """The facts about one peer; `history` is replaced, never changed, as other threads read it."""

    __slots__ = ("answered", "clock", "heard_at", "history", "is_direct", "is_leaving", "link")

    def __init__(self) -> None:
        self.heard_at: int | None = None
        self.answered: tuple[int, int] | None = None  # the latest heartbeat that was: its sending, and its answer
        self.is_leaving = False
        self.is_direct: bool | None = None
        self.link = LinkNumber(0, 0)
        self.clock = ClockComparison()
        self.history: tuple[HealthRecord, ...] = ()

    def add(self, at: int, change: HealthChange) -> None:
        """Add a change; a silence is dated when it began to count, which may be before the latest one."""
        self.history = _sorted((*self.history, HealthRecord(at=at, change=change)))


class PeerHealthLog:
    """The health of all peers. The orchestrator thread notes the facts; any thread reads.

    Args:
        support_duration_ns: a peer that is quiet for longer is suspect.
        clock: of the node.
    """

    def __init__(self, support_duration_ns: int, clock: Clock) -> None:
        self._suspect_after_ns = support_duration_ns
        self._clock = clock
        self._lines: dict[str, _Line] = {}

    def note_heard(self, peer: str, now: int) -> None:
        """Note a message of a peer."""
        line = self._line(peer)
        if line.heard_at is None:
            line.add(now, HealthChange.HEARD)
        elif now - line.heard_at > self._suspect_after_ns:
            line.add(line.heard_at + self._suspect_after_ns, HealthChange.SUSPECT)
            line.add(now, HealthChange.HEARD)
        line.heard_at = now

    def note_round_trip(self, peer: str, sent: int, stamp: int, now: int) -> int | None:
        """Note a heartbeat that acknowledges one of this node's; see ClockComparison.

        Returns:
            The round trip, ns; None: an earlier one acknowledged the same. A peer that makes no new promise repeats its
            last answer until that promise ends, and the time for which it holds that is none of the network's.
        """
        line = self._line(peer)
        line.clock.note(sent, stamp, now)
        if line.answered is not None and sent <= line.answered[0]:
            return None
        line.answered = sent, now
        return now - sent

    def note_accepted(self, peer: str, link: LinkNumber, *, is_direct: bool) -> None:
        """Note that a peer opened a link to this node."""
        line = self._line(peer)
        if link.incarnation != line.link.incarnation:
            line.clock.reset()
        line.is_direct = is_direct
        line.link = link
        line.is_leaving = False
        line.add(self._clock(), HealthChange.CONNECTED)

    def note_bye(self, peer: str, link: LinkNumber) -> None:
        """Note that a peer said Bye before it closed a link; on a link before its latest that says nothing."""
        line = self._line(peer)
        if link < line.link:
            return
        line.is_leaving = True
        line.add(self._clock(), HealthChange.LEAVING)

    def note_support(self, peer: str, at: int, *, is_supporting: bool) -> None:
        """Note that a peer's support for this node began or ended."""
        self._line(peer).add(at, HealthChange.SUPPORTED if is_supporting else HealthChange.UNSUPPORTED)

    def forget(self, peer: str) -> None:
        """Drop everything about a peer that is no member any more."""
        self._lines.pop(peer, None)

    def silence_ns(self, peer: str) -> int | None:
        """Return the time since a peer's last message, or None: none came. On any thread."""
        line = self._lines.get(peer)
        heard_at = None if line is None else line.heard_at
        return None if heard_at is None else max(0, self._clock() - heard_at)

    def health(self, peer: str) -> PeerHealth:
        """Return the health of a peer, on any thread."""
        line = self._lines.get(peer)
        if line is None:
            return UNHEARD
        heard_at, history, now = line.heard_at, line.history, self._clock()
        is_suspect = heard_at is None or now - heard_at > self._suspect_after_ns
        if is_suspect and heard_at is not None:
            began = HealthRecord(at=heard_at + self._suspect_after_ns, change=HealthChange.SUSPECT)
            history = _sorted((*history, began))
        return PeerHealth(
            last_heard_ns=None if heard_at is None else max(0, now - heard_at),
            round_trip_ns=self._round_trip_ns(line.answered, now),
            is_suspect=is_suspect,
            is_leaving=line.is_leaving,
            is_direct=line.is_direct,
            drift=line.clock.drift(),
            history=history,
        )

    def _round_trip_ns(self, answered: tuple[int, int] | None, now: int) -> int | None:
        """Return the time between a heartbeat and its answer, or None: that is too old to say something of now."""
        if answered is None or now - answered[1] > self._suspect_after_ns:
            return None
        return answered[1] - answered[0]

    def _line(self, peer: str) -> _Line:
        return self._lines.get(peer) or self._lines.setdefault(peer, _Line())


def _sorted(records: tuple[HealthRecord, ...]) -> tuple[HealthRecord, ...]:
    """Return the latest HISTORY_MAX records, in the order of their times."""
    return tuple(sorted(records, key=lambda record: record.at)[-HISTORY_MAX:])
