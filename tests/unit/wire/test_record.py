import textwrap
from dataclasses import InitVar, dataclass, field

import pytest

import wire.protocol.record
from wire.protocol.codec import Codec
from wire.protocol.record import _source
from wire.protocol.schema import converter
from wire.protocol.wire_errors import PayloadError


@dataclass(frozen=True, slots=True)
class Shape:
    def __post_init__(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Point:
    x: int
    label: str | None = None
    shape: Shape = Shape()

    def __post_init__(self) -> None:
        if self.x > 100:
            raise ValueError("x is too far")


def test_the_document_shows_what_is_compiled() -> None:
    columns = [converter(hint) for hint in (int, str | None, Shape)]
    source = _source(["x", "label", "shape"], columns, None)
    assert wire.protocol.record.__doc__ is not None
    assert textwrap.indent(source, "    ") in wire.protocol.record.__doc__


def test_a_class_checks_what_it_is_made_of() -> None:
    codec = Codec(Point)
    assert codec.decode(codec.encode(Point(5, "a"))) == Point(5, "a")
    wrong = Point(5)
    object.__setattr__(wrong, "x", 101)
    with pytest.raises(PayloadError, match="x is too far"):
        codec.decode(codec.encode(wrong))


def test_a_class_with_an_init_of_its_own_is_made_by_it() -> None:
    @dataclass(frozen=True, slots=True)
    class Own:
        number: int

        def __init__(self, number: int) -> None:
            object.__setattr__(self, "number", number + 1)

    class Below(Point):
        def __init__(self, x: int, label: str | None = None, shape: Shape = Shape()) -> None:
            super().__init__(x + 1, label, shape)

    codec = Codec(Own, Below)
    assert codec.decode(codec.encode(Own(1))) == Own(2)
    assert codec.decode(codec.encode(Below(1))) == Below(2)


def test_a_class_that_is_not_made_of_its_fields_is_refused_when_the_codec_is_made() -> None:
    @dataclass(frozen=True, slots=True)
    class Derived:
        number: int
        double: int = field(init=False)

    @dataclass(frozen=True, slots=True)
    class Varied:
        number: int
        more: InitVar[int]

    for cls in (Derived, Varied):
        with pytest.raises(TypeError, match="not made of its fields"):
            Codec(cls)


def test_fields_may_have_any_name() -> None:
    @dataclass(frozen=True, slots=True)
    class Odd:
        cls: int
        value: int
        items: int
        made: int
        new: int
        kind: int
        head: int
        v_0: int
        encode_0: int
        decode_other: int
        type: int
        len: int

    codec = Codec(Odd)
    odd = Odd(*range(12))
    assert codec.decode(codec.encode(odd)) == odd
