"""Records: a dataclass's two functions, to the array of its fields and back, written out and compiled.

On the way of a heartbeat these functions are much of the work, and to write them out saves two fifths of it. The source
is made of nothing but the names of fields, as their class declares them. For

    @dataclass(frozen=True, slots=True)
    class Point:
        x: int
        label: str | None = None
        shape: Shape = Shape()

it is this, in which `encode_N` and `decode_N` are those of the N-th field:

    def encode(value):
        if type(value) is not cls:
            raise mismatch(name, value)
        v_0 = value.x
        if not (type(v_0) is int and -9223372036854775808 <= v_0 <= 9223372036854775807): v_0 = encode_0(v_0)
        v_1 = value.label
        if not (v_1 is None or type(v_1) is str): v_1 = encode_1(v_1)
        v_2 = encode_2(value.shape)
        return [v_0, v_1, v_2]

    def decode(items):
        if type(items) is not list or len(items) != 3:
            return decode_other(items)
        [v_0, v_1, v_2] = items
        if not (type(v_0) is int and -9223372036854775808 <= v_0 <= 9223372036854775807): v_0 = decode_0(v_0)
        if not (v_1 is None or type(v_1) is str): v_1 = decode_1(v_1)
        v_2 = decode_2(v_2)
        return cls(x=v_0, label=v_1, shape=v_2)
"""

from collections.abc import Callable, Sequence
from dataclasses import MISSING, Field, fields
from typing import NamedTuple, cast

Convert = Callable[[object], object]


class Converter(NamedTuple):
    """Both directions of one type.

    Attributes:
        encode: what CBOR can carry of a value.
        decode: the value in what CBOR carried.
        is_same: an expression on `{0}`: where it holds, value and what is carried are the same. "" when they never are.
    """

    encode: Convert
    decode: Convert
    is_same: str = ""


def mismatch(expected: str, value: object) -> ValueError:
    """What to raise when a value is of another type."""
    return ValueError(f"{expected} is expected, {type(value).__name__} is found")


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

    known: dict[str, object] = {"cls": cls, "name": cls.__name__, "kind": kind, "mismatch": mismatch}
    known["decode_other"] = decode_other
    for place, column in enumerate(columns):
        known |= {f"encode_{place}": column.encode, f"decode_{place}": column.decode}
    source = _source([member.name for member in members], columns, kind)
    exec(compile(source, f"<record {cls.__qualname__}>", "exec"), known)  # noqa: S102
    return Converter(cast(Convert, known["encode"]), cast(Convert, known["decode"]))


def _is_required(member: Field[object]) -> bool:
    return member.default is MISSING and member.default_factory is MISSING


def _source(names: Sequence[str], columns: Sequence[Converter], kind: str | None) -> str:
    values = [f"v_{place}" for place in range(len(names))]
    with_kind = ", ".join(values if kind is None else ["kind", *values])
    lines = ["def encode(value):", "    if type(value) is not cls:", "        raise mismatch(name, value)"]
    for place, (name, column) in enumerate(zip(names, columns, strict=True)):
        lines += _convert(f"encode_{place}", f"value.{name}", f"v_{place}", column)
    lines += [f"    return [{with_kind}]", "", "def decode(items):"]
    lines += [f"    if type(items) is not list or len(items) != {len(values) + (kind is not None)}:"]
    lines += ["        return decode_other(items)", f"    [{with_kind}] = items"]
    for place, column in enumerate(columns):
        lines += _convert(f"decode_{place}", f"v_{place}", f"v_{place}", column)
    given = ", ".join(f"{name}={value}" for name, value in zip(names, values, strict=True))
    return "\n".join([*lines, f"    return cls({given})", ""])


def _convert(function: str, source: str, target: str, column: Converter) -> list[str]:
    if not column.is_same:
        return [f"    {target} = {function}({source})"]
    fetch = [f"    {target} = {source}"] if source != target else []
    return [*fetch, f"    if not ({column.is_same.format(target)}): {target} = {function}({target})"]
