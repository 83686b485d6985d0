"""One dial: from an address to an open link, or an error that says why there is none."""

import contextlib
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from wire.common.deadline import Deadline
from wire.io.meter import Meter
from wire.io.open_link import Channel, OpenLink
from wire.io.outbox import Outbox
from wire.io.sockets import block_reads, block_writes, own_link_socket, own_socket, shut, tune, views
from wire.links.place_order import Place, PlaceOrder
from wire.protocol.address import Address
from wire.protocol.codec import Codec
from wire.protocol.connection import Connection
from wire.protocol.handshake import Judge, Reject, Welcome, accept_any_peer, are_views_equal, hello, judge_welcome
from wire.protocol.identity import Identity, LinkNumber
from wire.protocol.limits import Limits
from wire.protocol.wire_errors import (
    ConnectError,
    HandshakeTimeoutError,
    RemoteFault,
    ResetError,
    ResolveError,
    UnwelcomeError,
)
from wire.security.security import PLAIN, HandshakeCredentials, Security

PLACES = PlaceOrder()
"""For all dials of this process: each retry of a name begins at another of its addresses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialing:
    """The parameters that all dials of one peer share.

    Attributes:
        to: the peer's id; empty: any node.
        kind: the kind of peer that this end is.
        identity: of this end.
        codec: the messages, with Bye and Heard among them.
        limits: the bounds.
        security: how the two ends prove who they are; not used for a Unix socket.
        is_two_way: both ends send.
        judge: given who the peer says it is; a refusal fails the dial.
        watch: called with each socket before it connects, so that another thread can shut it down.
        outbox: the messages of the open link.
        meter: counts what is sent and received.
    """

    to: str
    kind: str
    identity: Identity
    codec: Codec
    limits: Limits
    security: Security = PLAIN
    is_two_way: bool = False
    judge: Judge = accept_any_peer
    watch: Callable[[socket.socket], object] = lambda _: None
    outbox: Outbox = field(default_factory=lambda: Outbox(1))
    meter: Meter = field(default_factory=Meter)

    def dial(self, address: Address, next_counter: Callable[[], int]) -> OpenLink:
        """Connect and shake hands, with one deadline for each.

        Args:
            address: where the peer listens.
            next_counter: returns the link's number; called once there is a connection.

        Raises:
            WireError: there is no link; the socket is closed.
        """
        sock, place = self._connect_any(address)
        with _closed_on_error(sock, place):
            number = LinkNumber(self.identity.incarnation, next_counter())
            credentials = (PLAIN if address.is_unix else self.security).credentials
            try:
                link = self._shake_hands(sock, number, credentials)
            except TimeoutError:
                raise HandshakeTimeoutError("no answer to the Hello") from None
            except (OSError, ValueError) as error:
                raise ResetError(str(error)) from error
            PLACES.note_linked(place)
            return link

    def _connect_any(self, address: Address) -> tuple[socket.socket, Place]:
        """Return a connection to the first of the host's addresses that accepts one, and that address."""
        if address.is_unix:
            try:
                return self._connect(self._own(socket.socket(socket.AF_UNIX)), address.host), address.host
            except OSError as error:
                raise ConnectError(f"{address}: {error}") from error
        try:
            places = socket.getaddrinfo(address.from_here.host, address.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise ResolveError(f"{address}: {error}") from error
        problems: list[str] = []
        for family, kind, protocol, _, place in PLACES.sort(places):
            try:
                return self._connect(self._own(socket.socket(family, kind, protocol)), place), place
            except OSError as error:
                problems.append(f"{place[0]}: {error}")
        raise ConnectError(f"{address}: {'; '.join(problems)}")

    def _own(self, sock: socket.socket) -> socket.socket:
        # What is one-way tells the peer by its end that this process has died; a client asks for what it wants to know.
        return own_socket(sock) if self.is_two_way else own_link_socket(sock)

    def _connect(self, sock: socket.socket, place: Place) -> socket.socket:
        with _closed_on_error(sock):  # not with the place: it is not dialed once the dial is given up
            self.watch(sock)
        with _closed_on_error(sock, place):
            sock.settimeout(self.limits.connect_timeout_s)
            sock.connect(place)
            if sock.getsockname() == sock.getpeername():  # a port of the ephemeral range can do that
                raise OSError("connected to itself: no program listens there")
            return sock

    def _shake_hands(self, sock: socket.socket, number: LinkNumber, credentials: HandshakeCredentials) -> OpenLink:
        deadline = Deadline(self.limits.handshake_timeout_s)
        ring, channel = credentials.ring, credentials.channel(sock, is_dialer=True)
        connection = Connection(self.codec, self.limits.frame_bytes_max, is_dialer=True, ring=ring)
        tune(sock, self.limits.write_timeout_s)
        local, remote = views(sock)
        own_hello = hello(
            self.identity,
            to=self.to,
            number=number,
            kind=self.kind,
            local=local,
            remote=remote,
            nonce=credentials.nonce(),
            ring=ring,
            is_two_way=self.is_two_way,
        )
        channel.shake_hands(deadline)
        if self.to:  # before anything is sent or accepted
            channel.review(self.to, self.identity.cluster)
        try:
            channel.write(connection.greet(own_hello))
        except OSError:  # an end that refuses at once has closed, and may have said why before
            with contextlib.suppress(OSError, RemoteFault):
                self._answer(channel, connection, deadline)
            raise
        answer, early = self._answer(channel, connection, deadline)
        self._judge(answer, channel)
        if proof := connection.prove():
            channel.write(proof)
        block_writes(sock, self.limits.write_timeout_s)
        if self.is_two_way:
            block_reads(sock, self.limits.idle_timeout_s)
        return OpenLink(
            channel=channel,
            connection=connection,
            peer=self.to,
            number=number,
            identity=answer.identity,
            is_trusted=are_views_equal(answer, local=local, remote=remote),
            local=local,
            remote=remote,
            is_dialed=True,
            is_two_way=self.is_two_way,
            early=early,
            outbox=self.outbox,
            limits=self.limits,
            meter=self.meter,
        )

    def _answer(self, channel: Channel, connection: Connection, deadline: Deadline) -> tuple[Welcome, Iterator[object]]:
        """Return the acceptor's Welcome, and the messages that came with its last bytes."""
        while True:
            data = channel.read_before(deadline)
            if not data:
                connection.receive_end()
            messages = connection.receive(data)
            for message in messages:
                if isinstance(message, Reject):
                    raise message.refusal
                if isinstance(message, Welcome):
                    # On a one-way link anything that follows is a fault, which is raised here and now.
                    return message, messages if self.is_two_way else iter(list(messages))

    def _judge(self, answer: Welcome, channel: Channel) -> None:
        judge_welcome(answer, to=self.to)
        refusal = self.judge(answer.identity)
        if refusal is not None:
            raise UnwelcomeError(refusal.text)
        if not self.to:
            channel.review(answer.node, self.identity.cluster)


@contextlib.contextmanager
def _closed_on_error(sock: socket.socket, place: Place | None = None) -> Iterator[None]:
    """Close the socket on an error: neither end counts on a link before its Welcome. A place that is given failed."""
    try:
        yield
    except BaseException:
        if place is not None:
            PLACES.note_failed(place)
        shut(sock)
        raise
