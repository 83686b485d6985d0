"""ReceiveRate: whether one end of a link receives more in a second than it has to take.

Time is given, in seconds of any clock that only rises.

Source: FORMAT.md, section 7.5.
"""

from wire.protocol.wire_errors import FloodError

WINDOW_S = 1.0

FRAMES_MAX = 100
"""A client that asks for 64 things one after the other sends 64 frames, and a sign of life."""

BYTES_MAX = 262_144
"""A hundred frames of 2.5 kB. The bound for frames alone would allow a hundred of the longest."""


class ReceiveRate:
    """The frames and bytes that came on one link in the current second.

    Args:
        frames: the number of frames that came before.
        now_s: now.
    """

    __slots__ = ("_begin_s", "_bytes", "_frames", "_seen")

    def __init__(self, frames: int, now_s: float) -> None:
        self._frames = self._seen = frames
        self._bytes = 0
        self._begin_s = now_s

    def note_received(self, frames: int, size: int, now_s: float) -> None:
        """Note what came; FloodError when it is too much.

        Args:
            frames: the number of all frames that came until now.
            size: the bytes that came since the last call, those of TLS too.
            now_s: now.
        """
        if now_s - self._begin_s >= WINDOW_S:
            self._begin_s, self._frames, self._bytes = now_s, self._seen, 0
        self._seen = frames
        self._bytes += size
        if frames - self._frames > FRAMES_MAX:
            raise FloodError(f"{frames - self._frames} frames came within a second; {FRAMES_MAX} are allowed")
        if self._bytes > BYTES_MAX:
            raise FloodError(f"{self._bytes} bytes came within a second; {BYTES_MAX} are allowed")
