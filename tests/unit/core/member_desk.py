"""A desk whose members change: the test plays every member, and what each of them has installed."""

from dataclasses import dataclass, replace

from elect.core.changes import Change
from elect.core.configuration import Configuration, Member
from elect.core.membership_messages import Install, InstallReport, Message
from elect.core.messages import Batch, ConfigurationId, Entry, Heartbeat, Number, Standing
from elect.core.ready import Ready
from tests.unit.core.desk import DURATION, INTERVAL, PROMISED, Desk

UNWILLING = Standing(willing=False)


def store(letter: str) -> bytes:
    """The id of a store."""
    return letter.encode() * 16


def members(voters: str, *others: Member, term: int = 0, version: int = 0, floor: int = 0) -> Configuration:
    """A configuration of these voters and these others."""
    found = [*(Member(node_id=voter) for voter in voters), *others]
    ordered = tuple(sorted(found, key=lambda member: member.node_id))
    return Configuration(members=ordered, term=term, version=version, floor=floor)


def learner(node_id: str, store_id: bytes | None = None) -> Member:
    """A voter to be."""
    return Member(node_id=node_id, is_voter=False, store_id=store_id)


@dataclass
class MemberDesk(Desk):
    """Node `b`, unless told otherwise; each peer shows the configuration that it has installed."""

    def __post_init__(self) -> None:
        self.shown: dict[str, ConfigurationId] = {}
        super().__post_init__()
        self.links = dict.fromkeys("abcdefgh", 0)
        self.sessions = dict.fromkeys("abcdefgh", 0)

    @property
    def state(self):
        return self.elector.state

    @property
    def own(self) -> Configuration:
        return self.state.configuration

    @property
    def connected(self) -> list[str]:
        return [peer.id for peer in self.state.support.peers.values() if peer.opened is not None]

    def receive(self, peer: str, message: Message, link: int | None = None) -> Ready:
        if isinstance(message, Heartbeat):
            message = replace(message, configuration=self.shown.get(peer, self.configuration.id))
        return super().receive(peer, message, link)

    def say(self, peer: str, *entries: Entry) -> Ready:
        return self.receive(peer, Batch(configuration=self.shown.get(peer, self.configuration.id), entries=entries))

    # Inputs.

    def change(self, change: Change) -> Ready:
        """This node makes a change, or begins it."""
        return self.take(self.elector.change_members(self.now, change))

    def install(self, configuration: Configuration) -> Ready:
        """A configuration is handed over by a join, and is on disk."""
        self.take(self.elector.install(self.now, configuration))
        self.written()
        return self.latest

    def report(
        self,
        peer: str,
        *,
        term: int = 0,
        duration: int = DURATION,
        of: Configuration | None = None,
        root_term: int = 0,
    ) -> Ready:
        """A peer has installed this node's configuration, or another one, and says so."""
        configuration = (of or self.own).id
        self.shown[peer] = configuration
        report = InstallReport(configuration=configuration, term=term, duration=duration, root_term=root_term)
        return self.receive(peer, report)

    def pass_time(self, time_ns: int, *, without: str = "") -> None:
        """Time passes; all connected peers send heartbeats, with acks, and support each other."""
        until = self.now + time_ns
        while self.now < until:
            self.tick(min(INTERVAL, until - self.now))
            self.beat_all(without=without)

    def beat_all(self, *, without: str = "") -> None:
        now = self.now
        for peer in self.connected:
            if peer not in without:
                others = "".join(each for each in [*self.connected, self.node_id] if each != peer)
                self.beat(peer, supports=others, standing=UNWILLING)
                self.now = now

    def settle(self) -> None:
        """All voters report, and the wait passes."""
        self.written()
        for peer in self.state.other_voters:
            if peer.opened is not None:
                self.report(peer.id)
        self.pass_time(PROMISED)
        self.tick()

    def joined(self, node_id: str) -> None:
        """A new member is connected, and supports this node."""
        self.shown[node_id] = self.own.id
        self.connect(node_id)
        self.tick(INTERVAL)
        self.beat_all()

    # Looks.

    def installs(self, peer: str) -> list[Configuration]:
        """The configurations that the latest Ready sends a peer."""
        return [message.configuration for message in self.messages(peer, Install)]

    def reports(self, peer: str) -> list[InstallReport]:
        return self.messages(peer, InstallReport)

    def number(self, peer: str) -> Number:
        return Number(1, self.links[peer])
