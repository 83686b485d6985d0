"""Messages to payloads and back: frozen dataclasses as strict CBOR arrays `[kind, field, ...]`.

Strict means: no tag at all (so no long integers, dates, shared values, sets, ...), no indefinite length, no duplicate
key, a bounded depth, nothing after the one value; floating point and special values fail the exact check of types.
"""

from io import BytesIO
from typing import NoReturn

import cbor2

from wire.errors import EncodeError, PayloadError, UnknownKindError
from wire.schema import Converter, kind_of, record, tagged

DEPTH_MAX = 16
"""Arrays within arrays; the deepest message of today needs five."""

KIND_LENGTH_MAX = 64


class _NoTags(dict[int, object]):
    """Claims to know every tag, and refuses it: cbor2 asks here before it uses a decoder of its own."""

    def __missing__(self, tag: int) -> NoReturn:
        raise ValueError(f"tag {tag}")


_NO_TAGS = _NoTags()


class Codec:
    """Carries the given dataclasses, and nothing else.

    Args:
        types: the message classes. On the wire each is named by its name in lower case.

    Raises:
        TypeError: a class is no dataclass, has a field of a type that can't be carried, or shares another's name.
    """

    def __init__(self, *types: type) -> None:
        self._types = types
        self._tagged = tagged(list(types))
        self._by_kind: dict[str, Converter] = {kind_of(cls): record(cls, skip=1) for cls in types}

    def extended(self, *types: type) -> "Codec":
        """A codec that carries these, too."""
        return Codec(*self._types, *types)

    def encode(self, message: object) -> bytes:
        """The message's payload; EncodeError when it isn't one of the types, or not exactly what they declare."""
        try:
            return cbor2.dumps(self._tagged.encode(message))
        except ValueError as error:
            raise EncodeError(f"{type(message).__name__}: {error}") from error

    def decode(self, payload: bytes) -> object:
        """The payload's message.

        Raises:
            UnknownKindError: a strict array that begins with a text, but not with one of the kinds.
            PayloadError: anything else that isn't a message.
        """
        value = _loads(payload)
        if type(value) is not list or not value or type(value[0]) is not str:
            raise PayloadError("not an array that begins with a kind")
        found = self._by_kind.get(value[0])
        if found is None:
            raise UnknownKindError(f"kind {value[0][:KIND_LENGTH_MAX]!r} is not known here")
        try:
            return found.decode(value)
        except ValueError as error:
            raise PayloadError(f"{value[0]}: {error}") from error


def _loads(payload: bytes) -> object:
    """The one value in the bytes."""
    stream = BytesIO(payload)
    decoder = cbor2.CBORDecoder(
        stream,
        semantic_decoders=_NO_TAGS,  # type: ignore[arg-type]  # It is declared to hold functions; it holds nothing.
        max_depth=DEPTH_MAX,
        allow_indefinite=False,
        allow_duplicate_keys=False,
        strict_hashable_types=True,
    )
    try:
        value: object = decoder.decode()
    except (cbor2.CBORError, ValueError, OverflowError, MemoryError) as error:
        raise PayloadError(f"not strict CBOR: {error}") from error
    if stream.tell() != len(payload):
        raise PayloadError(f"{len(payload) - stream.tell()} bytes follow the value")
    return value
