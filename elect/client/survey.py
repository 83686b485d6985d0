"""Survey: asks each endpoint once, and tells what each one said."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from elect.client.client_link import ClientLink
from elect.client.client_view import DatedReport
from elect.client.endpoints import ProbeTarget
from elect.client.probing import BUDGET_NS, fitting
from elect.clock import NS_PER_S, Clock
from elect.leader import Leader
from elect.observing.observer_messages import LeaderReport, MembersReport, ObserverReport
from wire.common.deadline import Deadline
from wire.common.signal_safe_condition import SignalSafeCondition
from wire.common.turns import Turns
from wire.links.connect import Dialing
from wire.protocol.address import Address
from wire.protocol.wire_errors import StoppedError, WireError


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointStatus:
    """The answer of one endpoint, about one election.

    Attributes:
        address: the address that was asked.
        node_id: the id of the node that answered, or None.
        leader: the leader that it knows, or None.
        is_leading: it leads, on a lease.
        lease: the rest of that lease, seconds; 0 where it does not lead.
        error: why there is no answer, as a sentence, or None.
    """

    address: str
    node_id: str | None = None
    leader: Leader | None = None
    is_leading: bool = False
    lease: float = 0.0
    error: str | None = None

    def to_dict(self) -> dict[str, object]:
        """Return the content as JSON types."""
        leader = self.leader
        return {
            "address": self.address,
            "node": self.node_id,
            "leader": None if leader is None else leader.node_id,
            "term": None if leader is None else leader.term,
            "is_leading": self.is_leading,
            "lease": self.lease,
            "error": self.error,
        }


class Survey:
    """Asks endpoints. Only who has the turn calls `ask`; its threads call the other methods.

    Args:
        make_dialing: as of a LeaderFinder.
        note_members: called with each report of the members.
        clock: returns nanoseconds.

    Attributes:
        turns: of those who ask.
    """

    def __init__(
        self,
        make_dialing: Callable[[ProbeTarget], Dialing],
        note_members: Callable[[MembersReport], object],
        clock: Clock,
    ) -> None:
        self._make_dialing = make_dialing
        self._note_members = note_members
        self._clock = clock
        self._lock = threading.RLock()
        self._changed = SignalSafeCondition(self._lock)
        self._threads: set[ClientLink] = set()
        self._asked: dict[Address, ClientLink] = {}
        self._reports: dict[Address, DatedReport] = {}
        self._errors: dict[Address, str] = {}
        self._node_ids: dict[Address, str] = {}
        self._is_cancelled = False
        self.turns = Turns()

    def ask(self, targets: Iterable[ProbeTarget], election: str, timeout_s: float) -> list[EndpointStatus]:
        """Return the answers, in the order of the targets; each endpoint has half a second, all have the timeout."""
        deadline, targets = Deadline(timeout_s), list(targets)
        with self._lock:
            self._reports.clear()
            self._errors.clear()
            self._asked.clear()
            self._discard_unborn()
            self._errors.update(dict.fromkeys(self._looked_up(), "the name is still being looked up"))
            waiting = [each for each in targets if each.address not in self._errors]
            while waiting and not (deadline.is_over or self._is_cancelled):
                batch = fitting(waiting, [each.target.address for each in self._threads])
                waiting = [each for each in waiting if each not in batch]
                wait_s = min(deadline.remaining_s, BUDGET_NS / NS_PER_S)
                self._ask(batch, election, Deadline(wait_s))
                if not batch and not self._changed.wait(wait_s):
                    break  # lookups of names hold all threads, and may do so for minutes
            return [self._status(target) for target in targets]

    def cancel(self) -> None:
        """End the wait of `ask`, and all links."""
        with self._lock:
            self._is_cancelled = True
            for link in self._threads:
                link.end(StoppedError("the client is being closed"))
            self._changed.notify_all()

    @property
    def threads(self) -> list[ClientLink]:
        """Return the threads that have not ended yet."""
        with self._lock:
            return list(self._threads)

    def note_opened(self, link: ClientLink) -> None:
        """See LinkOwner."""

    def note_tick(self, link: ClientLink) -> None:
        """See LinkOwner."""

    def receive(self, link: ClientLink, report: ObserverReport, waited_ns: int) -> None:
        """See LinkOwner."""
        if isinstance(report, LeaderReport):
            with self._lock:
                if self._asked.get(link.target.address) is link:
                    self._node_ids[link.target.address] = link.node_id
                    self._reports[link.target.address] = DatedReport(report=report, at_ns=self._clock() - waited_ns)
                    self._changed.notify_all()
        else:
            self._note_members(report)

    def note_ended(self, link: ClientLink, error: WireError) -> None:
        """See LinkOwner."""
        with self._lock:
            self._threads.discard(link)
            if self._asked.get(link.target.address) is link:
                self._errors.setdefault(link.target.address, str(error))
            self._changed.notify_all()

    def _ask(self, batch: list[ProbeTarget], election: str, deadline: Deadline) -> None:
        """Ask some endpoints at once; their links end with the wait, by Ctrl-C too."""
        links: list[ClientLink] = []
        try:
            self._dial(batch, election, deadline, links)
            while any(self._is_awaited(link) for link in links) and not (deadline.is_over or self._is_cancelled):
                self._changed.wait(deadline.remaining_s)
        finally:
            for link in links:
                if self._is_awaited(link):
                    self._errors.setdefault(link.target.address, "no answer in time")
                link.end(StoppedError("answered"))

    def _dial(self, batch: list[ProbeTarget], election: str, deadline: Deadline, links: list[ClientLink]) -> None:
        for target in batch:
            if deadline.is_over:  # the start of a thread may take its time
                break
            link = ClientLink(target, self._make_dialing(target), self, (election,))
            links.append(link)
            self._threads.add(link)
            self._asked[target.address] = link
            try:
                link.start()
            except RuntimeError as error:
                self._threads.discard(link)
                self._errors[target.address] = f"no thread to dial with: {error}"

    def _looked_up(self) -> set[Address]:
        """Return the addresses whose names hold a thread."""
        addresses = {each.target.address for each in self._threads if each.is_in_lookup}
        return {each for each in addresses if each.is_name}  # another thread has yet to run

    def _discard_unborn(self) -> None:
        """Forget the threads that a signal kept from running: they would hold their endpoints for good."""
        for link in [each for each in self._threads if not each.is_running]:
            link.end(StoppedError("it was interrupted"))  # it may be late
            self._threads.discard(link)

    def _is_awaited(self, link: ClientLink) -> bool:
        address = link.target.address
        return address not in self._reports and address not in self._errors

    def _status(self, target: ProbeTarget) -> EndpointStatus:
        address, dated = str(target.address), self._reports.get(target.address)
        if dated is None:
            return EndpointStatus(address=address, error=self._errors.get(target.address, "not asked in time"))
        report = dated.report
        return EndpointStatus(
            address=address,
            node_id=self._node_ids.get(target.address),
            leader=dated.leader() if report.leader_id else None,
            is_leading=report.lease_ns > 0,
            lease=report.lease_ns / NS_PER_S,
        )
