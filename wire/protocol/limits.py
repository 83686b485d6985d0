"""Limits: every bound of a connection in one value.

Source: FORMAT.md, section 11.
"""

from dataclasses import dataclass, fields

IDLE_TIMEOUT_MIN_S = 2.0

TIME_MIN_S, TIME_MAX_S = 0.001, 86_400.0
"""What sockets take: with less they would wait for ever, with more they raise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds, with defaults for peers in one data centre.

    Attributes:
        frame_bytes_max: longest payload taken or sent, checked before anything is allocated.
        handshake_timeout_s: from the connection to the end of the handshake, as a whole.
        connect_timeout_s: for one address of a peer.
        keepalive_interval_s: a dialer that has had nothing to say for so long sends an empty frame.
        idle_timeout_s: an end that should hear something and for so long hears not a byte closes the link; on a two-way
            link, also one whose other end has read nothing for so long.
        write_timeout_s: an end that writes and for so long sees nothing taken closes the link; a slow reader is none
            that takes nothing.
        pending_max: unfinished handshakes (and their threads); the oldest silent one is closed to admit a new one.
        pending_per_host_max: those of one address (IPv6: of one network of 64 bits), likewise. Half of all, so that
            the others have half, whatever one does; a handshake takes milliseconds, so a whole cluster behind one
            address fits through.
        links_max: links after their handshake, overtaken ones that have not ended yet among them; who comes then is
            refused for now. Each has a thread or two.
        links_per_host_max: those of one address. A quarter of all: clients behind one address are many, and must not
            take the others' place.
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
    pending_per_host_max: int = 16
    links_max: int = 1_024
    links_per_host_max: int = 256
    outbox_messages_max: int = 256
    backoff_initial_s: float = 0.05
    backoff_max_s: float = 2.0

    def __post_init__(self) -> None:
        for bound in fields(self):
            value = getattr(self, bound.name)
            is_time = bound.name.endswith("_s")
            if isinstance(value, bool) or not isinstance(value, int | float if is_time else int):
                raise TypeError(f"{bound.name} is {value!r}; a {'' if is_time else 'whole '}number is needed")
            if value <= 0:
                raise ValueError(f"{bound.name} is {value}; it must be above 0")
            if is_time and not TIME_MIN_S <= value <= TIME_MAX_S:
                raise ValueError(f"{bound.name} is {value}; it must be from {TIME_MIN_S} to {TIME_MAX_S}")
        if self.idle_timeout_s < IDLE_TIMEOUT_MIN_S or self.idle_timeout_s < 2 * self.keepalive_interval_s:
            raise ValueError(
                f"idle_timeout_s is {self.idle_timeout_s}; it must be at least {IDLE_TIMEOUT_MIN_S} and twice "
                f"keepalive_interval_s ({self.keepalive_interval_s}), or one late keepalive ends a good link"
            )


DEFAULT_LIMITS = Limits()
