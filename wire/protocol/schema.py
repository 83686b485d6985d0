"""From type hints to converters: dataclasses to plain lists and back, every type checked exactly in both directions.

A converter is made once for each type: `encode` turns a value into data that CBOR can carry, `decode` turns that data
into a value. Both raise ValueError when the value is not exactly of the type: True is not an integer, 1 is not 1.0.
Ranges are checked by the dataclasses: a ValueError of their `__post_init__` is passed on.

Source: FORMAT.md, section 3.
"""

import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, InitVar, fields, is_dataclass
from enum import StrEnum
from functools import cache
from typing import NamedTuple

INTEGER_MIN = -(2**63)
INTEGER_MAX = 2**63 - 1
"""Integers are 64-bit and signed for readers in languages that have no others; longer ones would need a CBOR tag."""

Convert = Callable[[object], object]


class Converter(NamedTuple):
    """Both directions of one type.

    Attributes:
        encode: returns what CBOR can carry of a value.
        decode: returns the value in what CBOR carried.
        same: values of exactly this type are carried as they are, integers only within 64 bits; None: no values are.
    """

    encode: Convert
    decode: Convert
    same: type | None = None


def mismatch(expected: str, value: object) -> ValueError:
    """Return the error that says that a value is of another type."""
    return ValueError(f"{expected} is expected, {type(value).__name__} is found")


def kind_of(cls: type) -> str:
    """Return the text that names a dataclass on the wire: its own name in lower case."""
    return cls.__name__.lower()


def converter(hint: object) -> Converter:
    """Return the converter of a type hint.

    Carried are int, bool, str, bytes, StrEnum classes, dataclasses, tuple[T, ...], dict[str, str], unions of
    dataclasses, and any of these or None. TypeError for another hint.
    """
    if isinstance(hint, type) and not typing.get_args(hint):
        return _plain(hint)
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return _union(typing.get_args(hint))
    match typing.get_origin(hint), typing.get_args(hint):
        case origin, (item, last) if origin is tuple and last is ...:
            return _array(converter(item))
        case origin, (key, value) if origin in (dict, Mapping) and key is value is str:
            return Converter(_text_map, _text_map)
    raise TypeError(f"{hint!r} can't be carried")


def _plain(cls: type) -> Converter:
    if cls in _SCALARS:
        return _SCALARS[cls]
    if issubclass(cls, StrEnum):
        return _enum(cls)
    if is_dataclass(cls):
        return of_dataclass(cls)
    raise TypeError(f"{cls!r} can't be carried")


def _integer(value: object) -> object:
    if type(value) is not int:
        raise mismatch("int", value)
    if not INTEGER_MIN <= value <= INTEGER_MAX:
        raise ValueError("an integer needs more than 64 bits")
    return value


def _exact(cls: type) -> Converter:
    def check(value: object) -> object:
        if type(value) is not cls:
            raise mismatch(cls.__name__, value)
        return value

    return Converter(check, check, cls)


_SCALARS = {
    int: Converter(_integer, _integer, int),
    bool: _exact(bool),
    str: _exact(str),
    bytes: _exact(bytes),
}


def _text_map(value: object) -> object:
    if type(value) is not dict:
        raise mismatch("map", value)
    for key, item in value.items():
        if type(key) is not str or type(item) is not str:
            raise ValueError("a map holds something other than texts")
    return value


def _enum(cls: type[StrEnum]) -> Converter:
    members = {member.value: member for member in cls}

    def encode(value: object) -> object:
        if type(value) is not cls:
            raise mismatch(cls.__name__, value)
        return value.value

    def decode(value: object) -> object:
        if type(value) is not str or value not in members:
            raise ValueError(f"not one of {cls.__name__}")
        return members[value]

    return Converter(encode, decode)


