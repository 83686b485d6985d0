"""The schema's twin: it reads the type hint again at every value."""

import types
import typing
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum


def to_plain(hint: object, value: object) -> object:
    """Return the plain form of a value for CBOR; raise ValueError unless it is exactly of the type."""
    if typing.get_origin(hint) is tuple:
        expect("tuple", value, is_it=type(value) is tuple)
        return [to_plain(typing.get_args(hint)[0], one) for one in value]  # type: ignore[attr-defined]
    if isinstance(hint, types.UnionType):
        if value is None and types.NoneType in typing.get_args(hint):
            return None
        members = dataclasses_of(hint)
        if len(members) < 2:
            return to_plain(typing.get_args(hint)[0], value)
        expect(" or ".join(members), value, is_it=type(value) in members.values())
        return [type(value).__name__.lower(), *to_plain(type(value), value)]  # type: ignore[misc]
    if isinstance(hint, type) and is_dataclass(hint):
        expect(hint.__name__, value, is_it=type(value) is hint)
        hints = typing.get_type_hints(hint)
        return [to_plain(hints[member.name], getattr(value, member.name)) for member in fields(hint)]
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        expect(hint.__name__, value, is_it=type(value) is hint)
        return value.value  # type: ignore[attr-defined]
    return checked(hint, value)


def from_plain(hint: object, plain: object) -> object:
    """The value in what came out of CBOR; ValueError unless it is exactly of the type."""
    if typing.get_origin(hint) is tuple:
        expect("array", plain, is_it=type(plain) is list)
        return tuple(from_plain(typing.get_args(hint)[0], one) for one in plain)  # type: ignore[attr-defined]
    if isinstance(hint, types.UnionType):
        if plain is None and types.NoneType in typing.get_args(hint):
            return None
        members = dataclasses_of(hint)
        if len(members) < 2:
            return from_plain(typing.get_args(hint)[0], plain)
        if not (type(plain) is list and plain and type(plain[0]) is str and plain[0] in members):
            raise ValueError("not a kind that is known here")
        return from_plain(members[plain[0]], plain[1:])
    if isinstance(hint, type) and is_dataclass(hint):
        hints = typing.get_type_hints(hint)
        given = plain if type(plain) is list else []
        places = [n for n, member in enumerate(fields(hint), 1) if member.default is member.default_factory is MISSING]
        needed = max(places, default=0)
        if type(plain) is not list or len(given) < needed:
            raise ValueError(f"{hint.__name__} has at least {needed} fields")
        names = [member.name for member in fields(hint)]
        return hint(**{name: from_plain(hints[name], one) for name, one in zip(names, given, strict=False)})
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        if type(plain) is not str or plain not in list(hint):
            raise ValueError(f"not one of {hint.__name__}")
        return hint(plain)
    return checked(hint, plain)


def checked(hint: object, value: object) -> object:
    """A value that CBOR carries as it is."""
    if typing.get_origin(hint) is dict:
        expect("map", value, is_it=type(value) is dict)
        if any(type(part) is not str for item in value.items() for part in item):  # type: ignore[attr-defined]
            raise ValueError("a map holds something other than texts")
        return value
    expect(hint.__name__, value, is_it=type(value) is hint)  # type: ignore[attr-defined]
    if type(value) is int and not -(2**63) <= value < 2**63:
        raise ValueError("an integer needs more than 64 bits")
    return value


def dataclasses_of(union: types.UnionType) -> dict[str, type]:
    """By the name that each has on the wire."""
    return {one.__name__.lower(): one for one in union.__args__ if isinstance(one, type) and is_dataclass(one)}


def expect(expected: str, value: object, *, is_it: bool) -> None:
    if not is_it:
        raise ValueError(f"{expected} is expected, {type(value).__name__} is found")
