"""Frames: a 4-byte big-endian length, then that many bytes. Length 0 is a keepalive.

Source: FORMAT.md, section 2.
"""

from collections.abc import Iterator

from wire.protocol.wire_errors import EncodeError, FrameError

HEADER_BYTES = 4
KEEPALIVE = bytes(HEADER_BYTES)


def frame(payload: bytes, frame_bytes_max: int) -> bytes:
    """Return the payload as a frame; EncodeError when it is empty (a keepalive) or too long."""
    length = len(payload)
    if not 0 < length <= frame_bytes_max:
        raise EncodeError(f"a payload of {length} bytes; 1 to {frame_bytes_max} are allowed")
    return length.to_bytes(HEADER_BYTES, "big") + payload


class Deframer:
    """The payloads of a stream of bytes that arrives in pieces of any size.

        >>> deframer = Deframer(frame_bytes_max=100)
        >>> list(deframer.feed(bytes.fromhex("00000002 6869 000000")))
        [b'hi']
        >>> list(deframer.feed(bytes.fromhex("01 21")))
        [b'!']

    At most one unfinished frame is held. A length is checked as soon as its four bytes are there.

    Args:
        frame_bytes_max: the longest payload that is accepted.
    """

    __slots__ = ("_held", "_wanted", "frame_bytes_max")

    def __init__(self, frame_bytes_max: int) -> None:
        self.frame_bytes_max = frame_bytes_max
        self._held = bytearray()
        self._wanted = HEADER_BYTES

    @property
    def is_inside_frame(self) -> bool:
        """Return whether an unfinished frame is held."""
        return bool(self._held)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield each payload that these bytes complete, b"" for a keepalive. Iterate to the end.

        Raises:
            FrameError: a length is above the bound. The payloads before it were yielded.
        """
        length = len(data) - HEADER_BYTES
        if not self._held and length == int.from_bytes(data[:HEADER_BYTES], "big") <= self.frame_bytes_max:
            return iter((data[HEADER_BYTES:],))  # nearly every read gives one whole frame
        return self._cut(data)

    def _cut(self, data: bytes) -> Iterator[bytes]:
        if self._held:
            self._held += data
            if len(self._held) < self._wanted:  # Without this, a frame that comes byte by byte costs its square.
                return
            data = bytes(self._held)
            self._held.clear()
        start = 0
        while (end := self._end(data, start)) <= len(data):
            yield data[start + HEADER_BYTES : end]
            start = end
        self._held += data[start:]
        self._wanted = end - start

    def _end(self, data: bytes, start: int) -> int:
        """Return where the frame at `start` ends, or where its header ends while that is incomplete."""
        body = start + HEADER_BYTES
        if body > len(data):
            return body
        length = int.from_bytes(data[start:body], "big")
        if length > self.frame_bytes_max:
            raise FrameError(f"a frame of {length} bytes is announced; {self.frame_bytes_max} are allowed")
        return body + length
