"""Frames and connections between processes: typed messages, one way, over TCP."""

from wire.address import Address
from wire.codec import Codec
from wire.dialer import Dialer
from wire.events import DialFailed, Event, LinkAccepted, LinkClosing, LinkEnded, LinkOpened, MessageReceived
from wire.identity import Identity, LinkNumber, PeerIdentity
from wire.limits import Limits
from wire.listener import Listener
from wire.meter import Meter

__all__ = [
    "Address",
    "Codec",
    "DialFailed",
    "Dialer",
    "Event",
    "Identity",
    "Limits",
    "LinkAccepted",
    "LinkClosing",
    "LinkEnded",
    "LinkNumber",
    "LinkOpened",
    "Listener",
    "MessageReceived",
    "Meter",
    "PeerIdentity",
]
