"""An acceptor that runs the links of its clients on one thread, and clients of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from tests.integration.wire_ends import PATIENCE_S, Inbox, Stranger, dialing, endpoint
from wire import Address, Dialer, Limits, LinkAccepted, LinkNumber, LinkOpened, Listener
from wire.io.meter import Meter
from wire.link_metrics import WireMetrics
from wire.links.shared_links import SharedLinks
from wire.protocol.handshake import Heard, Hello
from wire.security.security import PLAIN, Security

ANN = "client/ann/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """The acceptor `bob`.

    Attributes:
        bob: its listener.
        shared: what runs the links of clients.
        heard: the events of those links.
    """

    bob: Listener
    shared: SharedLinks
    heard: Inbox


@contextmanager
def sharing(
    limits: Limits | None = None,
    *,
    metrics: Meter | None = None,
    security: Security = PLAIN,
    heard: Inbox | None = None,
    turn: Callable[[], float | None] = lambda: None,
    links_max: int = 2_000,
    links_per_host_max: int | None = None,
    address: Address | None = None,
) -> Iterator[Hub]:
    """Run the listener `bob`, which accepts clients, and peers of the id ann."""
    end = endpoint("bob", Inbox(), limits, security=security)
    heard = heard or Inbox()
    end = replace(end, metrics=metrics)
    shared = SharedLinks(
        replace(end, deliver=heard.deliver),
        turn=turn,
        links_max=links_max,
        links_per_host_max=links_per_host_max,
    )
    known = ("ann", "client/")
    listener = Listener(
        address or Address("127.0.0.1", 0),
        end,
        is_known_peer=lambda node: node.startswith(known),
        two_way=("join",),
        shared={"client": shared},
    )
    shared.start()
    listener.start()
    try:
        yield Hub(bob=listener, shared=shared, heard=heard)
    finally:
        assert listener.stop(PATIENCE_S)
        assert shared.stop(PATIENCE_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedConversation:
    """A link of a client to `bob`, open at both ends."""

    hub: Hub
    ann: Dialer
    told: Inbox
    number: LinkNumber

    @property
    def place(self) -> tuple[str, LinkNumber]:
        return ANN, self.number


@contextmanager
def shared_conversing(
    limits: Limits | None = None,
    *,
    metrics: tuple[WireMetrics | None, WireMetrics | None] = (None, None),
    securities: tuple[Security, Security] = (PLAIN,) * 2,
) -> Iterator[SharedConversation]:
    """Open a link of the client ANN to bob."""
    with (
        sharing(limits, metrics=metrics[1], security=securities[1]) as hub,
        dialing(
            hub.bob.address,
            limits,
            metrics[0],
            node=ANN,
            security=securities[0],
            kind="client",
            is_two_way=True,
        ) as (ann, told),
    ):
        number = told.next(LinkOpened).number
        assert hub.heard.next(LinkAccepted).number == number
        yield SharedConversation(hub=hub, ann=ann, told=told, number=number)


class StrangeClient(Stranger):
    """A bare socket that says that it is a client."""

    def __init__(self, address: Address, node: str = ANN) -> None:
        super().__init__(address, node, is_two_way=True)

    def hello(self, counter: int = 1, **said: str) -> Hello:  # type: ignore[override]
        """A Hello of a client."""
        return super().hello(counter, **said)

    def told(self) -> object:
        """Return the next message of the acceptor that is no sign of life; None at the end of the stream."""
        while True:
            for message in self._rest:
                if not isinstance(message, Heard):
                    return message
            if not (data := self.sock.recv(65_536)):
                return None
            self._rest = self.connection.receive(data)
