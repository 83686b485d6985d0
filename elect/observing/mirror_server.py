"""MirrorServer: sends mirrors of other sites all changes, on the links of kind `mirror`.

Theory of operation. It lives on the thread that runs the links of clients, which calls `receive` and `turn`, beside the
ObserverServer. The orchestrator thread calls `note_published`, which appends to the ChangeLog and wakes the other
thread, whatever the number of mirrors. Changes wait for PATIENCE_NS, so that an election is over first. A turn sends a
bounded number of messages, a fair share of them to each mirror that is not paused, and asks to be called again. So a
mirror that reads slowly, or nothing, costs its own link alone.

Source: FORMAT.md, section 13.8.
"""

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Protocol

from elect.bridge.dispatcher import PublishedEvent
from elect.clock import NS_PER_S, Clock
from elect.core.events import Installed, LeaderChanged
from elect.observing.change_entries import entries_of
from elect.observing.change_log import ChangeLog
from elect.observing.mirror_messages import (
    HARD,
    MESSAGE_ENTRIES_MAX,
    MIRROR_KIND,
    MIRROR_VERSION,
    Applied,
    Changes,
    RefusalCode,
    SealAnswer,
    SealOutcome,
    SealRequest,
    SnapshotPart,
    SourceHeartbeat,
    SourceRefusal,
    SourceWelcome,
    Subscribe,
)
from elect.observing.mirror_session import MirrorLink, MirrorReport, MirrorSession
from wire.common.deadline import now_s
from wire.common.log import Log, LogThrottle, suppressed_suffix
from wire.io.link_events import Event as LinkEvent
from wire.io.link_events import LinkAccepted, LinkEnded, MessageReceived
from wire.protocol.identity import LinkNumber
from wire.protocol.schema import kind_of
from wire.protocol.wire_errors import IdleTimeoutError, OrderError, WireError

logger = Log(__name__)

MIRRORS_MAX = 32
"""Sites are few, and each of their nodes has a mirror. Each may hold BYTES_UNDER_WAY_MAX here: 8 MB for all."""

PATIENCE_NS = 50_000_000
"""The time after a change in which mirrors are not told of it. Most elections take less, and their nodes need the
processor."""

MESSAGES_A_TURN = 4
"""Some hundred entries, less than a millisecond of a processor."""

HANDSHAKE_NS = 5 * NS_PER_S
"""The time from the link to the Subscribe."""

REFUSED_NS = NS_PER_S
"""The time for a mirror that was refused to read that and close; then its link is cut."""

Answer = Callable[[SealAnswer], None]
"""Sends the answer to a SealRequest; from any thread."""

OnSeal = Callable[[str, str, Answer], None]
"""Called with the id of the mirror, the successor and the way to answer; on the thread of the links: must not block."""


class SessionLinks(Protocol):
    """The links of mirrors, as `wire.links.shared_links` has them. No method waits."""

    def send(self, peer: str, number: LinkNumber, message: object) -> bool:
        """Put a message into the outbox of a link."""

    def cut(self, peer: str, number: LinkNumber, error: WireError) -> None:
        """End a link."""

    def wake(self) -> None:
        """Have `turn` called soon; from any thread."""


class SourceFacts(Protocol):
    """The published state of the node, for its mirrors. Any thread may ask."""

    def cluster_id(self) -> bytes | None:
        """Return the id of the cluster, if it has one."""

    def is_standby(self) -> bool:
        """Return whether the cluster is a standby one."""

    def address(self, node_id: str) -> str | None:
        """Return the address of a node, if it is known."""

    def quorum_age_ns(self) -> int:
        """Return the time for which the node has not heard from a quorum."""


def answer_unsupported(_mirror: str, _successor: str, answer: Answer) -> None:
    """Answer that this node cannot seal its cluster."""
    answer(SealAnswer(outcome=SealOutcome.UNSUPPORTED.value, text="this node cannot seal its cluster"))


