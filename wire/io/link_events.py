"""The events that listeners and dialers give to their owner.

An Endpoint's `deliver` is called with them on wire's threads. The events of an accepted link are LinkAccepted, any
MessageReceived, LinkEnded; those of a dialed link are LinkOpened, any MessageReceived if it is two-way, LinkClosing. A
link is named by its peer, its number, and the end that dialed it.
"""

import threading
from dataclasses import dataclass

from wire.protocol.identity import LinkNumber, PeerIdentity
from wire.protocol.wire_errors import WireError


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkAccepted:
    """A link that a peer dialed finished its handshake.

    Attributes:
        peer: the dialing node's id.
        number: its number for this link.
        kind: the kind of peer that it says it is; this end can send on it if the kind is a two-way one.
        identity: the identity that the peer shows.
        is_trusted: both ends see the same two addresses, so nothing between them terminates the connection.
        local: this end's address, as this end sees it.
        remote: the other end's address, as this end sees it.
    """

    peer: str
    number: LinkNumber
    kind: str
    identity: PeerIdentity
    is_trusted: bool
    local: str
    remote: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageReceived:
    """A message came on an accepted link, or on a two-way link that this end dialed.

    Attributes:
        peer: the other end's id.
        number: the dialing end's number for the link.
        message: one of the codec's.
        is_dialed: this end dialed it.
    """

    peer: str
    number: LinkNumber
    message: object
    is_dialed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkEnded:
    """An accepted link ended; every message that came on it was delivered before.

    Attributes:
        peer: the dialing node's id.
        number: its number for this link.
        is_end_of_stream: True only when an end of stream was read (also inside a frame): the dialer's operating
            system closed the link. A reset, an error, a timeout and this end's own close are False: they prove nothing.
        error: why this end closed it, or the error that ended it; None after a whole stream.
        bye: the reason that the dialer gave in its Bye, if it sent one.
    """

    peer: str
    number: LinkNumber
    is_end_of_stream: bool
    error: WireError | None
    bye: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkOpened:
    """A dialed link finished its handshake; from now on it takes messages.

    Attributes:
        peer: the dialed node's id.
        number: this node's number for the link.
        identity: the identity that the other end shows.
        is_trusted: both ends see the same two addresses.
        local: this end's address, as this end sees it.
        remote: the other end's address, as this end sees it.
    """

    peer: str
    number: LinkNumber
    identity: PeerIdentity
    is_trusted: bool
    local: str
    remote: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkClosing:
    """A dialed link is about to be closed; it stays open until the owner sets `done`.

    The other end takes the end of the stream as proof that this end no longer counts on the link. So the owner stops
    counting on it, then sets `done`; then the dialer closes it, and dials again.

    Attributes:
        peer: the dialed node's id.
        number: this node's number for the link.
        error: why it ends.
        done: set by the owner once it no longer counts on the link.
        bye: the reason that the acceptor of a two-way link gave in its Bye, if it sent one.
    """

    peer: str
    number: LinkNumber
    error: WireError
    done: threading.Event
    bye: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DialFailed:
    """A dial failed, and is tried again after the backoff.

    Attributes:
        peer: the id of the node that was dialed.
        error: why: no address, no answer, a refusal, or bytes of another protocol.
    """

    peer: str
    error: WireError


Event = LinkAccepted | MessageReceived | LinkEnded | LinkOpened | LinkClosing | DialFailed
