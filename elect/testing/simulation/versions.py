"""Messages as they are on the wire: encoded and decoded, and, with a peer of another version, without what it lacks.

The previous version knows the same messages, grown since at their ends: it neither says nor reads `said` and `heard` of
a Heartbeat and `is_to_lead` of a Refuse. What its peers owe it follows from the defaults: all Knowledge is said again
each `support_duration`, and a Lead is repeated to it until it follows.
"""

from dataclasses import dataclass

from elect.core import messages
from elect.core.messages import (
    Ack,
    ConfigurationId,
    Follow,
    Grant,
    Knowledge,
    Lead,
    Message,
    RefusalReason,
    Resign,
    Resigned,
    Standing,
    Vote,
)
from wire.protocol.codec import Codec

FRAME_BYTES_MAX = 64 * 1024
"""What `wire` takes at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """A Heartbeat of the previous version."""

    sent: int
    duration: int
    ack: Ack | None
    supports: tuple[str, ...]
    standing: Standing
    configuration: ConfigurationId


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """A Refuse of the previous version."""

    election: str
    term: int
    own_term: int
    reason: RefusalReason
    leader: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A Batch of the previous version."""

    configuration: ConfigurationId
    entries: tuple[Vote | Grant | Refuse | Lead | Follow | Resign | Resigned, ...]


CURRENT = Codec(messages.Heartbeat, messages.Batch, messages.Knowledge)
PREVIOUS = Codec(Heartbeat, Batch, Knowledge)


def carried(message: Message) -> Message:
    """What a peer of the same version reads.

    Raises:
        ValueError: it can't be carried, or not unchanged.
    """
    payload = CURRENT.encode(message)
    decoded = CURRENT.decode(payload)
    if len(payload) > FRAME_BYTES_MAX or decoded != message:
        raise ValueError(f"{message} is carried in {len(payload)} bytes and read as {decoded}")
    return message


def translated(message: Message) -> Message:
    """What is left of a message between nodes of two versions, whichever sends it."""
    read = PREVIOUS.decode(CURRENT.encode(message))
    understood = CURRENT.decode(PREVIOUS.encode(read))
    assert isinstance(understood, messages.Heartbeat | messages.Batch | Knowledge)
    return understood
