"""What listeners and dialers tell their owner, as values.

They are given to the owner's `deliver` function from wire's threads; with a queue's `put` as that function, the owner
takes them in order. For each accepted link: LinkAccepted, any MessageReceived, LinkEnded; for each dialed one:
LinkOpened, any MessageReceived if it is a two-way one, LinkClosing. A link is named by (peer, number) and by which end
dialed it.
"""

import threading
from dataclasses import dataclass

from wire.protocol.identity import LinkNumber, PeerIdentity
from wire.protocol.wire_errors import WireError


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkAccepted:
    """A peer's link to this node finished its handshake.

    Attributes:
        peer: the dialing node's id.
        number: its number for this link.
        kind: what kind of peer it says it is; the kind says whether this end may speak, too.
        identity: who it says it is.
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
    """A message came on an accepted link, or on a two-way one that this end dialed.

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
    """An accepted link is over; everything that came on it was delivered before this.

    Attributes:
        peer: the dialing node's id.
        number: its number for this link.
        is_end_of_stream: True only when an end of stream was read (also inside a frame): the dialer's operating
            system closed the link. A reset, an error, a timeout and this end's own close are False: they prove nothing.
        error: what went wrong, if anything did.
        bye: the reason that the dialer gave before it closed, if it gave one: its view beside this end's.
    """

    peer: str
    number: LinkNumber
    is_end_of_stream: bool
    error: WireError | None
    bye: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkOpened:
    """A dialed link got its Welcome; from now on it takes messages.

    Attributes:
        peer: the dialed node's id.
        number: this node's number for the link.
        identity: who the other end says it is.
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
    """A dialed link is about to be closed, and is not closed before the owner sets `done`.

    An end of stream is proof for the other end that nobody counts on this link any more. So the owner stops counting on
    it, then sets `done`; only then does the dialer close it, and only after that does it dial again.

    Attributes:
        peer: the dialed node's id.
        number: this node's number for the link.
        error: why.
        done: set by the owner when it counts on the link no more.
        bye: the reason that the acceptor of a two-way link gave before it closed, if it gave one.
    """

    peer: str
    number: LinkNumber
    error: WireError
    done: threading.Event
    bye: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DialFailed:
    """A dial came to nothing, and is tried again after a while: no address, no answer, a refusal, garbage."""

    peer: str
    error: WireError


Event = LinkAccepted | MessageReceived | LinkEnded | LinkOpened | LinkClosing | DialFailed
