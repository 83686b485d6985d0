"""Messages to payloads and back: frozen dataclasses as strict CBOR arrays `[kind, field, ...]`."""

from wire import cbor
from wire.errors import EncodeError, PayloadError, UnknownKindError
from wire.record import Decode
from wire.schema import kind_of, of_dataclass, tagged

KIND_LENGTH_MAX = 64


class Codec:
    """Carries the given dataclasses, and nothing else.

    Args:
        types: the message classes. On the wire each is named by its name in lower case. When decoding, the fields of
            one with slots are set, and its `__post_init__` called, as the `__init__` does that @dataclass writes, but
            without it; a class that has its own says `init=False`, and is made by it.

    Raises:
        TypeError: a class is no dataclass, is made of more or less than its fields (`InitVar`, `field(init=False)`),
            has a field of a type that can't be carried, or shares another's name.
    """

    def __init__(self, *types: type) -> None:
        self._types = types
        self._encode = tagged(types).encode
        self._decoders: dict[str, Decode] = {kind_of(cls): of_dataclass(cls, kind_of(cls)).decode for cls in types}

    def extended(self, *types: type) -> "Codec":
        """A codec that carries these, too."""
        return Codec(*self._types, *types)

    def encode(self, message: object) -> bytes:
        """The message's payload; EncodeError when it isn't one of the types, or not exactly what they declare."""
        try:
            return self._encode(message)
        except ValueError as error:
            raise EncodeError(f"{type(message).__name__}: {error}") from error

    def decode(self, payload: bytes) -> object:
        """The payload's message.

        Raises:
            UnknownKindError: a strict array that begins with a text, but not with one of the kinds.
            PayloadError: anything else that isn't a message.
        """
        value = cbor.loads(payload)
        if type(value) is not list or not value or type(value[0]) is not str:
            raise PayloadError("not an array that begins with a kind")
        decode = self._decoders.get(value[0])
        if decode is None:
            raise UnknownKindError(f"kind {value[0][:KIND_LENGTH_MAX]!r} is not known here")
        try:
            return decode(value)
        except ValueError as error:
            raise PayloadError(f"{value[0]}: {error}") from error
