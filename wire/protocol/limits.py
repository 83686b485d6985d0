"""Limits: all bounds of connections in one value.

Source: FORMAT.md, section 11.
"""

from dataclasses import dataclass, fields

IDLE_TIMEOUT_MIN_S = 2.0
"""A processor that is busy elsewhere delays a keepalive by up to a second or so."""

TIME_MIN_S, TIME_MAX_S = 0.001, 86_400.0
"""A socket with a shorter timeout would wait without end, one with a much longer timeout raises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds, with defaults for peers in one data centre.

        >>> Limits(idle_timeout_s=10.0).idle_timeout_s
        10.0
        >>> Limits(links_max=0)
        Traceback (most recent call last):
            ...
        ValueError: links_max is 0; it must be above 0

    Attributes:
        frame_bytes_max: the longest payload received or sent, checked before memory is allocated.
        handshake_timeout_s: from the connection to the end of the handshake, as a whole.
        connect_timeout_s: for one address of a peer.
        keepalive_interval_s: a dialer that has sent nothing for this time sends an empty frame.
        idle_timeout_s: an end that should receive something and receives no byte for this time closes the link; on a
            two-way link, also an end whose other end has read nothing for this time.
        write_timeout_s: an end that could write no byte for this time closes the link. A slow reader keeps it.
        pending_max: unfinished handshakes (and their threads); the oldest silent one is closed to admit a new one.
        pending_per_host_max: those of one address (IPv6: of one network of 64 bits), likewise. Half of all, so that
            the other half is left for other addresses; a handshake takes milliseconds, so this is enough for a whole
            cluster behind one address.
        links_max: links after their handshake, replaced ones that have not ended yet among them. Above it a dialer is
            refused, and retries. Each link has one or two threads.
        links_per_host_max: those of one address. A quarter of all: there may be many clients behind one address, and
            they must leave room for others.
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
