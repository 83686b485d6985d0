"""Support: which node is alive for which, and until when.

It has two halves that never mix. *Given*: this node promises a peer not to help replace it. The promise is a session,
and belongs to the link on which the peer's heartbeats come. *Counted*: the peer's promise to this node, as far as its
acks prove it. It is counted for less time than it is kept, so a node that counts on a promise stops before it ends.
Support is the only failure detector of the elections.

Source: PROTOCOL.md, section 3.
Source: Gray and Cheriton, "Leases", SOSP 1989.
"""

from collections.abc import Mapping

from elect.core.events import Objection
from elect.core.messages import SUPPORTS_MAX, Abandon, Ack, Heartbeat, Known, Number, Resign
from elect.core.options import Timing
from elect.core.quorum import FOREVER
from elect.core.ready import Meeting
from elect.core.state.membership_state import PeerMembership
from elect.core.state.scale import KnowledgeNumbers, VoteWindow

NO_LINK = Number(0, 0)
"""A number below that of every link."""


class Peer:
    """One peer, both ways.

    Attributes:
        accepted: its link to this node, while open; `accepted_highest` is the highest ever.
        is_trusted: an end of stream on it proves that the peer no longer counts it.
        session: this node's promise to it, live while not None; it ends at `promised_until` (ns).
        promised: the heartbeat that `promised_until` answers, or None.
        heartbeat: the latest read on its newest link, or None.
        opened: this node's link to it, while open.
        sent_latest: stamp of this node's latest heartbeat on that link.
        counted_session: its promise to this node that counts, until `counted_until` (ns).
        is_supporting: whether its support was counted when last looked at.
        reports: the leaders that it says it knows, by election.
        knowledge_numbers: of the Knowledge on this pair of links.
        vote_window: of this node's Votes to it.
        leads: elections whose Lead it has not answered in the session counted now, in order.
        resigns: resignations it has not answered, by election.
        abandons: the same for campaigns that were abandoned.
        store_id: of the store under which it was met first, or None.
        is_met: that is on disk here, or stores are not compared; before that its messages do not count.
        is_acknowledged: it may count on a promise of this node; `may_acknowledge`: that is on disk, so acks may leave.
        objection: why it keeps this node from every election, or None; `detail`: the text of its refusal.
        is_former: it is no member any more, and gets no new promise.
        former_store: the store that it had before, while a process with that one may count on a promise; or None.
        membership: what changes of the members need to know of it.
    """

    __slots__ = (
        "abandons",
        "accepted",
        "accepted_highest",
        "counted_session",
        "counted_until",
        "detail",
        "former_store",
        "heartbeat",
        "id",
        "is_acknowledged",
        "is_former",
        "is_met",
        "is_supporting",
        "is_trusted",
        "knowledge_numbers",
        "leads",
        "may_acknowledge",
        "membership",
        "objection",
        "opened",
        "promised",
        "promised_until",
        "reports",
        "resigns",
        "sent_latest",
        "session",
        "store_id",
        "vote_window",
    )

    def __init__(self, node_id: str, meeting: Meeting) -> None:
        self.id = node_id
        self.is_acknowledged = self.may_acknowledge = meeting.is_acknowledged
        self.is_former = False
        self.former_store: bytes | None = None
        self.reset(meeting)

    def reset(self, meeting: Meeting) -> None:
        """Forget everything about the peer but its durable line, and whether it may count on a promise."""
        self.store_id = meeting.store_id
        self.is_met = True
        self.objection: Objection | None = meeting.objection
        self.detail = ""
        self.accepted: Number | None = None
        self.accepted_highest = NO_LINK
        self.is_trusted = False
        self.session: Number | None = None
        self.promised: Heartbeat | None = None
        self.promised_until = 0
        self.heartbeat: Heartbeat | None = None
        self.opened: Number | None = None
        self.sent_latest = 0
        self.counted_session: Number | None = None
        self.counted_until = 0
        self.is_supporting = False
        self.reports: dict[str, Known] = {}
        self.knowledge_numbers = KnowledgeNumbers()
        self.vote_window = VoteWindow()
        self.leads: dict[str, None] = {}
        self.resigns: dict[str, Resign | Abandon] = {}
        self.abandons: dict[str, Resign | Abandon] = {}
        self.membership = PeerMembership()

    def change_store(self, store_id: bytes) -> None:
        """Forget everything but the promise to the process with the former store: it may still be counted."""
        session, promised_until = self.session, self.promised_until
        if self.is_acknowledged and self.former_store is None:
            self.former_store = self.store_id
        self.reset(Meeting(store_id=store_id))
        self.is_met = False
        self.session, self.promised_until = session, promised_until

    @property
    def supported_ids(self) -> tuple[str, ...]:
        """The nodes that the peer says it supports; empty while this node does not support the peer."""
        return () if self.session is None or self.heartbeat is None else self.heartbeat.supports