def _array(item: Converter) -> Converter:
    encode_item, decode_item, _ = item

    def encode(value: object) -> object:
        if type(value) is not tuple:
            raise mismatch("tuple", value)
        return [encode_item(one) for one in value]

    def decode(value: object) -> object:
        if type(value) is not list:
            raise mismatch("array", value)
        return tuple([decode_item(one) for one in value])

    return Converter(encode, decode)


def _union(members: tuple[object, ...]) -> Converter:
    alternatives = [member for member in members if member is not types.NoneType]
    only = converter(alternatives[0]) if len(alternatives) == 1 else tagged(alternatives)
    return _optional(only) if len(alternatives) < len(members) else only


def _optional(inner: Converter) -> Converter:
    encode_inner, decode_inner, same = inner

    def encode(value: object) -> object:
        return None if value is None else encode_inner(value)

    def decode(value: object) -> object:
        return None if value is None else decode_inner(value)

    return Converter(encode, decode, same)


def tagged(classes: Sequence[object]) -> Converter:
    """Return the converter of a union of dataclasses: an array of the kind, then the fields."""
    encoders: dict[type, Convert] = {}
    decoders: dict[object, Convert] = {}
    for cls in classes:
        if not (isinstance(cls, type) and is_dataclass(cls)):
            raise TypeError(f"{cls!r} is not a dataclass: a union of others can't be told apart")
        kind = kind_of(cls)
        if kind in decoders:
            raise TypeError(f"two classes are called {kind!r}")
        encoders[cls], decoders[kind], _ = of_dataclass(cls, kind)

    def encode(value: object) -> object:
        found = encoders.get(type(value))
        if found is None:
            raise mismatch(" or ".join(map(str, decoders)), value)
        return found(value)

    def decode(value: object) -> object:
        if type(value) is not list or not value or type(value[0]) is not str or value[0] not in decoders:
            raise ValueError("not a kind that is known here")
        return decoders[value[0]](value)

    return Converter(encode, decode)


@cache
def of_dataclass(cls: type, kind: str | None = None) -> Converter:
    """Return the converter of a dataclass, with its kind before its fields if that is given; made once."""
    hints = typing.get_type_hints(cls)
    if any(isinstance(hint, InitVar) for hint in hints.values()) or not all(member.init for member in fields(cls)):
        raise TypeError(f"{cls!r} is not made of its fields")
    return _record(cls, [converter(hints[member.name]) for member in fields(cls)], kind)


def _record(cls: type, columns: Sequence[Converter], kind: str | None) -> Converter:
    """Return the converter of a dataclass: an array of its fields in their order, after the kind if there is one.

    More fields than are known are ignored and missing ones at the end take their defaults, so that a later version of
    a class may have grown. The kind is not checked: the caller has read it.
    """
    head = [] if kind is None else [kind]
    needed = len(head) + max((place for place, member in enumerate(fields(cls), 1) if _is_required(member)), default=0)
    pairs = list(zip([member.name for member in fields(cls)], columns, strict=True))
    writers = [(name, column.same, column.encode) for name, column in pairs]
    readers = [(place, name, column.same, column.decode) for place, (name, column) in enumerate(pairs, len(head))]

    def encode(value: object) -> object:
        if type(value) is not cls:
            raise mismatch(cls.__name__, value)
        items: list[object] = [*head]
        for name, same, convert in writers:
            item = getattr(value, name)
            if type(item) is not same or (type(item) is int and not INTEGER_MIN <= item <= INTEGER_MAX):
                item = convert(item)
            items.append(item)
        return items

    def decode(items: object) -> object:
        if type(items) is not list or len(items) < needed:
            raise ValueError(f"{cls.__name__} has at least {needed - len(head)} fields")
        given: dict[str, object] = {}
        for place, name, same, convert in readers[: len(items) - len(head)]:
            item = items[place]
            if type(item) is not same or (type(item) is int and not INTEGER_MIN <= item <= INTEGER_MAX):
                item = convert(item)
            given[name] = item
        return cls(**given)

    return Converter(encode, decode)


def _is_required(member: Field[object]) -> bool:
    return member.default is MISSING and member.default_factory is MISSING
