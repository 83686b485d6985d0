"""Meter: the hooks through which listeners and dialers count."""

from collections.abc import Callable


class Meter:
    """A meter that counts nothing; derive one that counts from it.

    Its methods are called on wire's threads, must be quick, and must not raise. Directions are "in" and "out".
    """

    def add_connections(self, direction: str, change: int) -> None:
        """A link finished its handshake (+1) or ended (-1)."""

    def add_frames(self, direction: str, frames: int, size: int) -> None:
        """Count frames with a payload, and bytes, those of keepalives too, that were read or written."""

    def add_handshake(self, direction: str, outcome: str) -> None:
        """A handshake ended: "ok", or the reason of its error."""

    def add_dial(self, peer: str, outcome: str) -> None:
        """A dial ended: "ok", or the reason of its error."""

    def add_sent(self, peer: str, messages: int) -> None:
        """Messages to a peer were written; keepalives do not count."""

    def add_coalesced(self, peer: str, kind: str) -> None:
        """A waiting message was replaced by a newer one."""

    def add_dropped(self, peer: str, kind: str) -> None:
        """A message was not sent: its outbox was full, its link had ended, or it cannot be encoded."""

    def add_received(self, peer: str) -> None:
        """Bytes came from a peer just now, those of a keepalive too."""

    def add_rejected_frame(self, reason: str) -> None:
        """A frame was refused, or skipped as one of an unknown kind."""

    def set_certificate_end(self, which: str, end_s: float) -> None:
        """A certificate in use, "own" or "ca", ends at this Unix time."""

    def watch_peer(self, peer: str, depth: Callable[[], int] | None = None) -> None:
        """A dialer or an accepted link of the peer begins; `depth` returns the depth of its outbox, if it has one."""

    def forget_peer(self, peer: str, depth: Callable[[], int] | None = None) -> None:
        """A dialer or an accepted link of the peer ended. After the last one nothing is counted for the peer."""
