"""Clients of every node of a simulated world: they watch, they leave, and they repeat what nodes say to each other."""

from collections import Counter, deque
from collections.abc import Iterable
from random import Random

from elect.leader import Profile
from elect.observing.client_watches import ClientLink
from elect.observing.node_reports import NodeReports
from elect.observing.observer_messages import CLIENT_KIND, LeaderReport, Watch
from elect.observing.observer_server import ObserverServer
from elect.testing import Observer, Simulation
from wire.io.link_events import LinkAccepted, LinkEnded, MessageReceived
from wire.protocol.identity import LinkNumber, PeerIdentity
from wire.protocol.wire_errors import WireError

ACT_NS = 2_000_000
"""Between two acts of clients: they say more than the nodes do."""

OVERHEARD_MAX = 200
CLIENTS_MAX = 8


class ObservedProcess:
    """The clients of one process, and the links by which its real server tells them."""

    def __init__(self, process, refused: Counter[str]) -> None:
        self.process = process
        self.links: dict[ClientLink, dict[str, object]] = {}
        self.ended = 0
        context = process._publisher._context
        self.server = ObserverServer(
            self,
            NodeReports(context, lambda _: Profile()),
            clock=lambda: process.now,
            interval_ns=500_000_000,
            count_refused=lambda kind: refused.update([kind]),
        )

    def send_to_each(self, links: Iterable[ClientLink], message: object, *, replaces: str) -> None:
        for link in links:
            self.links[link][replaces] = message

    def cut(self, peer: str, number: LinkNumber, error: WireError) -> None:
        del self.links[peer, number]
        self.ended += 1
        self.server.receive(LinkEnded(peer=peer, number=number, is_end_of_stream=False, error=error, bye=None))

    def wake(self) -> None:
        """The turn comes with the next act, as it does with the next round of the thread."""

    def accept(self, number: int) -> None:
        link = "client/x/0", LinkNumber(0, number)
        self.links[link] = {}
        identity = PeerIdentity(node=link[0], incarnation=0, store=bytes(16), attributes={})
        self.server.receive(
            LinkAccepted(
                peer=link[0],
                number=link[1],
                kind=CLIENT_KIND,
                identity=identity,
                is_trusted=True,
                local="",
                remote="",
            )
        )

    def say(self, link: ClientLink, message: object) -> None:
        self.server.receive(MessageReceived(peer=link[0], number=link[1], message=message))


class SimulatedClients(Observer):
    """The clients of a world. They draw from a generator of their own, so that the world is the one without them.

    Attributes:
        refused: the messages that ended a link, by kind.
        reports: the reports of leaders that were read.
        misled: reports of a valid lease that its node does not hold.
    """

    def __init__(self, simulation: Simulation, seed: int) -> None:
        self._world = simulation._world
        self._rng = Random(seed)
        self._served: dict[object, ObservedProcess] = {}
        self._overheard: deque[object] = deque(maxlen=OVERHEARD_MAX)
        self._number = 0
        self.refused: Counter[str] = Counter()
        self.reports: list[LeaderReport] = []
        self.misled = 0
        simulation.watch(self)
        self._world.scheduler.after(ACT_NS, self._act)

    @property
    def links_ended(self) -> int:
        return sum(each.ended for each in self._served.values())

    def started(self, process) -> None:
        self._served[process] = ObservedProcess(process, self.refused)

    def heard(self, process, link, message: object, read_at: int) -> None:
        self._overheard.append(message)

    def told(self, process, event: object) -> None:
        self._served[process].server.note_events([event])

    def _act(self) -> None:
        """One client of each process does something, and then its thread has a turn."""
        self._world.scheduler.after(ACT_NS, self._act)
        for served in self._served.values():
            if served.process.is_alive:
                self._act_on(served)

    def _act_on(self, served: ObservedProcess) -> None:
        if len(served.links) < CLIENTS_MAX:
            self._number += 1
            served.accept(self._number)
        link = self._rng.choice(list(served.links))
        if self._rng.random() < 0.5 or not self._overheard:
            served.say(link, Watch(elections=(*self._world.options.elections, "unknown")))
        else:
            served.say(link, self._rng.choice(self._overheard))
        served.server.turn()
        self._read(served)

    def _read(self, served: ObservedProcess) -> None:
        for outbox in served.links.values():
            for report in outbox.values():
                if isinstance(report, LeaderReport):
                    until = served.process.table.until(report.election)
                    self.misled += bool(report.lease_ns) and until <= served.process.now
                    self.reports.append(report)
            outbox.clear()
