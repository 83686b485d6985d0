"""What listeners and dialers count, and for whom: a protocol that metrics implement, and one that counts nothing."""

from collections.abc import Callable
from typing import Protocol


class Meter(Protocol):
    """Told of what happens, on wire's threads; must be quick, must not raise. Directions are "in" and "out"."""

    def add_connections(self, direction: str, change: int) -> None:
        """A link finished its handshake (+1) or ended (-1)."""

    def add_frames(self, direction: str, frames: int, size: int) -> None:
        """So many frames with so many bytes were read or written."""

    def add_handshake(self, direction: str, outcome: str) -> None:
        """A handshake ended: "ok", or the reason why not."""

    def add_dial(self, peer: str, outcome: str) -> None:
        """A dial ended: "ok", or the reason why not."""

    def add_dropped(self, peer: str, kind: str) -> None:
        """A message found its outbox full, or its link gone."""

    def add_rejected_frame(self, reason: str) -> None:
        """A frame was refused or skipped."""

    def set_certificate_end(self, which: str, end_s: float) -> None:
        """A certificate in use, "own" or "ca", ends at this Unix time."""

    def watch_outbox(self, peer: str, depth: Callable[[], int]) -> None:
        """From now on the depth of a peer's outbox can be asked for."""

    def forget_peer(self, peer: str) -> None:
        """The peer's dialer stopped: its series go."""


class NoMeter:
    """Counts nothing."""

    def add_connections(self, direction: str, change: int) -> None:
        """Ignored."""

    def add_frames(self, direction: str, frames: int, size: int) -> None:
        """Ignored."""

    def add_handshake(self, direction: str, outcome: str) -> None:
        """Ignored."""

    def add_dial(self, peer: str, outcome: str) -> None:
        """Ignored."""

    def add_dropped(self, peer: str, kind: str) -> None:
        """Ignored."""

    def add_rejected_frame(self, reason: str) -> None:
        """Ignored."""

    def set_certificate_end(self, which: str, end_s: float) -> None:
        """Ignored."""

    def watch_outbox(self, peer: str, depth: Callable[[], int]) -> None:
        """Ignored."""

    def forget_peer(self, peer: str) -> None:
        """Ignored."""
