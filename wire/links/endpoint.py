"""Endpoint: the parameters that a program's Listener and Dialers share."""

from collections.abc import Callable
from dataclasses import dataclass

from wire.common import arguments
from wire.io.link_events import Event
from wire.io.meter import Meter
from wire.protocol.codec import Codec
from wire.protocol.identity import Identity
from wire.protocol.limits import DEFAULT_LIMITS, Limits
from wire.security.security import PLAIN, Security


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One end of links, whichever end dials.

    Args:
        identity: of this end.
        codec: the messages that the links carry.
        deliver: takes the events, on wire's threads; must not raise. A link waits while it blocks.
        limits: the bounds.
        security: how the two ends prove who they are; by default not at all.
        metrics: counts what is sent and received.
        name: the first part of the threads' names.

    Raises:
        TypeError: an argument is of another type, or a coroutine function.
    """

    identity: Identity
    codec: Codec
    deliver: Callable[[Event], None]
    limits: Limits = DEFAULT_LIMITS
    security: Security = PLAIN
    metrics: Meter | None = None
    name: str = "wire"

    def __post_init__(self) -> None:
        arguments.check_type("identity", self.identity, Identity, "an Identity")
        arguments.check_type("codec", self.codec, Codec, "a Codec")
        arguments.check_callable("deliver", self.deliver)
        arguments.check_type("limits", self.limits, Limits, "a Limits")
        arguments.check_members("security", self.security, Security, "a Security")
        arguments.check_type("metrics", self.metrics, (Meter, type(None)), "a Meter")
        arguments.text("name", self.name)
