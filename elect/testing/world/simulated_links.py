"""One process's links to its peers, without sockets: the simulation's counterpart of `elect.runtime.peer_links`."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from elect.bridge.admission import StrangerRefused
from elect.core.configuration import Configuration
from elect.core.events import Objection
from elect.core.membership_messages import Message
from elect.core.messages import Batch, Number
from elect.core.ready import Send
from elect.core.rules.agreement import objection_to
from elect.testing.world.simulated_dialer import SimulatedDialer
from elect.testing.world.simulated_network import PATIENCE
from wire.io.link_events import Event, LinkAccepted, LinkEnded, LinkOpened, MessageReceived

if TYPE_CHECKING:
    from elect.testing.world.process import Process
    from elect.testing.world.simulated_link import SimulatedLink

_STALE_NOTICE_NS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameReceived(MessageReceived):
    """A message, and the simulated link that it came on."""

    link: "SimulatedLink"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEnded(LinkEnded):
    """The end of an accepted link, and that link."""

    link: "SimulatedLink"


class SimulatedLinks:
    """A process's listener, readers and dialers.

    Attributes:
        configuration: the members that this process dials and accepts.
        dialers: by peer.
        accepted: peers' links by peer.
        stores: the store id of each peer at their first handshake.
    """

    def __init__(self, process: "Process") -> None:
        self._process = process
        self._world = process.world
        disk = process.host.disk
        self._counter = 0
        self.configuration = disk.configuration
        self.dialers = {peer: SimulatedDialer(process, peer) for peer in self._members}
        self.accepted: dict[str, SimulatedLink] = {}
        self.stores = {peer: each.store_id for peer, each in disk.meetings.items() if each.store_id is not None}

    @property
    def _members(self) -> list[str]:
        return [node_id for node_id in self.configuration.node_ids if node_id != self._process.node_id]

    def next_number(self) -> Number:
        """Return the number for the next link."""
        self._counter += 1
        return Number(self._process.incarnation, self._counter)

    def objection_to(self, other: "Process") -> Objection | None:
        """Return the reason to refuse the process at the other end of a handshake, or None."""
        member = self.configuration.member(other.node_id)
        return objection_to(member, other.store_id, self.stores.get(other.node_id))

    def store_of(self, peer: str) -> bytes | None:
        """Return the store under which a peer is accepted: that of the configuration, or else the one that was met."""
        member = self.configuration.member(peer)
        return self.stores.get(peer) if member is None or member.store_id is None else member.store_id

    def _meet(self, peer: str, store_id: bytes) -> None:
        member = self.configuration.member(peer)
        if member is not None and member.is_voter:
            self.stores.setdefault(peer, store_id)
        else:
            self.stores[peer] = store_id

    def forget(self, peer: str) -> None:
        """Forget the store and the latest link of a peer: any other is accepted."""
        self.stores.pop(peer, None)
        self.accepted.pop(peer, None)

    def set_members(self, configuration: Configuration) -> None:
        """Dial and accept the members of a configuration; former ones keep their links until `dismiss`."""
        former = {peer: self.store_of(peer) for peer in self.dialers}
        self.configuration = configuration
        for peer in self._members:
            if former.get(peer) not in (None, self.store_of(peer)):  # the process with that store counts no longer
                self.dismiss(peer)
            if peer not in self.dialers:
                self.dialers[peer] = SimulatedDialer(self._process, peer)
                self.dialers[peer].dial()

    def dismiss(self, peer: str) -> None:
        """End the links with a former member, which the elector counts no longer."""
        dialer, link = self.dialers.pop(peer, None), self.accepted.get(peer)
        if dialer is not None:
            dialer.retire()
        if link is not None:
            link.break_off()
            self._abandon(link, closes=True)
        self.forget(peer)

    # The listener's thread and the readers'.

    def receive_hello(self, link: "SimulatedLink") -> None:
        """Receive a Hello on the listener's thread, and answer it."""
        self._process.gate.run(link, self._answer_hello, link)

    def _answer_hello(self, link: "SimulatedLink") -> None:
        peer, older = link.path.source, self.accepted.get(link.path.source)
        is_same_store = older is not None and older.dialer.process.store_id == link.dialer.process.store_id
        is_stale = older is not None and is_same_store and link.number <= older.number
        # One that belongs to no cluster yet has no list that the peer could be missing in.
        is_waiting = not self.configuration.members
        link.objection = None if is_waiting else self.objection_to(link.dialer.process)
        if is_stale or is_waiting or link.objection is not None:
            link.break_off()
            if link.objection is Objection.UNKNOWN_NODE:
                self._process.put(link, StrangerRefused(node_id=peer))
        else:
            if older is not None and self._world.rng.random() < 0.5:
                older.break_off()
            link.acceptor = self._process
            self.accepted[peer] = link
            self._process.deliver(
                LinkAccepted(
                    peer=peer,
                    number=link.wire_number,
                    kind="peer",
                    identity=link.dialer.process.identity,
                    is_trusted=link.is_trusted,
                    local="",
                    remote="",
                )
            )
        link.dialer.receive_answer(link)

    def receive_frame(self, link: "SimulatedLink", message: Message) -> None:
        """Receive a frame on the reader's thread."""
        frame = FrameReceived(peer=link.path.source, number=link.wire_number, message=message, link=link)
        self._process.gate.run(link, self._process.deliver, frame)

    def receive_end(self, link: "SimulatedLink", *, is_end_of_stream: bool) -> None:
        """Receive the end of a peer's link on the reader's thread: an end of stream, or a reset or an own close."""
        ended = StreamEnded(
            peer=link.path.source,
            number=link.wire_number,
            is_end_of_stream=is_end_of_stream,
            error=None,
            bye="it is closed" if is_end_of_stream and link.is_announced else None,
            link=link,
        )
        self._process.gate.run(link, self._process.deliver, ended)

    # The orchestrator thread.

    def receive(self, event: MessageReceived, now: int) -> Number:
        """Tell the observers of a message, and return the number of its link."""
        assert isinstance(event, FrameReceived)
        for observer in self._world.hearers:
            observer.heard(self._process, event.link, event.message, now)
        return event.link.number

    def note_event(self, event: Event) -> None:
        """Note a change of a link, before the elector is told."""
        if event.peer not in self.dialers:  # it came while the peer was dismissed
            return
        match event:
            case StreamEnded():
                for observer in self._world.observers:
                    observer.ended(self._process, event.link, event.is_end_of_stream)
            case LinkAccepted():
                self._meet(event.peer, event.identity.store)
                self.dialers[event.peer].close_if_outdated(event.identity)
            case LinkOpened():
                self._meet(event.peer, event.identity.store)

    def is_trusted(self, event: LinkAccepted) -> bool:
        """Return whether an end of stream proves that the peer closed it: no proxy is in between."""
        return event.is_trusted

    def send(self, send: Send) -> None:
        """Send on the link that is named, if that is open."""
        dialer = self.dialers.get(send.peer)
        link = None if dialer is None else dialer.link
        if dialer is None or link is None or not dialer.is_open or link.number != send.link:
            return
        if type(send.message) is Batch:
            for observer in self._world.observers:
                observer.sent(self._process, send.peer, send.message)
        link.transmit(send.message)

    # The operating system.

    def die(self, *, closes: bool) -> None:
        """End all links with their process; with `closes`, the operating system closes them."""
        for dialer in self.dialers.values():
            if dialer.link is not None:
                dialer.link.freeze(is_lost=True)
                if closes:
                    dialer.link.finish()
        for link in self.accepted.values():
            self._abandon(link, closes=closes)

    def _abandon(self, link: "SimulatedLink", *, closes: bool) -> None:
        """Let a peer notice the end of the link that it dialed: soon, at its next frame, or after `PATIENCE`."""
        rng, scheduler = self._world.rng, self._world.scheduler
        if closes and not link.back.is_cut:
            scheduler.after(link.back.delay.draw(rng) + _STALE_NOTICE_NS, link.dialer.notice_end, link)
        elif rng.random() < 0.5:
            link.is_silent = True
            scheduler.after(PATIENCE.draw(rng), link.dialer.notice_end, link)
