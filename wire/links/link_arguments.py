"""What the two ends of a link have in common: the arguments that both take."""

from wire.common import arguments
from wire.io.meter import Meter
from wire.protocol.codec import Codec
from wire.protocol.identity import Identity
from wire.protocol.limits import Limits
from wire.security.security import Security


def check_end(identity: object, codec: object, limits: object, security: object, metrics: object) -> None:
    """Raise TypeError unless these are what an end is made of."""
    arguments.check_type("identity", identity, Identity, "an Identity")
    arguments.check_type("codec", codec, Codec, "a Codec")
    arguments.check_type("limits", limits, Limits, "a Limits")
    arguments.check_members("security", security, Security, "a Security")
    arguments.check_type("metrics", metrics, (Meter, type(None)), "a Meter")
