"""One dial: from an address to a link that got its Welcome, or an error that says why not."""

import contextlib
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from wire.common.deadline import Deadline
from wire.io.channel import Channel
from wire.io.close_reason import CloseReason
from wire.io.sockets import block_reads, block_writes, lifted, shut, tune, views
from wire.protocol.address import Address
from wire.protocol.codec import Codec
from wire.protocol.connection import Connection
from wire.protocol.handshake import Judge, Reject, Welcome, accept_any_peer, are_views_equal, hello, judge_welcome
from wire.protocol.identity import Identity, LinkNumber
from wire.protocol.limits import Limits
from wire.protocol.wire_errors import ConnectError, HandshakeTimeoutError, ResetError, ResolveError, UnwelcomeError
from wire.security.security import PLAIN, Security


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialed:
    """A dialed link after its handshake.

    Attributes:
        early: on a two-way link, what came with the last bytes of the handshake.
        close_reason: why it ends.
    """

    sock: socket.socket
    channel: Channel
    connection: Connection
    number: LinkNumber
    welcome: Welcome
    is_trusted: bool
    local: str
    remote: str
    early: Iterator[object] = field(default_factory=lambda: iter(()))
    close_reason: CloseReason = field(default_factory=CloseReason)


def _unwatched(_: socket.socket) -> None:
    """Nobody calls this dial off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialing:
    """What every dial of one peer has in common.

    Attributes:
        watch: told of each socket before it connects, so that a dial can be called off from another thread.
    """

    to: str
    kind: str
    identity: Identity
    codec: Codec
    limits: Limits
    security: Security = PLAIN
    is_two_way: bool = False
    judge: Judge = accept_any_peer
    watch: Callable[[socket.socket], object] = _unwatched

    def dial(self, address: Address, next_counter: Callable[[], int]) -> Dialed:
        """Connect and shake hands, under one deadline each; WireError says what went wrong."""
        sock = self._connect_any(address)
        with _closed_on_error(sock):
            number = LinkNumber(self.identity.incarnation, next_counter())
            return self._shake_hands(sock, number)

    def _connect_any(self, address: Address) -> socket.socket:
        """A connection to the first of the host's addresses that takes one."""
        try:
            places = socket.getaddrinfo(address.from_here.host, address.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise ResolveError(f"{address}: {error}") from error
        problems: list[str] = []
        for family, kind, protocol, _, place in places:
            try:
                return self._connect(lifted(socket.socket(family, kind, protocol)), place)
            except OSError as error:
                problems.append(f"{place[0]}: {error}")
        raise ConnectError(f"{address}: {'; '.join(problems)}")

    def _connect(self, sock: socket.socket, place: tuple[object, ...]) -> socket.socket:
        with _closed_on_error(sock):
            self.watch(sock)
            sock.settimeout(self.limits.connect_timeout_s)
            sock.connect(place)
            if sock.getsockname() == sock.getpeername():
                raise OSError("connected to itself: nobody listens")  # A port of the ephemeral range can do that.
            return sock

    def _shake_hands(self, sock: socket.socket, number: LinkNumber) -> Dialed:
        guard, deadline = self.security.credentials, Deadline(self.limits.handshake_timeout_s)
        ring, channel = guard.ring, guard.channel(sock, is_dialer=True)
        connection = Connection(self.codec, self.limits.frame_bytes_max, is_dialer=True, ring=ring)
        try:
            tune(sock, self.limits.write_timeout_s)
            local, remote = views(sock)
            said = hello(
                self.identity,
                to=self.to,
                number=number,
                kind=self.kind,
                local=local,
                remote=remote,
                nonce=guard.nonce(),
                ring=ring,
                is_two_way=self.is_two_way,
            )
            channel.shake_hands(deadline)
            if self.to:  # before a word is said, and before anything is believed
                channel.review(self.to, self.identity.cluster)
            channel.write(connection.greet(said))
            answer, early = self._answer(channel, connection, deadline)
            judge_welcome(answer, to=self.to)
            refusal = self.judge(answer.identity)
            if refusal is not None:
                raise UnwelcomeError(refusal.text)
            if not self.to:
                channel.review(answer.node, self.identity.cluster)
            if proof := connection.prove():
                channel.write(proof)
            block_writes(sock, self.limits.write_timeout_s)
            if self.is_two_way:
                block_reads(sock, self.limits.idle_timeout_s)
        except TimeoutError:
            raise HandshakeTimeoutError("no answer to the Hello") from None
        except (OSError, ValueError) as error:
            raise ResetError(str(error)) from error
        is_trusted = are_views_equal(answer, local=local, remote=remote)
        return Dialed(
            sock=sock,
            channel=channel,
            connection=connection,
            number=number,
            welcome=answer,
            is_trusted=is_trusted,
            local=local,
            remote=remote,
            early=early,
        )

    def _answer(self, channel: Channel, connection: Connection, deadline: Deadline) -> tuple[Welcome, Iterator[object]]:
        """The acceptor's yes, and what follows it in the same breath."""
        while True:
            data = channel.read_before(deadline)
            if not data:
                connection.receive_end()
            messages = connection.receive(data)
            for message in messages:
                if isinstance(message, Reject):
                    raise message.refusal
                if isinstance(message, Welcome):
                    return message, messages if self.is_two_way else iter(list(messages))


@contextlib.contextmanager
def _closed_on_error(sock: socket.socket) -> Iterator[None]:
    """Nobody counts on a link before its Welcome: it may be closed at any time."""
    try:
        yield
    except BaseException:
        shut(sock)
        raise
