"""Both ends of wire over loopback, and a stranger that sends any bytes."""

import itertools
import queue
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self, TypeVar

from wire import (
    Address,
    Codec,
    Dialer,
    Endpoint,
    Event,
    Identity,
    Limits,
    LinkAccepted,
    LinkClosing,
    LinkNumber,
    LinkOpened,
    Listener,
)
from wire.link_metrics import WireMetrics
from wire.protocol.connection import Connection
from wire.protocol.handshake import Bye, Heard, Hello, Welcome, hello, welcome
from wire.security.security import PLAIN, Security

PATIENCE_S = 60.0
"""Each wait takes milliseconds; a busy machine may take much longer, and a test that passes waits no longer for it."""
EventT = TypeVar("EventT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    number: int
    data: bytes = b""


CODEC = Codec(Note)


def identity(node: str, cluster: str = "c", incarnation: int = 1) -> Identity:
    return Identity(cluster=cluster, node=node, incarnation=incarnation, store=node.encode().ljust(16))


class Inbox:
    """The events that one end was told."""

    def __init__(self, *, is_acknowledging: bool = True) -> None:
        self._queue: queue.Queue[Event] = queue.Queue()
        self._is_acknowledging = is_acknowledging

    def deliver(self, event: Event) -> None:
        """Receive an event of a listener or dialer."""
        if isinstance(event, LinkClosing) and self._is_acknowledging:
            event.done.set()
        self._queue.put(event)

    def next(self, kind: type[EventT], timeout: float = PATIENCE_S) -> EventT:
        """The next event, which has to be of this kind."""
        event = self._queue.get(timeout=timeout)
        assert isinstance(event, kind), event
        return event

    def later(self, kind: type[EventT], timeout: float = PATIENCE_S) -> EventT:
        """The next event of this kind; others before it are passed over."""
        while True:
            event = self._queue.get(timeout=timeout)
            if isinstance(event, kind):
                return event

    def is_empty(self) -> bool:
        return self._queue.empty()


def endpoint(
    node: str,
    inbox: Inbox,
    limits: Limits | None = None,
    metrics: WireMetrics | None = None,
    security: Security = PLAIN,
    incarnation: int = 1,
) -> Endpoint:
    """Return an end that delivers to this inbox."""
    return Endpoint(
        identity=identity(node, incarnation=incarnation),
        codec=CODEC,
        deliver=inbox.deliver,
        limits=limits or Limits(),
        security=security,
        metrics=metrics,
        name="test",
    )


@contextmanager
def listening(
    limits: Limits | None = None,
    metrics: WireMetrics | None = None,
    port: int = 0,
    known: tuple[str, ...] = ("ann",),
    security: Security = PLAIN,
    two_way: tuple[str, ...] = (),
    host: str = "127.0.0.1",
    incarnation: int = 1,
) -> Iterator[tuple[Listener, Inbox]]:
    """Run the listener `bob`; yield it with its inbox."""
    inbox = Inbox()
    listener = Listener(
        Address(host, port),
        endpoint("bob", inbox, limits, metrics, security, incarnation),
        is_known_peer=known.__contains__,
        two_way=two_way,
    )
    listener.open()
    listener.start()
    try:
        yield listener, inbox
    finally:
        assert listener.stop(PATIENCE_S)


@contextmanager
def dialing(
    address: Address,
    limits: Limits | None = None,
    metrics: WireMetrics | None = None,
    inbox: Inbox | None = None,
    node: str = "ann",
    security: Security = PLAIN,
    kind: str = "peer",
    *,
    is_two_way: bool = False,
    incarnation: int = 1,
) -> Iterator[tuple[Dialer, Inbox]]:
    """Run a dialer for `bob`; yield it with its inbox."""
    inbox = inbox or Inbox()
    dialer = Dialer(
        "bob",
        lambda: address,
        endpoint(node, inbox, limits, metrics, security, incarnation),
        next_counter=itertools.count(1).__next__,
        kind=kind,
        is_two_way=is_two_way,
    )
    dialer.start()
    try:
        yield dialer, inbox
    finally:
        assert dialer.stop(PATIENCE_S)


@contextmanager
def linked(
    limits: Limits | None = None,
    metrics: WireMetrics | None = None,
    securities: tuple[Security, Security] = (PLAIN,) * 2,
) -> Iterator[tuple[Dialer, Inbox, LinkNumber, Listener, Inbox]]:
    """`ann`'s link to `bob`, open at both ends."""
    with (
        listening(limits, metrics, security=securities[1]) as (listener, heard),
        dialing(listener.address, limits, metrics, security=securities[0]) as (dialer, told),
    ):
        number = told.next(LinkOpened).number
        assert heard.next(LinkAccepted).number == number
        yield dialer, told, number, listener, heard


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A two-way link of `ann`'s to `bob`, open at both ends."""

    ann: Dialer
    told: Inbox
    number: LinkNumber
    bob: Listener
    heard: Inbox


@contextmanager
def conversing(
    limits: Limits | None = None,
    metrics: tuple[WireMetrics | None, WireMetrics | None] = (None, None),
    securities: tuple[Security, Security] = (PLAIN,) * 2,
) -> Iterator[Conversation]:
    """Open a two-way link, on which both ends may send."""
    with (
        listening(limits, metrics[1], security=securities[1], two_way=("client",)) as (bob, heard),
        dialing(bob.address, limits, metrics[0], security=securities[0], kind="client", is_two_way=True) as (ann, told),
    ):
        number = told.next(LinkOpened).number
        assert heard.next(LinkAccepted).number == number
        yield Conversation(ann=ann, told=told, number=number, bob=bob, heard=heard)


class Stranger:
    """A bare socket with a Connection beside it."""

    def __init__(self, address: Address, node: str = "ann", *, is_two_way: bool = False) -> None:
        self.is_two_way = is_two_way
        self.sock = socket.create_connection((address.host, address.port), timeout=PATIENCE_S)
        self.connection = Connection(CODEC.extended(Bye, Heard), 65_536, is_dialer=True)
        self.node = node
        self._rest: Iterator[object] = iter(())

    def hello(self, counter: int = 1, *, to: str = "bob", cluster: str = "c", kind: str = "peer") -> Hello:
        """A Hello that fits this socket."""
        local, remote = (f"{host}:{port}" for host, port in (self.sock.getsockname(), self.sock.getpeername()))
        number = LinkNumber(1, counter)
        return hello(
            identity(self.node, cluster),
            to=to,
            number=number,
            kind="client" if self.is_two_way else kind,
            local=local,
            remote=remote,
            is_two_way=self.is_two_way,
        )

    def greet(self, said: Hello) -> object:
        """Send a Hello and return the answer."""
        self.sock.sendall(self.connection.greet(said))
        return self.answer()

    def open(self, counter: int = 1) -> "Stranger":
        """Complete the handshake."""
        assert isinstance(self.greet(self.hello(counter)), Welcome)
        return self

    def answer(self) -> object:
        """Return the next message of the acceptor."""
        while data := self.sock.recv(4_096):
            self._rest = self.connection.receive(data)
            for message in self._rest:
                return message
        return None

    def last_words(self) -> list[object]:
        """All that the acceptor says until it closes; signs of life are passed over."""
        said = [*self._rest]  # what came with the answer
        while data := self.sock.recv(65_536):
            said += self.connection.receive(data)
        return [message for message in said if not isinstance(message, Heard)]

    def is_closed_by_other(self) -> bool:
        """Wait for the acceptor to close; return whether it did."""
        try:
            return self.sock.recv(4_096) == b""
        except ConnectionError:
            return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()


class BareAcceptor:
    """An acceptor that completes the handshake and leaves the rest to the test."""

    def __enter__(self) -> tuple[Address, Self]:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(PATIENCE_S)
        return Address("127.0.0.1", self._server.getsockname()[1]), self

    def __call__(self, *first: Note) -> socket.socket:
        """Return the socket of the next dialer, after the handshake; `first` is sent right after the Welcome."""
        sock, _ = self._server.accept()
        self.connection = connection = Connection(CODEC.extended(Bye, Heard), 65_536, is_dialer=False)
        while True:
            for said in connection.receive(sock.recv(4_096)):
                assert isinstance(said, Hello)
                answer = connection.accept(welcome(identity("bob"), said, local="x", remote="y"))
                sock.sendall(answer + b"".join(map(connection.send, first)))
                return sock

    def __exit__(self, *_: object) -> None:
        self._server.close()


def eventually(question: Callable[[], bool], timeout: float = PATIENCE_S) -> bool:
    """Return whether the answer becomes true in time."""
    deadline = time.monotonic() + timeout
    while not question():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True
