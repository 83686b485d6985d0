"""Strict CBOR (RFC 8949): values of a few exact types to bytes, in the shortest form, and the one value in some bytes.

Strict means: no tag at all (so no long integers, dates, shared values, sets, ...), no indefinite length, no duplicate
key, a bounded depth, nothing after the one value. Floating point and special values pass here; no type takes them.
"""

import struct
from collections import deque
from collections.abc import Callable
from io import BytesIO
from typing import NoReturn

import cbor2

from wire.errors import PayloadError

DEPTH_MAX = 16
"""Arrays within arrays; the deepest message of today needs five."""

INTEGER_MIN = -(2**63)
INTEGER_MAX = 2**63 - 1
"""Integers are 64-bit and signed for readers in languages that have no others; longer ones would need a CBOR tag."""

FALSE, TRUE, NULL = b"\xf4", b"\xf5", b"\xf6"

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP = (major << 5 for major in range(6))
_pack_16, _pack_32, _pack_64 = (struct.Struct(layout).pack for layout in (">BH", ">BI", ">BQ"))


def _head(major: int, count: int) -> bytes:
    if count < 24:
        return bytes((major | count,))
    if count < 2**8:
        return bytes((major | 24, count))
    if count < 2**16:
        return _pack_16(major | 25, count)
    return _pack_32(major | 26, count) if count < 2**32 else _pack_64(major | 27, count)


def _heads(major: int) -> Callable[[int], bytes]:
    short = [_head(major, count) for count in range(256)]  # nearly all there are

    def head(count: int) -> bytes:
        return short[count] if count < 256 else _head(major, count)

    return head


_bytes_head, _text_head, _map_head = _heads(_BYTES), _heads(_TEXT), _heads(_MAP)
array_head = _heads(_ARRAY)
"""What an array of so many begins with; that many values follow."""

_SHORT = [_head(_UNSIGNED, number) for number in range(256)]


def mismatch(expected: str, value: object) -> ValueError:
    """What to raise when a value is of another type."""
    return ValueError(f"{expected} is expected, {type(value).__name__} is found")


def integer(value: object) -> bytes:
    """An int's bytes. Like those of the next three, ValueError for whatever else."""
    if type(value) is not int:
        raise mismatch("int", value)
    if 0 <= value < 256:
        return _SHORT[value]
    if not INTEGER_MIN <= value <= INTEGER_MAX:
        raise ValueError("an integer needs more than 64 bits")
    return _head(_UNSIGNED, value) if value >= 0 else _head(_NEGATIVE, -1 - value)


def boolean(value: object) -> bytes:
    """A bool's."""
    if type(value) is not bool:
        raise mismatch("bool", value)
    return TRUE if value else FALSE


def text(value: object) -> bytes:
    """A str's."""
    if type(value) is not str:
        raise mismatch("str", value)
    encoded = value.encode()
    return _text_head(len(encoded)) + encoded


def octets(value: object) -> bytes:
    """A bytes object's."""
    if type(value) is not bytes:
        raise mismatch("bytes", value)
    return _bytes_head(len(value)) + value


def text_map(value: dict[str, str]) -> bytes:
    """A dict's, of texts."""
    return _map_head(len(value)) + b"".join([text(part) for item in value.items() for part in item])


class _NoTags(dict[int, object]):
    """Claims to know every tag, and refuses it: cbor2 asks here before it uses a decoder of its own."""

    def __missing__(self, tag: int) -> NoReturn:
        raise ValueError(f"tag {tag}")


_NO_TAGS = _NoTags()
_spare: "deque[cbor2.CBORDecoder]" = deque(maxlen=8)
"""To make one costs as much as to decode with it. Whoever decodes holds one alone; none is used after an error."""


def _decoder(stream: BytesIO) -> "cbor2.CBORDecoder":
    try:
        decoder = _spare.pop()
    except IndexError:
        return cbor2.CBORDecoder(
            stream,
            semantic_decoders=_NO_TAGS,  # type: ignore[arg-type]  # It is declared to hold functions; it holds nothing.
            max_depth=DEPTH_MAX,
            allow_indefinite=False,
            allow_duplicate_keys=False,
            strict_hashable_types=True,
        )
    decoder.fp = stream
    return decoder


def loads(payload: bytes) -> object:
    """The one value in the bytes; PayloadError when that isn't all there is, or isn't strict."""
    stream = BytesIO(payload)
    decoder = _decoder(stream)
    try:
        value: object = decoder.decode()
    except (cbor2.CBORError, ValueError, OverflowError, MemoryError) as error:
        raise PayloadError(f"not strict CBOR: {error}") from error
    if stream.tell() != len(payload):
        raise PayloadError(f"{len(payload) - stream.tell()} bytes follow the value")
    _spare.append(decoder)
    return value
