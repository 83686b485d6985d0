"""From type hints to converters: dataclasses to plain lists and back, every type checked exactly in both directions.

A converter is two functions, made once for each type: `encode` turns a value into what CBOR can carry, `decode` turns
what CBOR carried into a value. Both raise ValueError when the value isn't exactly of the type: True is not an integer,
1 is not 1.0. Ranges are the dataclasses' own affair: what their `__post_init__` refuses (ValueError) is refused.
"""

import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import StrEnum
from typing import NamedTuple

INTEGER_MIN = -(2**63)
INTEGER_MAX = 2**63 - 1
"""Integers are 64-bit and signed for readers in languages that have no others; longer ones would need a CBOR tag."""

Convert = Callable[[object], object]


class Converter(NamedTuple):
    """Both directions of one type."""

    encode: Convert
    decode: Convert


def kind_of(cls: type) -> str:
    """The short text that names a dataclass on the wire: its own name in lower case."""
    return cls.__name__.lower()


def converter(hint: object) -> Converter:
    """The converter of a type hint.

    Takes int, bool, str, bytes, StrEnum classes, dataclasses, tuple[T, ...], dict[str, str], unions of dataclasses,
    and any of these or None. TypeError for anything else.
    """
    if isinstance(hint, type) and not typing.get_args(hint):
        return _plain(hint)
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return _union(typing.get_args(hint))
    match typing.get_origin(hint), typing.get_args(hint):
        case origin, (item, last) if origin is tuple and last is ...:
            return _array(converter(item))
        case origin, (key, value) if origin in (dict, Mapping) and key is value is str:
            return _text_map()
    raise TypeError(f"{hint!r} can't be carried")


def _plain(cls: type) -> Converter:
    if cls is int:
        return Converter(_integer, _integer)
    if cls in (bool, str, bytes):
        return _exact(cls)
    if issubclass(cls, StrEnum):
        return _enum(cls)
    if is_dataclass(cls):
        return record(cls)
    raise TypeError(f"{cls!r} can't be carried")


def _mismatch(expected: str, value: object) -> ValueError:
    return ValueError(f"{expected} is expected, {type(value).__name__} is found")


def _integer(value: object) -> object:
    if type(value) is not int:
        raise _mismatch("int", value)
    if not INTEGER_MIN <= value <= INTEGER_MAX:
        raise ValueError("an integer needs more than 64 bits")
    return value


def _exact(cls: type) -> Converter:
    def check(value: object) -> object:
        if type(value) is not cls:
            raise _mismatch(cls.__name__, value)
        return value

    return Converter(check, check)


def _enum(cls: type[StrEnum]) -> Converter:
    members = {member.value: member for member in cls}

    def encode(value: object) -> object:
        if type(value) is not cls:
            raise _mismatch(cls.__name__, value)
        return value.value

    def decode(value: object) -> object:
        if type(value) is not str or value not in members:
            raise ValueError(f"not one of {cls.__name__}")
        return members[value]

    return Converter(encode, decode)


def _array(item: Converter) -> Converter:
    encode_item, decode_item = item

    def encode(value: object) -> object:
        if type(value) is not tuple:
            raise _mismatch("tuple", value)
        return [encode_item(one) for one in value]

    def decode(value: object) -> object:
        if type(value) is not list:
            raise _mismatch("array", value)
        return tuple([decode_item(one) for one in value])

    return Converter(encode, decode)


def _text_map() -> Converter:
    def check(value: object) -> object:
        if type(value) is not dict:
            raise _mismatch("map", value)
        for key, item in value.items():
            if type(key) is not str or type(item) is not str:
                raise ValueError("a map holds something other than texts")
        return value

    return Converter(check, check)


def _union(members: tuple[object, ...]) -> Converter:
    alternatives = [member for member in members if member is not types.NoneType]
    only = converter(alternatives[0]) if len(alternatives) == 1 else tagged(alternatives)
    return _optional(only) if len(alternatives) < len(members) else only


def _optional(inner: Converter) -> Converter:
    encode_inner, decode_inner = inner

    def encode(value: object) -> object:
        return None if value is None else encode_inner(value)

    def decode(value: object) -> object:
        return None if value is None else decode_inner(value)

    return Converter(encode, decode)


def tagged(classes: list[object]) -> Converter:
    """The converter of a union of dataclasses: an array of the kind, then the fields."""
    by_class: dict[object, tuple[str, Convert]] = {}
    by_kind: dict[object, Convert] = {}
    for cls in classes:
        if not (isinstance(cls, type) and is_dataclass(cls)):
            raise TypeError(f"{cls!r} is not a dataclass: a union of others can't be told apart")
        kind = kind_of(cls)
        if kind in by_kind:
            raise TypeError(f"two classes are called {kind!r}")
        by_class[cls], by_kind[kind] = (kind, record(cls).encode), record(cls, skip=1).decode

    def encode(value: object) -> object:
        found = by_class.get(type(value))
        if found is None:
            raise _mismatch(" or ".join(by_kind), value)  # type: ignore[arg-type]
        kind, encode_fields = found
        return [kind, *encode_fields(value)]  # type: ignore[misc]

    def decode(value: object) -> object:
        if type(value) is not list or not value or type(value[0]) is not str or value[0] not in by_kind:
            raise ValueError("not a kind that is known here")
        return by_kind[value[0]](value)

    return Converter(encode, decode)


def record(cls: type, *, skip: int = 0) -> Converter:
    """The converter of a dataclass: an array of its fields in their order.

    More fields than are known are ignored and missing ones at the end take their defaults, so that a later version of
    a class may have grown. When decoding, the first `skip` elements are no fields.
    """
    members = fields(cls)
    hints = typing.get_type_hints(cls)
    columns = [(member.name, converter(hints[member.name])) for member in members]
    encoders = [(name, column.encode) for name, column in columns]
    decoders = [(name, column.decode) for name, column in columns]
    needed = skip + max((place for place, member in enumerate(members, 1) if _is_required(member)), default=0)

    def encode(value: object) -> object:
        if type(value) is not cls:
            raise _mismatch(cls.__name__, value)
        return [encode_field(getattr(value, name)) for name, encode_field in encoders]

    def decode(value: object) -> object:
        if type(value) is not list or len(value) < needed:
            raise ValueError(f"{cls.__name__} has at least {needed - skip} fields")
        items = value[skip:] if skip else value
        return cls(**{name: decode_field(item) for (name, decode_field), item in zip(decoders, items, strict=False)})

    return Converter(encode, decode)


def _is_required(member: Field[object]) -> bool:
    return member.default is MISSING and member.default_factory is MISSING
