"""Nodes that a client can dial: fake ones whose leader the test chooses, and endpoints that say nothing."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import pytest

from elect import Client, Leader, LeaderUnavailable
from elect.core.configuration import Configuration, Member
from elect.observing.observer_messages import CLIENT_KIND, CLIENT_MESSAGES, LeaderReport, MembersReport, Watch
from tests.integration.wire_ends import PATIENCE_S
from wire import Address, Codec, Endpoint, Event, Identity, LinkAccepted, LinkEnded, Listener, MessageReceived
from wire.links.shared_links import SharedLinks
from wire.protocol.identity import LinkNumber
from wire.security.security import PLAIN, Security

CLUSTER = "c"
LEASE_NS = 60_000_000_000
"""Longer than any test takes: a lease ends when the test says so."""


@dataclass
class FakeNode:
    """A node that reports what it is told to."""

    node_id: str
    cluster: "FakeCluster"
    security: Security = PLAIN
    host: str = "127.0.0.1"
    port: int = 0
    election: str = "default"
    says: LeaderReport = field(default_factory=lambda: LeaderReport(election="default", term=0))
    is_silent: bool = False
    links_max: int = 100
    accepted: int = 0
    watched: list[tuple[str, ...]] = field(default_factory=list)

    def start(self) -> None:
        """Listen, at the port of before if there is one."""
        self._links: dict[tuple[str, LinkNumber], tuple[str, ...]] = {}
        self._lock = threading.Lock()
        endpoint = Endpoint(
            identity=Identity(cluster=CLUSTER, node=self.node_id, incarnation=1, store=self.node_id.encode().ljust(16)),
            codec=Codec(*CLIENT_MESSAGES),
            deliver=self._deliver,
            security=self.security,
            name="test",
        )
        self.shared = SharedLinks(endpoint, links_max=self.links_max, links_per_host_max=self.links_max)
        self.shared.start()
        self.listener = Listener(
            Address(self.host, self.port), endpoint, is_known_peer=lambda _: True, shared={CLIENT_KIND: self.shared}
        )
        self.listener.start()
        self.port = self.listener.address.port

    def stop(self) -> None:
        """Close the port and all links."""
        assert self.listener.stop(PATIENCE_S)
        assert self.shared.stop(PATIENCE_S)

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def links(self) -> int:
        with self._lock:
            return len(self._links)

    def say(self, leader: "FakeNode | None", term: int, *, lease_ns: int | None = None, **more: object) -> None:
        """Name this leader from now on, on all links."""
        own = LEASE_NS if leader is self else 0
        named = {} if leader is None else {"leader_id": leader.node_id, "address": leader.address}
        lease = own if lease_ns is None else lease_ns
        self.says = LeaderReport(
            **{"election": self.election, "term": term, **named, "lease_ns": lease, "metadata": {"http": "x"}, **more}
        )
        with self._lock:
            links = list(self._links)
        for link in links:
            self._report(*link, self.says)

    def _deliver(self, event: Event) -> None:
        match event:
            case LinkAccepted():
                with self._lock:
                    self._links[event.peer, event.number] = ()
                    self.accepted += 1
            case MessageReceived(message=Watch(elections=elections)):
                with self._lock:
                    self._links[event.peer, event.number] = elections
                    self.watched.append(elections)
                if not self.is_silent:
                    self.shared.send(event.peer, event.number, self.cluster.members())
                    for election in elections:
                        is_said = election == self.says.election
                        said = self.says if is_said else LeaderReport(election=election, term=0)
                        self._report(event.peer, event.number, said)
            case LinkEnded():
                with self._lock:
                    self._links.pop((event.peer, event.number), None)

    def _report(self, peer: str, number: LinkNumber, report: LeaderReport) -> None:
        self.shared.send(peer, number, report)


class FakeCluster:
    """Nodes that report one leader, unless one of them is told otherwise."""

    def __init__(self, node_ids: str = "abc", security: Security = PLAIN) -> None:
        self.nodes = {node_id: FakeNode(node_id, self, security) for node_id in node_ids}
        self.listed = list(node_ids)
        self.version = 1

    def __getitem__(self, node_id: str) -> FakeNode:
        return self.nodes[node_id]

    @property
    def addresses(self) -> list[str]:
        return [node.address for node in self.nodes.values()]

    def elect(self, node_id: str | None, term: int) -> None:
        """Have all nodes name this leader; None: none."""
        leader = None if node_id is None else self.nodes[node_id]
        for node in self.nodes.values():
            node.say(leader, term)

    def members(self) -> MembersReport:
        members = tuple(Member(node_id=node_id) for node_id in sorted(self.listed))
        addresses = {node_id: self.nodes[node_id].address for node_id in self.listed}
        configuration = Configuration(members=members, version=self.version)
        return MembersReport(configuration=configuration, addresses=addresses, heard=tuple(sorted(self.listed)))


@contextmanager
def fake_cluster(node_ids: str = "abc", security: Security = PLAIN) -> Iterator[FakeCluster]:
    """Run fake nodes."""
    cluster = FakeCluster(node_ids, security)
    for node in cluster.nodes.values():
        node.start()
    try:
        yield cluster
    finally:
        for node in cluster.nodes.values():
            node.stop()


@contextmanager
def client_of(cluster: FakeCluster, *more: str, first: tuple[str, ...] = (), **options: object) -> Iterator[Client]:
    """A client of all nodes of a cluster, and other endpoints."""
    with Client([*first, *cluster.addresses, *more], cluster=CLUSTER, **options) as client:
        yield client


@contextmanager
def black_holes(count: int) -> Iterator[list[str]]:
    """Endpoints that accept and say nothing, and others whose backlog is full."""
    with ExitStack() as stack:
        addresses = []
        for place in range(count):
            host = f"127.0.0.{place + 10}"
            server = stack.enter_context(socket.create_server((host, 0), backlog=0))
            addresses.append(f"{host}:{server.getsockname()[1]}")
            if place % 2:
                for _ in range(2):  # one more than it has room for
                    filler = stack.enter_context(socket.socket())
                    filler.settimeout(0)
                    filler.connect_ex(server.getsockname())
        yield addresses


def failure(wait: Callable[[float], object], is_wanted: Callable[[LeaderUnavailable], bool]) -> LeaderUnavailable:
    """Return the error of a wait that gets a timeout; a busy machine may need a longer one to have it as wanted."""
    timeout = 0.3
    while True:
        with pytest.raises(LeaderUnavailable) as caught:
            wait(timeout)
        if is_wanted(caught.value) or timeout > PATIENCE_S:
            return caught.value
        timeout *= 2


def connect_in_vain() -> None:
    """Raise the error of a connect that is refused."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        socket.create_connection(unused.getsockname())


def known(leader: Leader | None) -> tuple[str, int] | None:
    return None if leader is None else (leader.node_id, leader.term)
