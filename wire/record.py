"""Records: a dataclass's two functions, to the bytes of an array of its fields and back, written out and compiled.

On the way of a heartbeat these functions are most of the work, and to write them out more than halves it. The source
is made of nothing but the names of fields, as their class declares them. For

    @dataclass(frozen=True, slots=True)
    class Point:
        x: int
        label: str | None = None
        shape: Shape = Shape()

it is this, in which `encode_N`, `decode_N` and `set_N` are those of the N-th field:

    def encode(value):
        if type(value) is not cls:
            raise mismatch(name, value)
        return b''.join([head, encode_0(value.x), encode_1(value.label), encode_2(value.shape)])

    def decode(items):
        if type(items) is not list or len(items) != 3:
            return decode_other(items)
        [v_0, v_1, v_2] = items
        if not (type(v_0) is int and -9223372036854775808 <= v_0 <= 9223372036854775807): v_0 = decode_0(v_0)
        if not (v_1 is None or type(v_1) is str): v_1 = decode_1(v_1)
        v_2 = decode_2(v_2)
        made = new(cls)
        set_0(made, v_0)
        set_1(made, v_1)
        set_2(made, v_2)
        made.__post_init__()
        return made

The last lines are what a frozen dataclass's own `__init__` does, at a third of its cost: it looks up each slot by name.
"""

from collections.abc import Callable, Sequence
from dataclasses import MISSING, Field, fields
from types import MemberDescriptorType
from typing import NamedTuple, cast

from wire.cbor import array_head, mismatch, text

Encode = Callable[[object], bytes]
Decode = Callable[[object], object]


class Converter(NamedTuple):
    """Both directions of one type.

    Attributes:
        encode: a value's bytes.
        decode: the value in what CBOR carried.
        is_decoded: an expression on `{0}`: where it holds, what CBOR carried is the value. "" when it never is.
    """

    encode: Encode
    decode: Decode
    is_decoded: str = ""


def record(cls: type, columns: Sequence[Converter], kind: str | None = None) -> Converter:
    """The converter of a dataclass: an array of its fields in their order, the kind before them if there is one.

    More fields than are known are ignored and missing ones at the end take their defaults, so that a later version of
    a class may have grown. What comes in the kind's place is not looked at.

    Args:
        cls: the dataclass.
        columns: the converters of its fields.
        kind: the short text that names it.
    """
    members = fields(cls)
    skipped = kind is not None
    needed = max((place for place, member in enumerate(members, 1) if _is_required(member)), default=0)

    def decode_other(items: object) -> object:
        if type(items) is not list or len(items) < skipped + needed:
            raise ValueError(f"{cls.__name__} has at least {needed} fields")
        found = zip(members, columns, items[skipped:], strict=False)
        return cls(**{member.name: column.decode(item) for member, column, item in found})

    known: dict[str, object] = {"cls": cls, "name": cls.__name__, "mismatch": mismatch, "decode_other": decode_other}
    known |= {"new": object.__new__, "head": array_head(skipped + len(members)) + (text(kind) if skipped else b"")}
    for place, (member, column) in enumerate(zip(members, columns, strict=True)):
        known |= {f"encode_{place}": column.encode, f"decode_{place}": column.decode}
        known |= {f"set_{place}": getattr(getattr(cls, member.name, None), "__set__", None)}
    exec(compile(_source(cls, columns, skipped=skipped), f"<record {cls.__qualname__}>", "exec"), known)  # noqa: S102
    return Converter(cast(Encode, known["encode"]), cast(Decode, known["decode"]))


def _is_required(member: Field[object]) -> bool:
    return member.default is MISSING and member.default_factory is MISSING


def _source(cls: type, columns: Sequence[Converter], *, skipped: bool) -> str:
    members = fields(cls)
    return "\n".join(
        [*_encode_lines(members), "", *_decode_lines(columns, skipped=skipped), *_make_lines(cls, members), ""]
    )


def _encode_lines(members: Sequence[Field[object]]) -> list[str]:
    parts = [f"encode_{place}(value.{member.name})" for place, member in enumerate(members)]
    return [
        "def encode(value):",
        "    if type(value) is not cls:",
        "        raise mismatch(name, value)",
        f"    return b''.join([{', '.join(['head', *parts])}])",
    ]


def _decode_lines(columns: Sequence[Converter], *, skipped: bool) -> list[str]:
    values = ["kind"] * skipped + [f"v_{place}" for place in range(len(columns))]
    lines = [
        "def decode(items):",
        f"    if type(items) is not list or len(items) != {len(values)}:",
        "        return decode_other(items)",
        f"    [{', '.join(values)}] = items",
    ]
    for place, column in enumerate(columns):
        unless = f"if not ({column.is_decoded.format(f'v_{place}')}): " if column.is_decoded else ""
        lines.append(f"    {unless}v_{place} = decode_{place}(v_{place})")
    return lines


def _make_lines(cls: type, members: Sequence[Field[object]]) -> list[str]:
    slots = [getattr(cls, member.name, None) for member in members]
    parameters = vars(cls).get("__dataclass_params__")  # a subclass that is no dataclass itself has none
    if not (parameters and parameters.init and all(isinstance(slot, MemberDescriptorType) for slot in slots)):
        return [f"    return cls({', '.join(f'{member.name}=v_{place}' for place, member in enumerate(members))})"]
    return [
        "    made = new(cls)",
        *(f"    set_{place}(made, v_{place})" for place in range(len(members))),
        *(["    made.__post_init__()"] if hasattr(cls, "__post_init__") else []),
        "    return made",
    ]