class MirrorServer:
    """Serves mirrors. All but `note_published` and `reports` belongs to the thread that runs the links.

    Args:
        links: the links of mirrors.
        log: the changes.
        facts: of the node.
        clock: of the node.
        count_refused: called with the kind of each message that a mirror must not send.
        on_seal: called when a mirror asks to seal the cluster.
    """

    def __init__(
        self,
        links: SessionLinks,
        log: ChangeLog,
        facts: SourceFacts,
        *,
        clock: Clock,
        count_refused: Callable[[str], object],
        on_seal: OnSeal = answer_unsupported,
    ) -> None:
        self._links = links
        self._log = log
        self._facts = facts
        self._clock = clock
        self._count_refused = count_refused
        self._on_seal = on_seal
        self._sessions: dict[MirrorLink, MirrorSession] = {}
        self._turns: deque[MirrorLink] = deque()
        """The links in the order of their next message."""
        self._tellable = log.revision
        """Changes up to this one may be sent."""
        self._settles_at: int | None = None
        self._answers: deque[tuple[MirrorLink, SealAnswer]] = deque()
        self._log_throttle = LogThrottle()

    def __len__(self) -> int:
        """The number of mirrors; from any thread."""
        return len(self.reports())

    def reports(self) -> tuple[MirrorReport, ...]:
        """Return the mirrors that have subscribed; from any thread."""
        sessions = list(self._sessions.values())
        return tuple(each.report(self._log.revision) for each in sessions if each.is_subscribed)

    def note_published(self, published: Iterable[PublishedEvent]) -> None:
        """Append changes that were published. On the orchestrator thread; the time it takes grows with no mirror."""
        before = self._log.revision
        for each in published:
            match each.event:
                case LeaderChanged(election=election, term=term):
                    self._log.note_leader(election, term, each.leader)
                case Installed(configuration=configuration):
                    self._log.note_members(configuration)
        if self._sessions and self._log.revision > before and self._settles_at is None:
            self._links.wake()

    def receive(self, event: LinkEvent) -> None:
        """Handle an event of a mirror's link; those of other kinds are not for this."""
        match event:
            case LinkAccepted(kind=kind) if kind == MIRROR_KIND:
                self._open((event.peer, event.number))
            case MessageReceived() if (event.peer, event.number) in self._sessions:
                self._receive((event.peer, event.number), event.message)
            case LinkEnded():
                self._forget((event.peer, event.number))

    def turn(self) -> float | None:
        """Send what is due, as much as one turn has; return the seconds to the next turn, None: after a wake."""
        now = self._clock()
        for _ in range(len(self._answers)):
            link, answer = self._answers.popleft()
            if link in self._sessions:
                self._sessions[link].is_seal_asked = False
                self._links.send(*link, answer)
        self._cut_late(now)
        self._settle(now)
        served = list[MirrorLink]()
        for link in self._turns:
            session = self._sessions[link]
            self._answer_applied(link, session)
            if len(served) < MESSAGES_A_TURN and self._has_more(session):
                self._send_next(link, session)
                served.append(link)
        for link in served:  # those for which there was no room come first in the next turn
            self._turns.remove(link)
            self._turns.append(link)
        return 0.0 if any(map(self._has_more, self._sessions.values())) else self._wait_s(now)

    def _open(self, link: MirrorLink) -> None:
        self._sessions[link] = MirrorSession(name=link[0].rpartition("/")[0], opened_at=self._clock())
        self._turns.append(link)
        self._links.wake()

    def _forget(self, link: MirrorLink) -> None:
        if self._sessions.pop(link, None) is not None:
            self._turns.remove(link)

    def _receive(self, link: MirrorLink, message: object) -> None:
        session = self._sessions[link]
        match message:
            case _ if session.refused_at is not None:
                pass  # it may have been sent before the refusal was read
            case Subscribe() if not session.is_subscribed:
                self._subscribe(link, session, message)
            case Applied() if session.is_subscribed and session.note_done(message.messages):
                session.revision, session.asked = message.revision, message.sent
                self._links.wake()
            case SealRequest() if session.is_subscribed and not session.is_seal_asked:
                session.is_seal_asked = True
                logger.warning("! mirror %s asks to seal this cluster; successor: %s", link[0], message.successor)
                self._on_seal(link[0], message.successor, partial(self._answer_seal, link))
            case _:
                self._refuse_message(link, kind_of(type(message)))

    def _subscribe(self, link: MirrorLink, session: MirrorSession, message: Subscribe) -> None:
        refusal = self._refusal(link, message)
        if refusal is not None:
            session.refused_at = self._clock()
            self._links.send(*link, refusal)
            self._links.wake()
            level = logger.warning if refusal.code in HARD else logger.info
            level("! mirror %s is refused (%s): %s", link[0], refusal.code, refusal.text)
            return
        log = self._log
        log.keep()
        is_resumed = message.stream == log.stream and log.has_since(message.revision)
        session.is_subscribed = True
        if is_resumed:
            session.position = session.revision = message.revision
        else:
            session.begin_snapshot(log.snapshot())
        welcome = SourceWelcome(
            version=MIRROR_VERSION,
            cluster_id=self._facts.cluster_id() or b"",
            stream=log.stream,
            revision=log.revision,
            is_resumed=is_resumed,
        )
        self._links.send(*link, welcome)
        self._links.wake()
        logger.info("* mirror %s follows this node%s", link[0], "" if is_resumed else ", and gets a snapshot")

    def _refusal(self, link: MirrorLink, message: Subscribe) -> SourceRefusal | None:
        """Return why a mirror is not served, or None."""
        if not link[0].startswith(f"{MIRROR_KIND}/"):
            return SourceRefusal(
                code=RefusalCode.NOT_OBSERVER.value, text=f"the id of a mirror begins with {MIRROR_KIND}/"
            )
        if message.version != MIRROR_VERSION:
            text = (
                f"this node speaks version {MIRROR_VERSION} to mirrors, not {message.version}; install the same elect"
            )
            return SourceRefusal(code=RefusalCode.OTHER_VERSION.value, text=text)
        if len(self) >= MIRRORS_MAX:
            return SourceRefusal(code=RefusalCode.BUSY.value, text=f"this node serves {MIRRORS_MAX} mirrors already")
        if self._facts.is_standby():
            text = "this cluster is a standby one; follow its source, or promote it first"
            return SourceRefusal(code=RefusalCode.STANDBY.value, text=text)
        return _cluster_refusal(self._facts.cluster_id(), message)

    def _refuse_message(self, link: MirrorLink, kind: str) -> None:
        """End a link. The message goes no further: a mirror has no vote, no support and no say."""
        self._forget(link)
        self._count_refused(kind)
        self._links.cut(*link, OrderError(f"a mirror must not send {kind} now"))
        held = self._log_throttle.admit_line(kind, now_s())
        if held is not None:
            logger.warning("! mirror %s sent %s, which it must not%s", link[0], kind, suppressed_suffix(held))

    def _answer_seal(self, link: MirrorLink, answer: SealAnswer) -> None:
        self._answers.append((link, answer))
        self._links.wake()

    def _answer_applied(self, link: MirrorLink, session: MirrorSession) -> None:
        if session.asked is not None:
            # Read first: a change that comes meanwhile is not known to the quorum's age.
            age_ns = self._facts.quorum_age_ns()
            self._links.send(*link, SourceHeartbeat(revision=self._log.revision, sent=session.asked, age_ns=age_ns))
            session.asked = None

    def _has_more(self, session: MirrorSession) -> bool:
        is_behind = bool(session.snapshot) or session.position < self._tellable
        return session.is_subscribed and not session.is_paused and is_behind

    def _send_next(self, link: MirrorLink, session: MirrorSession) -> None:
        """Send the next part of a snapshot, or the next changes; a snapshot if those are gone."""
        changes = [] if session.snapshot else self._log.since(session.position, MESSAGE_ENTRIES_MAX)
        if changes is None:
            session.begin_snapshot(self._log.snapshot())
        message: SnapshotPart | Changes
        if session.snapshot:
            first = session.snapshot_total - len(session.snapshot)
            entries, size = entries_of(session.snapshot, self._facts.address)
            for _ in entries:
                session.snapshot.popleft()
            total = session.snapshot_total
            message = SnapshotPart(revision=session.snapshot_revision, total=total, first=first, entries=entries)
        else:
            assert changes, "there is more to send"
            entries, size = entries_of(changes, self._facts.address)
            message = Changes(first=session.position + 1, entries=entries)
            session.position += len(entries)
        session.note_sent(size)
        self._links.send(*link, message)

    def _cut_late(self, now: int) -> None:
        """Cut the links that have not subscribed in time, and those that were refused and are still open."""
        for link, session in list(self._sessions.items()):
            if now >= _ends_at(session, now):
                self._forget(link)
                self._links.cut(*link, IdleTimeoutError("it was refused, or sent no subscribe in time"))

    def _settle(self, now: int) -> None:
        """Let changes be sent once PATIENCE_NS is over."""
        if self._settles_at is None and self._tellable < self._log.revision:
            self._settles_at = now + PATIENCE_NS
        if self._settles_at is not None and now >= self._settles_at:
            self._settles_at = None  # first: a change that finds it set counts on the next line
            self._tellable = self._log.revision

    def _wait_s(self, now: int) -> float | None:
        if not self._sessions:
            return None
        due = [_ends_at(each, now) for each in self._sessions.values()]
        if self._settles_at is not None:
            due.append(self._settles_at)
        return max(0, min(due) - now) / NS_PER_S


def _cluster_refusal(own: bytes | None, message: Subscribe) -> SourceRefusal | None:
    """Return why the cluster with this id is not the one that a mirror wants, or None."""
    if own is None:
        return SourceRefusal(
            code=RefusalCode.NO_ID_YET.value, text="this cluster has no id yet; its leader chooses one"
        )
    if message.source_cluster_id not in (b"", own):
        text = f"this cluster has the id {own.hex()}, not {message.source_cluster_id.hex()}; correct the addresses"
        return SourceRefusal(code=RefusalCode.OTHER_CLUSTER.value, text=text)
    if message.cluster_id == own:
        return SourceRefusal(code=RefusalCode.OTHER_CLUSTER.value, text="a cluster does not mirror itself")
    return None


def _ends_at(session: MirrorSession, now: int) -> int:
    """Return the time at which a link is cut; one that has subscribed is not."""
    if session.refused_at is not None:
        return session.refused_at + REFUSED_NS
    return now + NS_PER_S * 3_600 if session.is_subscribed else session.opened_at + HANDSHAKE_NS