class Support:
    """The promises of one node to its peers and of its peers to it."""

    def __init__(self, *, incarnation: int, peers: Mapping[str, Meeting], timing: Timing, promise_ns: int) -> None:
        self.peers = {node_id: Peer(node_id, meeting) for node_id, meeting in sorted(peers.items())}
        self._timing = timing
        self._incarnation = incarnation
        self._sessions = 0
        self.promise_ns = promise_ns
        self.promise_ns_durable = promise_ns

    @property
    def supported(self) -> tuple[str, ...]:
        """Ids of the peers that this node supports now, sorted."""
        supported = tuple(peer.id for peer in self.peers.values() if peer.session is not None)
        return supported[:SUPPORTS_MAX]  # former members may be more than that for a moment

    def add(self, node_id: str, meeting: Meeting) -> Peer:
        """Add a peer, and return it."""
        peer = Peer(node_id, meeting)
        self.peers = dict(sorted([*self.peers.items(), (node_id, peer)]))
        return peer

    @property
    def counted(self) -> dict[str, int]:
        """By peer, until when its support counts (ns)."""
        return {peer.id: peer.counted_until for peer in self.peers.values()}

    def next_ends(self) -> tuple[int, int]:
        """Return the first ends of a promise to a peer and of a peer's support (ns); FOREVER where none lives."""
        promised_until = counted_until = FOREVER
        for peer in self.peers.values():
            if peer.session is not None and peer.promised_until < promised_until:
                promised_until = peer.promised_until
            if peer.is_supporting and peer.counted_until < counted_until:
                counted_until = peer.counted_until
        return promised_until, counted_until

    def accept(self, peer: Peer, link: Number, *, is_trusted: bool) -> bool:
        """Accept a peer's new link; False if it is not higher than the highest one before.

        Source: PROTOCOL.md, section 3, "The session".
        """
        if link <= peer.accepted_highest:
            return False
        peer.accepted = peer.accepted_highest = link
        peer.is_trusted = is_trusted
        peer.promised = peer.heartbeat = None
        peer.reports = {}
        peer.knowledge_numbers.received = 0
        # The peer stopped counting its older link before it dialed this one, so the promise on that link is over.
        peer.session = None
        return True

    def end(self, peer: Peer, link: Number, *, is_end_of_stream: bool) -> bool:
        """Note that an accepted link ended; True if that ended its session at once.

        Source: PROTOCOL.md, section 5.
        """
        # The end of an older stream may be read after a redial. It must not end the new session (trace 2).
        if link != peer.accepted:
            return False
        peer.accepted = None
        # An end of stream that was sent by the peer proves that it counts this link no longer: it stops counting before
        # it closes, and a dead process counts nothing. A reset proves nothing: middleboxes send resets.
        if not (is_end_of_stream and peer.is_trusted) or peer.session is None:
            return False
        peer.session = None
        return True

    def open(self, peer: Peer, link: Number) -> None:
        """Note that this node's link to a peer is open; acks of earlier links no longer count."""
        peer.opened = link
        peer.sent_latest = 0
        peer.knowledge_numbers.restart_sending()
        self._stop_counting(peer)

    def close(self, peer: Peer, link: Number) -> bool:
        """Stop counting this node's link to a peer for good, before it is closed; False if it is not the open one.

        The peer will end the session when it reads the end of the stream, and then help elect another leader.

        Source: PROTOCOL.md, section 5.
        """
        if link != peer.opened:
            return False
        peer.opened = None
        self._stop_counting(peer)
        return True

    @staticmethod
    def _stop_counting(peer: Peer) -> None:
        peer.counted_session = None
        peer.counted_until = 0
        peer.vote_window.clear()

    def expire(self, now: int) -> list[str]:
        """End the promises that are over, and return the ids of their peers.

        A later heartbeat opens another session, so the peer notices that this node was free in between.
        """
        ended = []
        for peer in self.peers.values():
            if peer.session is not None and peer.promised_until <= now:
                peer.session = None
                ended.append(peer.id)
        return ended

    def may_promise(self, duration_ns: int) -> bool:
        """Return whether a promise of this length is on disk, so that after a restart the boot fence outlives it."""
        if duration_ns <= self.promise_ns_durable:
            return True
        self.promise_ns = max(self.promise_ns, duration_ns)
        return False

    def promise(self, now: int, peer: Peer, heartbeat: Heartbeat) -> bool:
        """Extend the promise that a heartbeat asks for, or open a session; True if one was opened.

        Args:
            now: read after the bytes of the heartbeat were (ns). An older time ends the promise too soon (trace 8).
            peer: the one that asks.
            heartbeat: its latest.
        """
        until = now + self._timing.promised_ns(heartbeat.duration)
        peer.promised = heartbeat
        if peer.session is not None:
            peer.promised_until = max(peer.promised_until, until)
            return False
        self._sessions += 1
        peer.session = Number(self._incarnation, self._sessions)
        peer.promised_until = until
        return True

    def count(self, peer: Peer, ack: Ack) -> bool:
        """Count a peer's support as far as its ack proves it; True if it is of another session than before.

        Source: PROTOCOL.md, section 3, "Counting".
        """
        # An ack of an earlier link may tell of a promise that ended with that link (trace 2). An ack for a heartbeat
        # that was not sent yet, or for more than is asked for, is not the answer of a sound peer.
        is_ours = ack.link == peer.opened and ack.sent <= peer.sent_latest
        if not is_ours or ack.duration > self._timing.support_duration_ns:
            return False
        # From the sending, not from the answer: the peer's promise began after it, so it ends after this, however slow
        # the network is.
        until = ack.sent + self._timing.counted_ns(ack.duration)
        if ack.session == peer.counted_session:
            peer.counted_until = max(peer.counted_until, until)
            return False
        if peer.counted_session is not None and ack.session < peer.counted_session:  # overtaken
            return False
        peer.counted_session = ack.session
        peer.counted_until = until
        return True

    @staticmethod
    def ack(peer: Peer) -> Ack | None:
        """Return what the next heartbeat to a peer says of this node's promise to it."""
        promised = peer.promised
        if peer.session is None or peer.accepted is None or promised is None or not peer.may_acknowledge:
            return None
        return Ack(link=peer.accepted, session=peer.session, sent=promised.sent, duration=promised.duration)
