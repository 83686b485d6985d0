"""Codec: messages to payloads and back. Messages are frozen dataclasses as strict CBOR arrays `[kind, field, ...]`.

Strict means: no tag at all (so no long integers, dates, shared values, sets, ...), no indefinite length, no duplicate
key, a bounded depth, nothing after the one value; floating point and special values fail the exact check of types.

Source: FORMAT.md, section 3.
"""

from collections import deque
from io import BytesIO
from typing import NoReturn

import cbor2

from wire.protocol.schema import Convert, kind_of, of_dataclass, tagged
from wire.protocol.wire_errors import EncodeError, PayloadError, UnknownKindError

DEPTH_MAX = 16
"""Arrays within arrays: the deepest message today needs five."""

KIND_LENGTH_MAX = 64
"""Characters of an unknown kind that an error shows."""


class Codec:
    """The converter of the given dataclasses, and of no other type.

        >>> @dataclass(frozen=True)
        ... class Ping:
        ...     number: int
        >>> codec = Codec(Ping)
        >>> codec.encode(Ping(7)).hex()
        '826470696e6707'
        >>> codec.decode(bytes.fromhex("826470696e6707"))
        Ping(number=7)

    Args:
        types: the message classes. On the wire each is named by its name in lower case.

    Raises:
        TypeError: a class is no dataclass, is made of more or less than its fields (`InitVar`, `field(init=False)`),
            has a field of a type that can't be carried, or shares another's name.
    """

    def __init__(self, *types: type) -> None:
        self._types = types
        self._encode = tagged(types).encode
        self._decoders: dict[str, Convert] = {kind_of(cls): of_dataclass(cls, kind_of(cls)).decode for cls in types}

    def extended(self, *types: type) -> "Codec":
        """Return a codec that carries these types as well."""
        return Codec(*self._types, *types)

    def check(self, message: object) -> None:
        """Raise TypeError unless the message is of one of the types; its fields are checked when it is encoded."""
        if type(message) not in self._types:
            kinds = ", ".join(self._decoders)
            raise TypeError(f"message is {message!r}; only {kinds} {'are' if len(self._types) > 1 else 'is'} carried")

    def encode(self, message: object) -> bytes:
        """Return the payload of a message; EncodeError when its type is not carried, or a field is not as declared."""
        try:
            return cbor2.dumps(self._encode(message))
        except ValueError as error:
            raise EncodeError(f"{type(message).__name__}: {error}") from error

    def decode(self, payload: bytes) -> object:
        """Return the message in a payload.

        Raises:
            UnknownKindError: a strict array that begins with a text, but not with one of the kinds.
            PayloadError: the payload is not a message for any other reason.
        """
        value = _loads(payload)
        if type(value) is not list or not value or type(value[0]) is not str:
            raise PayloadError("not an array that begins with a kind")
        decode = self._decoders.get(value[0])
        if decode is None:
            raise UnknownKindError(f"kind {value[0][:KIND_LENGTH_MAX]!r} is not known here")
        try:
            return decode(value)
        except ValueError as error:
            raise PayloadError(f"{value[0]}: {error}") from error


class _NoTags(dict[int, object]):
    """A mapping with an entry for each tag, which refuses it: cbor2 looks here before it uses a decoder of its own."""

    def __missing__(self, tag: int) -> NoReturn:
        raise ValueError(f"tag {tag}")


_NO_TAGS = _NoTags()
_spare: "deque[cbor2.CBORDecoder]" = deque(maxlen=8)
"""Decoders that wait for use: making one takes as long as decoding. One thread has one at a time; errors discard it."""


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


def _loads(payload: bytes) -> object:
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
