"""Mirrors of every node of a simulated world: one that follows it, and others that repeat what nodes say."""

from collections import Counter, deque
from random import Random

from elect.bridge.dispatcher import PublishedEvent
from elect.core.events import LeaderChanged
from elect.leader import Leader, Profile
from elect.mirror.mirror_content import MirrorContent
from elect.mirror.mirror_machine import MirrorMachine
from elect.observing.change_log import ChangeLog
from elect.observing.mirror_messages import MIRROR_KIND, LeaderEntry, MirrorEntry, Subscribe
from elect.observing.mirror_server import MirrorServer
from elect.observing.mirror_session import MirrorLink
from elect.observing.node_reports import NodeReports
from elect.testing import Observer, Simulation
from wire.io.link_events import LinkAccepted, LinkEnded, MessageReceived
from wire.protocol.identity import LinkNumber, PeerIdentity
from wire.protocol.wire_errors import WireError

ACT_NS = 10_000_000
OVERHEARD_MAX = 200
CLUSTER_ID = bytes(range(16))


class NamedReports(NodeReports):
    """A simulated cluster has no id."""

    def cluster_id(self) -> bytes:
        return CLUSTER_ID


class MirroredProcess:
    """The mirrors of one process, and the links by which its real server tells them."""

    def __init__(self, process, refused: Counter[str]) -> None:
        self.process = process
        self.outboxes: dict[MirrorLink, list[object]] = {}
        self.ended = 0
        self.entries: list[MirrorEntry] = []
        context = process._publisher._context
        self.server = MirrorServer(
            self,
            ChangeLog(context.configuration),
            NamedReports(context, lambda _: Profile()),
            clock=lambda: process.now,
            count_refused=lambda kind: refused.update([kind]),
        )
        self.machine = MirrorMachine(MirrorContent())
        self.follower = self.accept("follower", 1)
        self.say(self.follower, self.machine.connected(process.now))

    def send(self, peer: str, number: LinkNumber, message: object) -> None:
        self.outboxes[peer, number].append(message)

    def cut(self, peer: str, number: LinkNumber, error: WireError) -> None:
        del self.outboxes[peer, number]
        self.ended += 1
        self.server.receive(LinkEnded(peer=peer, number=number, is_end_of_stream=False, error=error, bye=None))

    def wake(self) -> None:
        """The turn comes with the next act, as it does with the next round of the thread."""

    def accept(self, name: str, number: int) -> MirrorLink:
        link = f"mirror/{name}/1", LinkNumber(0, number)
        self.outboxes[link] = []
        identity = PeerIdentity(node=link[0], incarnation=0, store=bytes(16), attributes={})
        self.server.receive(
            LinkAccepted(
                peer=link[0],
                number=link[1],
                kind=MIRROR_KIND,
                identity=identity,
                is_trusted=True,
                local="",
                remote="",
            )
        )
        return link

    def say(self, link: MirrorLink, message: object) -> None:
        self.server.receive(MessageReceived(peer=link[0], number=link[1], message=message))

    def follow(self) -> None:
        """The mirror reads, applies, and says how far it is."""
        now = self.process.now
        self.server.turn()
        outbox, self.outboxes[self.follower] = self.outboxes[self.follower], []
        for message in outbox:
            self.machine.receive(message, now)
        while self.machine.is_welcome and (batch := self.machine.next_batch()) is not None:
            self.entries += batch.entries
            self.machine.applied(batch)
        applied = self.machine.applied_message(now)
        if applied is not None:
            self.say(self.follower, applied)


class SimulatedMirrors(Observer):
    """The mirrors of a world. They draw from a generator of their own, so that the world is the one without them.

    Attributes:
        refused: the messages that ended a link, by kind.
    """

    def __init__(self, simulation: Simulation, seed: int) -> None:
        self._world = simulation._world
        self._rng = Random(seed)
        self._served: dict[object, MirroredProcess] = {}
        self._overheard: deque[object] = deque(maxlen=OVERHEARD_MAX)
        self._number = 1
        self.refused: Counter[str] = Counter()
        simulation.watch(self)
        self._world.scheduler.after(ACT_NS, self._act)

    @property
    def served(self) -> list[MirroredProcess]:
        return list(self._served.values())

    @property
    def named(self) -> set[tuple[str, int, str]]:
        """Each leader that a mirror was told: election, term and id."""
        entries = [entry for served in self.served for entry in served.entries if isinstance(entry, LeaderEntry)]
        return {(entry.election, entry.term, entry.leader_id) for entry in entries if entry.leader_id}

    def started(self, process) -> None:
        self._served[process] = MirroredProcess(process, self.refused)

    def heard(self, process, link, message: object, read_at: int) -> None:
        self._overheard.append(message)

    def told(self, process, event: object) -> None:
        leader = None
        if isinstance(event, LeaderChanged) and event.leader is not None:
            leader = Leader(node_id=event.leader, term=event.term)
        self._served[process].server.note_published([PublishedEvent(event, leader=leader)])

    def _act(self) -> None:
        self._world.scheduler.after(ACT_NS, self._act)
        for served in self._served.values():
            if served.process.is_alive:
                if self._overheard:
                    self._speak(served)
                served.follow()

    def _speak(self, served: MirroredProcess) -> None:
        """Another mirror subscribes or does not, and then says what a node said."""
        self._number += 1
        link = served.accept("hostile", self._number)
        if self._rng.random() < 0.5:
            served.say(link, Subscribe(version=1))
        served.say(link, self._rng.choice(self._overheard))

    def check_followed(self) -> None:
        """Check that each mirror knows what its process knows."""
        for served in self.served:
            if served.process.is_alive:
                for _ in range(3):
                    served.follow()
                context = served.process._publisher._context
                known = {
                    name: (each.leader.node_id, each.leader.term)
                    for name, each in context.published_elections.items()
                    if each.leader is not None
                }
                leaders = served.machine.content.leaders
                found = {name: (each.leader_id, each.term) for name, each in leaders.items() if each.leader_id}
                assert found == known
