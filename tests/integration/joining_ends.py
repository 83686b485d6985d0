"""Both ends of a join over loopback: a member that serves, around an ideal cluster, and a node that joins."""

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from elect.core.changes import AddMember, Change, ReplaceMember
from elect.core.configuration import Configuration, Member
from elect.errors import JoinError
from elect.joining.join_client import JoinClient
from elect.joining.join_exchange import JoinExchange
from elect.joining.join_handler import MemberView
from elect.joining.join_messages import JOIN_KIND, JOIN_MESSAGES, Join
from elect.joining.join_passes import JoinPlan, JoinProgress
from elect.joining.join_server import JoinServer
from elect.joining.join_token import JoinTokens
from tests.integration.wire_ends import PATIENCE_S
from wire import Address, Codec, Endpoint, Event, Identity, Listener
from wire.protocol.identity import PeerIdentity
from wire.protocol.wire_errors import Refusal, RejectCode
from wire.security.security import PLAIN, Security

CLUSTER = b"c" * 16
LOOPBACK = "127.0.0.1"
ALONE = Configuration(members=(Member(node_id="a"),), version=1, cluster_id=CLUSTER)


def identity(node: str, *, cluster: str = "t", incarnation: int = 1) -> Identity:
    return Identity(cluster=cluster, node=node, incarnation=incarnation, store=node.encode().ljust(16))


@dataclass
class FakeMember:
    """A member whose changes are made at once, or held until the test lets them go on."""

    seen: MemberView
    is_free: threading.Event = field(default_factory=threading.Event)
    changes: list[Change] = field(default_factory=list)
    error: Exception | None = None

    def view(self) -> MemberView:
        if self.error is not None:
            raise self.error
        return self.seen

    def change(self, change: Change, timeout: float) -> Configuration:
        """Add the node, unless it is a member already."""
        self.changes.append(change)
        assert isinstance(change, AddMember | ReplaceMember)
        configuration = self.seen.configuration
        if not (isinstance(change, AddMember) and configuration.member(change.node_id)):
            added = Member(node_id=change.node_id, is_voter=False, store_id=change.store_id, address=change.address)
            others = [each for each in configuration.members if each.node_id != change.node_id]
            members = tuple(sorted([*others, added], key=lambda member: member.node_id))
            configuration = replace(configuration, members=members, version=configuration.version + 1)
            self.seen = replace(self.seen, configuration=configuration)
        assert self.is_free.wait(PATIENCE_S)
        return configuration


def leader(node: str = "a") -> FakeMember:
    configuration = replace(ALONE, members=(Member(node_id=node),))
    member = FakeMember(MemberView(node_id=node, configuration=configuration, is_leading=True, leader_id=node, term=1))
    member.is_free.set()
    return member


def follower(node: str, address: Address | str | None, leader_id: str | None = "a") -> FakeMember:
    configuration = replace(ALONE, members=(*ALONE.members, Member(node_id=node)))
    shown = None if address is None else str(address)
    return FakeMember(
        MemberView(node_id=node, configuration=configuration, leader_id=leader_id, leader_address=shown, term=1)
    )


def refuse_peers(_: PeerIdentity) -> Refusal:
    return Refusal(RejectCode.UNKNOWN_PEER, "no member here", is_retryable=True)


@contextmanager
def serving(
    member: FakeMember,
    *,
    port: int = 0,
    cluster: str = "t",
    security: Security = PLAIN,
    tokens: JoinTokens | None = None,
) -> Iterator[tuple[Address, list[Event]]]:
    """Serve joins as this member; yield the address, and a list of the events of other links."""
    others: list[Event] = []
    server = JoinServer(member, lambda *answer: listener.send(*answer), tokens)  # noqa: PLW0108 - it is made below
    endpoint = Endpoint(
        identity=identity(member.seen.node_id, cluster=cluster),
        codec=Codec(*JOIN_MESSAGES),
        deliver=lambda event: server.receive(event) or others.append(event),
        security=security,
        name="test",
    )
    listener = Listener(
        Address(LOOPBACK, port),
        endpoint,
        is_known_peer=lambda _: True,
        judge=refuse_peers,
        two_way=(JOIN_KIND,),
        judge_two_way=lambda _: None,
    )
    listener.start()
    try:
        yield listener.address, others
    finally:
        member.is_free.set()
        assert listener.stop(PATIENCE_S)


class Joining:
    """A node that joins, on a thread of its own."""

    def __init__(
        self,
        *seeds: Address,
        node: str = "d",
        own: Address | None = None,
        exchange: JoinExchange | None = None,
        security: Security = PLAIN,
        store_id: bytes = b"s" * 16,
        attempts_max: int | None = None,
        token: str = "",
    ) -> None:
        self.installed: list[Configuration] = []
        self.progress: list[JoinProgress] = []
        self._ends: queue.Queue[JoinError | None] = queue.Queue()
        own = own or Address(LOOPBACK, 9)
        plan = JoinPlan(
            request=Join(node_id=node, store_id=store_id, address=str(own), token=token),
            own=own,
            seeds=tuple(sorted(seeds)),
            cluster_id=CLUSTER,
            attempts_max=attempts_max,
        )
        self.client = JoinClient(
            plan,
            exchange or JoinExchange(identity(node), security, welcome_s=0.5, answer_s=0.5),
            install=self.installed.append,
            note_progress=self.progress.append,
            note_end=self._ends.put,
        )
        self.thread = threading.Thread(target=self.client.run, name="elect-join", daemon=True)
        self.thread.start()

    def end(self, timeout: float = PATIENCE_S) -> JoinError | None:
        """Return how it ended."""
        end = self._ends.get(timeout=timeout)
        self.thread.join(PATIENCE_S)
        assert not self.thread.is_alive()
        return end

    def joined(self) -> Configuration:
        """Return the configuration with which it ended well."""
        assert self.end() is None
        [configuration] = self.installed
        return configuration
