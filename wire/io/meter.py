"""What listeners and dialers count."""

from collections.abc import Callable


class Meter:
    """Told of what happens, and counts nothing of it: derive from it what counts.

    It is called on wire's threads, must be quick, and must not raise. Directions are "in" and "out".
    """

    def add_connections(self, direction: str, change: int) -> None:
        """A link finished its handshake (+1) or ended (-1)."""

    def add_frames(self, direction: str, frames: int, size: int) -> None:
        """So many frames with a payload, and so many bytes, those of keepalives too, were read or written."""

    def add_handshake(self, direction: str, outcome: str) -> None:
        """A handshake ended: "ok", or the reason why not."""

    def add_dial(self, peer: str, outcome: str) -> None:
        """A dial ended: "ok", or the reason why not."""

    def add_sent(self, peer: str, messages: int) -> None:
        """So many messages to a peer were written; signs of life are none."""

    def add_coalesced(self, peer: str, kind: str) -> None:
        """A waiting message was replaced by a newer one."""

    def add_dropped(self, peer: str, kind: str) -> None:
        """A message found its outbox full, or its link gone, or can't be sent."""

    def add_received(self, peer: str) -> None:
        """Bytes came from a peer just now, be they a keepalive."""

    def add_rejected_frame(self, reason: str) -> None:
        """A frame was refused or skipped."""

    def set_certificate_end(self, which: str, end_s: float) -> None:
        """A certificate in use, "own" or "ca", ends at this Unix time."""

    def watch_peer(self, peer: str, depth: Callable[[], int] | None = None) -> None:
        """A dialer for the peer, or a link of the peer's, begins; the depth of its outbox, if it has one."""

    def forget_peer(self, peer: str, depth: Callable[[], int] | None = None) -> None:
        """It ended. After the last one the peer's series go, and what is still counted for it is not counted."""
