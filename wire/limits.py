"""How much, and how long: every bound of a connection in one value."""

from dataclasses import dataclass, fields

IDLE_TIMEOUT_MIN_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds, with defaults for peers in one data centre.

    Attributes:
        frame_bytes_max: longest payload taken or sent, checked before anything is allocated.
        handshake_timeout_s: from the connection to the end of the handshake, as a whole.
        connect_timeout_s: for one address of a peer.
        keepalive_interval_s: a dialer that has had nothing to say for so long sends an empty frame.
        idle_timeout_s: an accepted link on which not a byte came for so long is closed.
        write_timeout_s: a dialed link that takes nothing for so long is closed.
        pending_max: unfinished handshakes (and their threads); the oldest silent one is closed to admit a new one.
        outbox_messages_max: messages waiting for one peer; more are dropped and counted.
        backoff_initial_s: first wait between dials, before jitter.
        backoff_max_s: longest wait between dials.
    """

    frame_bytes_max: int = 65_536
    handshake_timeout_s: float = 2.0
    connect_timeout_s: float = 1.0
    keepalive_interval_s: float = 1.0
    idle_timeout_s: float = 5.0
    write_timeout_s: float = 5.0
    pending_max: int = 32
    outbox_messages_max: int = 256
    backoff_initial_s: float = 0.05
    backoff_max_s: float = 2.0

    def __post_init__(self) -> None:
        for bound in fields(self):
            value = getattr(self, bound.name)
            if value <= 0:
                raise ValueError(f"{bound.name} is {value}; it must be above 0")
        if self.idle_timeout_s < IDLE_TIMEOUT_MIN_S or self.idle_timeout_s < 2 * self.keepalive_interval_s:
            raise ValueError(
                f"idle_timeout_s is {self.idle_timeout_s}; it must be at least {IDLE_TIMEOUT_MIN_S} and twice "
                f"keepalive_interval_s ({self.keepalive_interval_s}), or one late keepalive ends a good link"
            )
