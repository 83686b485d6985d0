"""The effects of one input, collected until they are packed into a Ready."""

from elect.core.configuration import Configuration
from elect.core.events import Event
from elect.core.membership_messages import Install, InstallReport
from elect.core.messages import Entry, Known
from elect.core.ready import Ballot, Lease, Meeting


class Effects:
    """Everything to be written, sent, published and reported after one input.

    Attributes:
        ballots: to be written, by election.
        entries: by peer, to be sent at once.
        entries_when_written: by peer, to be sent once the ballots are on disk.
        meetings: to be written, by peer.
        configuration: to be written, or None.
        messages: about changes of the members, each with its peer, to be sent at once.
        known: changes of the leaders that this node follows, or is.
        leases: changed claims.
        events: in order.
        is_promise_due: a longer promise than ever before has to be on disk first.
        is_heartbeat_due: every peer is to get a heartbeat.
        is_rank_new: these heartbeats announce another rank than those before.
        is_lease_due: leases may have begun or ended by this step.
        is_count_changed: some peer's counted support changed.
    """

    __slots__ = (
        "ballots",
        "configuration",
        "entries",
        "entries_when_written",
        "events",
        "is_count_changed",
        "is_heartbeat_due",
        "is_lease_due",
        "is_promise_due",
        "is_rank_new",
        "known",
        "leases",
        "meetings",
        "messages",
    )

    def __init__(self) -> None:
        self.ballots: dict[str, Ballot] = {}
        self.entries: dict[str, list[Entry]] = {}
        self.entries_when_written: dict[str, list[Entry]] = {}
        self.meetings: dict[str, Meeting] = {}
        self.configuration: Configuration | None = None
        self.messages: list[tuple[str, Install | InstallReport]] = []
        self.known: dict[str, Known] = {}
        self.leases: dict[str, Lease | None] = {}
        self.events: list[Event] = []
        self.is_promise_due = False
        self.is_heartbeat_due = False
        self.is_rank_new = False
        self.is_lease_due = False
        self.is_count_changed = False

    def send(self, peer: str, entry: Entry) -> None:
        """Send an entry at once."""
        self.entries.setdefault(peer, []).append(entry)

    def send_when_written(self, peer: str, entry: Entry) -> None:
        """Send an entry once the ballots of this step are on disk."""
        self.entries_when_written.setdefault(peer, []).append(entry)
