"""The count of hard cases in a run: a run that met none proves nothing.

Source: PROTOCOL.md, section 9, last paragraph.
"""

from collections import Counter

from elect.core.events import Campaigned, Elected, Event, FailedBack, LossReason, Lost, Role, RoleChanged, Voted
from elect.core.messages import Batch, Follow, Grant, Heartbeat, Resign
from elect.testing.checkers.safety import Safety
from elect.testing.world.process import Process
from elect.testing.world.simulated_link import SimulatedLink
from elect.testing.world.world_observer import Observer

HARD_CASES = (
    "refused vote",
    "lapsed lease came back",
    "lapsed lease did not come back",
    "tie",
    "worse candidate gave way",
    "held Vote was granted",
    "held Vote was refused",
    "abandoned candidacy followed a lower term",
    "boot fence refused",
    "boot fence ended early, then a grant",
    "late ack for a closed link",
    "late end of stream after a redial",
    "repeated Resign",
    "grant became a follow",
    "void grant of an older link",
    "followed again after Abandon",
    "failback during a fault",
)


class HardCases(Observer):
    """Counts the hard cases and the elections of a run.

    Attributes:
        counts: times that each hard case was met, by name.
    """

    def __init__(self, safety: Safety, changes: Counter[str]) -> None:
        self._safety = safety
        self._changes = changes
        self.counts: Counter[str] = Counter()
        self._lapsed: set[tuple[str, str, int]] = set()
        self._fences: dict[str, int] = {}
        self._resigned: set[tuple[str, str, str, int]] = set()
        self._handed: dict[str, str] = {}

    def report(self) -> Counter[str]:
        """Return the counts, with the ties and the number of elections."""
        ties = 0
        for (election, term), votes in self._safety.votes.items():
            candidates = sum(voter == candidate for (voter, _), candidate in votes.items())
            ties += candidates > 1 and (election, term) not in self._safety.elected
        return self.counts + self._changes + Counter({"tie": ties, "elections": len(self._safety.elected)})

    def started(self, process: Process) -> None:
        """Note when the boot fence ends at the latest."""
        self._fences[str(process)] = process.elector.state.fence_until

    def told(self, process: Process, event: Event) -> None:
        """Count refused votes, lapsed leases that came back or did not, and failbacks that another node took."""
        match event:
            case Voted():
                self._voted(process, event)
            case RoleChanged(role=Role.LEADER):
                follows = process.elector.state.elections[event.election].leading.follows
                self.counts["grant became a follow"] += len(follows)
            case Campaigned(outcome="yielded"):
                self.counts["worse candidate gave way"] += 1
            case Lost(reason=LossReason.LEASE_LAPSED):
                self._lapsed.add((str(process), event.election, event.term))
            case FailedBack():
                self._handed[event.election] = event.successor
            case Elected():
                self._settle_lapse(process, event.election, event.term, "lapsed lease came back")
                successor = self._handed.pop(event.election, process.node_id)
                self.counts["failback during a fault"] += successor != process.node_id
            case RoleChanged() if event.role is not Role.LEADER:
                for who, election, term in sorted(self._lapsed):
                    if who == str(process) and election == event.election:
                        self._settle_lapse(process, election, term, "lapsed lease did not come back")

    def _voted(self, process: Process, event: Voted) -> None:
        if event.answer != "granted":
            self.counts["refused vote"] += 1
        elif event.at < self._fences[str(process)]:
            self.counts["boot fence ended early, then a grant"] += 1
        if event.was_held:
            self.counts[f"held Vote was {'granted' if event.answer == 'granted' else 'refused'}"] += 1
        if event.answer == "boot_fence":
            self.counts["boot fence refused"] += 1

    def _settle_lapse(self, process: Process, election: str, term: int, name: str) -> None:
        key = (str(process), election, term)
        if key in self._lapsed:
            self._lapsed.remove(key)
            self.counts[name] += 1

    def sent(self, process: Process, peer: str, batch: Batch) -> None:
        """Count Follows of a lower term than the own candidacy or vote, and repeated Resigns."""
        for entry in batch.entries:
            if isinstance(entry, Follow):
                ballot = process.host.disk.ballots.get(entry.election)
                if ballot is not None and ballot.voted_for is not None and entry.term < ballot.term:
                    is_own = ballot.voted_for == process.node_id
                    name = "abandoned candidacy followed a lower term" if is_own else "followed again after Abandon"
                    self.counts[name] += 1
            elif isinstance(entry, Resign):
                key = (str(process), peer, entry.election, entry.term)
                self.counts["repeated Resign"] += key in self._resigned
                self._resigned.add(key)

    def heard(self, process: Process, link: SimulatedLink, message: object, read_at: int) -> None:
        """Count acks for closed links, and Grants of other links than the one that is open."""
        del read_at
        if isinstance(message, Batch):
            peer = process.elector.state.support.peers.get(link.path.source)
            opened = None if peer is None else peer.opened
            grants = [entry for entry in message.entries if isinstance(entry, Grant)]
            self.counts["void grant of an older link"] += sum(grant.link != opened for grant in grants)
            return
        ack = message.ack if isinstance(message, Heartbeat) else None
        if ack is None:
            return
        dialer = process.links.dialers.get(link.path.source)
        own = None if dialer is None else dialer.link
        if own is None or (ack.link is not own.number and ack.link < own.number):
            self.counts["late ack for a closed link"] += 1

    def ended(self, process: Process, link: SimulatedLink, is_end_of_stream: bool) -> None:
        """Count ends of stream that come after a redial."""
        newest = process.links.accepted.get(link.path.source)
        if is_end_of_stream and newest is not None and link.number < newest.number:
            self.counts["late end of stream after a redial"] += 1
