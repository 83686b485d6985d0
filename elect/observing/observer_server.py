"""ObserverServer: tells clients who leads, on the links of kind `client`.

Theory of operation. One thread of wire runs all links of clients, and calls `receive` and `turn`. The orchestrator
thread calls `note_events` after it has published a change: that puts the name of an election into a set and wakes the
other thread, whatever the number of clients. `turn` then reads the published state, and puts reports into the outboxes
of the links. So no client holds up an election. What changed twice meanwhile is reported once, with its latest state.

A turn makes a bounded number of reports, and asks to be called again. Between two turns the thread reads and writes its
sockets, and other threads of the process run.

Source: FORMAT.md, section 13.7.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from heapq import heappop, heappush
from typing import Protocol

from elect.clock import NS_PER_S, Clock
from elect.core.events import Elected, Event, Installed, LeaderChanged, Lost, PeerChanged
from elect.observing.client_watches import ClientLink, ClientWatches
from elect.observing.observer_messages import CLIENT_KIND, LeaderReport, MembersReport, ObserverReport, Watch
from wire.common.deadline import now_s
from wire.common.log import Log, LogThrottle, suppressed_suffix
from wire.io.link_events import Event as LinkEvent
from wire.io.link_events import LinkAccepted, LinkEnded, MessageReceived
from wire.protocol.identity import LinkNumber
from wire.protocol.schema import kind_of
from wire.protocol.wire_errors import OrderError, WireError

logger = Log(__name__)

REPORTS_A_TURN = 64
"""Reports of one turn: less than a millisecond of a processor, for which another thread of the process may wait."""

PAUSE_A_REPORT_NS = 5_000_000
"""The pause for each report of an answer, before the link gets the next answer: a client that asks on and on costs 200
small reports a second. One that watches a single election anew is answered within 10 ms."""

PATIENCE_NS = 50_000_000
"""The pause before clients hear that nobody leads, or that the members changed. Most elections take less, and their
nodes need the processor: a report to each of 1,000 clients takes 10 ms of it."""

MEMBERS = ""
"""The topic of reports about the members; each election is a topic by its name, which is never empty."""


class ReportLinks(Protocol):
    """The links of clients, as `wire.links.shared_links` has them. No method waits."""

    def send_to_each(self, links: Iterable[ClientLink], message: object, *, replaces: str) -> object:
        """Put a message into the outbox of each link, instead of one that waits there under the same text."""

    def cut(self, peer: str, number: LinkNumber, error: WireError) -> None:
        """End a link."""

    def wake(self) -> None:
        """Have `turn` called soon; from any thread."""


class Reports(Protocol):
    """Makes the reports from the published state of the node."""

    def leader_report(self, election: str) -> LeaderReport:
        """Return who leads an election now."""

    def members_report(self) -> MembersReport:
        """Return the members now."""


class ObserverServer:
    """Tells clients of leaders and members. All but `note_events` belongs to the thread that runs the links.

    Args:
        links: the links of clients.
        reports: makes the reports.
        clock: of the node.
        interval_ns: the time after which the report of a lease is repeated while it holds.
        count_refused: called with the kind of each message that a client must not send.
    """

    def __init__(
        self,
        links: ReportLinks,
        reports: Reports,
        *,
        clock: Clock,
        interval_ns: int,
        count_refused: Callable[[str], object],
    ) -> None:
        self._links = links
        self._reports = reports
        self._clock = clock
        self._interval_ns = interval_ns
        self._count_refused = count_refused
        self._watches = ClientWatches()
        self._changed: set[str] = set()
        """Topics; bounded by what is watched. Each operation is a single step: two threads use it without a lock."""
        self._unsettled: set[str] = set()
        """The same, for topics that may change again in a moment."""
        self._settling: dict[str, int] = {}
        """The topics that may change again in a moment, and the times at which they are reported all the same."""
        self._spreading: dict[str, deque[ClientLink]] = {}
        """The links that have yet to get the report of a topic."""
        self._unanswered: dict[ClientLink, None] = {}
        self._asking: list[tuple[int, ClientLink]] = []
        """A heap of the links with a Watch to be answered, and the times from which on they may be."""
        self._waiting: set[ClientLink] = set()
        """The links in `_asking` and `_unanswered`: their answer will have their latest Watch."""
        self._answerable_at: dict[ClientLink, int] = {}
        self._made: dict[str, ObserverReport] = {}
        """The reports of the present turn, each made and encoded once: many clients come at once after a failover."""
        self._led: set[str] = set()
        self._members: MembersReport | None = None
        self._review_at = 0
        self._log_throttle = LogThrottle()

    def __len__(self) -> int:
        """The number of clients; from any thread."""
        return len(self._watches)

    def note_events(self, events: Iterable[Event]) -> None:
        """Note changes that were published. On the orchestrator thread; the time it takes grows with no client."""
        if not len(self._watches):
            return
        changed, unsettled = self._topics(events)
        if changed or unsettled:
            self._changed.update(changed)
            self._unsettled.update(unsettled - changed)
            self._links.wake()

    def receive(self, event: LinkEvent) -> None:
        """Handle an event of a client's link."""
        match event:
            case LinkAccepted(kind=kind) if kind == CLIENT_KIND:
                self._watches.add((event.peer, event.number))
            case MessageReceived() if (event.peer, event.number) in self._watches:
                self._receive((event.peer, event.number), event.message)
            case LinkEnded():
                self._forget((event.peer, event.number))

    def turn(self) -> float | None:
        """Make the reports that are due, as many as one turn has.

        Returns:
            The seconds until the next turn is due; None: after the next wake.
        """
        now = self._clock()
        self._made.clear()  # what changes from now on is noted, and told in a later turn
        self._begin(now)
        room = REPORTS_A_TURN
        while room > 0 and (self._spreading or self._unanswered):
            if self._spreading:
                room -= self._spread_some(room)
            if self._unanswered and room > 0:
                room -= self._answer_one(now)
        return self._wait_s(now)

    def _topics(self, events: Iterable[Event]) -> tuple[set[str], set[str]]:
        """Return the topics that are to be reported at once, and those that may change again in a moment."""
        changed, unsettled = set[str](), set[str]()
        for event in events:
            match event:
                case LeaderChanged(leader=None) | Lost() if self._watches.is_watched(event.election):
                    unsettled.add(event.election)
                case LeaderChanged() | Elected() if self._watches.is_watched(event.election):
                    changed.add(event.election)
                case Installed() | PeerChanged():
                    unsettled.add(MEMBERS)
        return changed, unsettled

    def _receive(self, link: ClientLink, message: object) -> None:
        if isinstance(message, Watch):
            self._watches.watch(link, message.elections)
            self._answer_soon(link)
            self._links.wake()
        else:
            self._refuse(link, kind_of(type(message)))

    def _refuse(self, link: ClientLink, kind: str) -> None:
        """End a link. The message goes no further: a client has no vote, no support and no say."""
        self._forget(link)
        self._count_refused(kind)
        self._links.cut(*link, OrderError(f"a client sends watch, and nothing else; {kind} came"))
        held = self._log_throttle.admit_line(kind, now_s())
        if held is not None:
            logger.warning("! client %s sent %s, which only a node may send%s", link[0], kind, suppressed_suffix(held))

    def _forget(self, link: ClientLink) -> None:
        self._watches.remove(link)
        self._unanswered.pop(link, None)
        self._waiting.discard(link)
        self._answerable_at.pop(link, None)

    def _answer_soon(self, link: ClientLink) -> None:
        if link not in self._waiting:
            self._waiting.add(link)
            heappush(self._asking, (max(self._clock(), self._answerable_at.get(link, 0)), link))

    def _begin(self, now: int) -> None:
        """Collect what is due."""
        for _ in range(len(self._unsettled)):
            self._settling.setdefault(self._unsettled.pop(), now + PATIENCE_NS)
        due = [topic for topic, at in self._settling.items() if at <= now]
        due += [self._changed.pop() for _ in range(len(self._changed))]
        for topic in due:
            self._settling.pop(topic, None)
            self._spread(topic)
        while self._asking and self._asking[0][0] <= now:
            _, link = heappop(self._asking)
            if link in self._watches:
                self._unanswered[link] = None
        if now >= self._review_at and not self._spreading:
            self._review_at = now + self._interval_ns
            self._review()

    def _review(self) -> None:
        """Repeat the leases that this node holds, and report the members that are heard now, or no longer."""
        for election in list(self._led):
            if self._watches.is_watched(election):
                self._spread(election)
            else:
                self._led.discard(election)
        if len(self._watches) and self._members is not None and self._members != self._reports.members_report():
            self._spread(MEMBERS)

    def _audience(self, topic: str) -> Collection[ClientLink]:
        return self._watches.links if topic == MEMBERS else self._watches.watching(topic)

    def _spread(self, topic: str) -> None:
        """Begin to report a topic; links that still wait for its last report come first."""
        waiting = dict.fromkeys(self._spreading.pop(topic, ()))
        links = {**waiting, **dict.fromkeys(self._audience(topic))}
        if links:
            self._spreading[topic] = deque(links)
        if topic == MEMBERS:
            self._members = self._reports.members_report()  # the first links get this one or a later one

    def _spread_some(self, room: int) -> int:
        """Report one topic to its next links, and put it behind the others; return the number of reports."""
        topic = next((each for each in self._spreading if each != MEMBERS), MEMBERS)  # leaders first
        waiting, audience = self._spreading.pop(topic), self._audience(topic)
        links = [waiting.popleft() for _ in range(min(room, len(waiting)))]
        links = [link for link in links if link in audience]
        if links:
            self._send(links, self._report(topic))
        if waiting:
            self._spreading[topic] = waiting
        return max(1, len(links))

    def _answer_one(self, now: int) -> int:
        """Answer the Watch that waits longest; return the number of reports."""
        link = next(iter(self._unanswered))
        del self._unanswered[link]
        self._waiting.discard(link)
        topics = (MEMBERS, *self._watches.elections(link))
        self._answerable_at[link] = now + PAUSE_A_REPORT_NS * len(topics)
        for topic in topics:
            self._send([link], self._report(topic))
        return len(topics)

    def _report(self, topic: str) -> ObserverReport:
        report = self._made.get(topic)
        if report is None:
            report = self._made[topic] = self._make_report(topic)
        return report

    def _make_report(self, topic: str) -> ObserverReport:
        if topic == MEMBERS:
            members = self._reports.members_report()
            self._members = self._members or members
            return members
        report = self._reports.leader_report(topic)
        if report.lease_ns:
            self._led.add(topic)
        else:
            self._led.discard(topic)
        return report

    def _send(self, links: Sequence[ClientLink], report: ObserverReport) -> None:
        replaces = f"leader {report.election}" if isinstance(report, LeaderReport) else "members"
        self._links.send_to_each(links, report, replaces=replaces)

    def _wait_s(self, now: int) -> float | None:
        if self._spreading or self._unanswered:
            return 0.0
        if not len(self._watches):
            return None
        due = min([self._review_at, *(at for at, _ in self._asking[:1]), *self._settling.values()])
        return max(0, due - now) / NS_PER_S
