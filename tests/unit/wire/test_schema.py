from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field
from enum import Enum, StrEnum
from typing import Optional, Union

import pytest

from wire.protocol.schema import converter, kind_of


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: int = 7

    def __post_init__(self) -> None:
        if self.x > 100:
            raise ValueError("x is too far")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    ends: tuple[Point, ...]
    name: str | None = None


@dataclass(frozen=True)
class Empty:
    pass


@dataclass(frozen=True)
class Defaulted:
    words: dict[str, str] = field(default_factory=dict)


Shape = Point | Line

ROUND_TRIPS: list[tuple[object, object, object]] = [
    (int, 5, 5),
    (int, -(2**63), -(2**63)),
    (int, 2**63 - 1, 2**63 - 1),
    (bool, True, True),
    (str, "ä", "ä"),
    (bytes, b"\0", b"\0"),
    (Colour, Colour.RED, "red"),
    (int | None, None, None),
    (int | None, 1, 1),
    (Optional[Point], Point(1, 2), [1, 2]),  # noqa: UP045
    (tuple[int, ...], (1, 2), [1, 2]),
    (tuple[Colour, ...], (), []),
    (dict[str, str], {"a": "b"}, {"a": "b"}),
    (Mapping[str, str], {}, {}),
    (Point, Point(1, 2), [1, 2]),
    (Line, Line(ends=(Point(1, 2),), name="n"), [[[1, 2]], "n"]),
    (Empty, Empty(), []),
    (Shape, Point(1, 2), ["point", 1, 2]),
    (Union[Point, Line], Line(ends=()), ["line", [], None]),  # noqa: UP007
    (Shape | None, None, None),
    (Shape | None, Point(1, 2), ["point", 1, 2]),
]


@pytest.mark.parametrize(("hint", "value", "plain"), ROUND_TRIPS)
def test_both_directions(hint: object, value: object, plain: object) -> None:
    encode, decode, _ = converter(hint)
    assert encode(value) == plain
    assert decode(plain) == value
    assert type(decode(plain)) is type(value)


WRONG: list[tuple[object, object]] = [
    (int, True),
    (int, 1.0),
    (int, "1"),
    (int, None),
    (int, 2**63),
    (int, -(2**63) - 1),
    (bool, 1),
    (str, b"a"),
    (bytes, "a"),
    (bytes, bytearray(b"a")),
    (Colour, "green"),
    (Colour, 3),
    (Colour, ["red"]),
    (tuple[int, ...], "12"),
    (tuple[int, ...], [1, "2"]),
    (dict[str, str], {1: "a"}),
    (dict[str, str], {"a": 1}),
    (dict[str, str], [("a", "b")]),
    (Point, [1, True]),
    (Point, []),
    (Point, 1),
    (Point, {"x": 1}),
    (Point, [101]),
    (Shape, ["circle", 1]),
    (Shape, []),
    (Shape, [["point"], 1]),
    (Shape, "point"),
    (Shape, None),
]


@pytest.mark.parametrize(("hint", "plain"), WRONG)
def test_what_came_is_checked_exactly(hint: object, plain: object) -> None:
    with pytest.raises(ValueError, match=r".+"):
        converter(hint).decode(plain)


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (int, True),
        (int, 2**63),
        (str, 1),
        (Colour, "red"),
        (tuple[int, ...], [1]),
        (tuple[int, ...], (1, "2")),
        (dict[str, str], {"a": 1}),
        (Point, Line(ends=())),
        (Shape, Empty()),
    ],
)
def test_what_goes_is_checked_exactly(hint: object, value: object) -> None:
    with pytest.raises(ValueError, match=r".+"):
        converter(hint).encode(value)


def test_longer_and_shorter_records_of_other_versions_are_read() -> None:
    assert converter(Point).decode([1, 2, "new", [3]]) == Point(1, 2)
    assert converter(Point).decode([1]) == Point(1, 7)
    assert converter(Shape).decode(["point", 1]) == Point(1, 7)
    assert converter(Defaulted).decode([]) == Defaulted()


class Plain:
    pass


class Numbers(Enum):
    ONE = 1


@pytest.mark.parametrize(
    "hint",
    [float, Plain, Numbers, list[int], tuple[int, str], dict[str, int], int | str, Point | int, tuple, None, "int"],
)
def test_types_that_cannot_be_carried_are_refused(hint: object) -> None:
    with pytest.raises(TypeError):
        converter(hint)


def test_two_classes_of_one_name_are_refused() -> None:
    @dataclass(frozen=True)
    class POINT:
        pass

    with pytest.raises(TypeError, match="two classes are called 'point'"):
        converter(Point | POINT)


def test_kind_is_the_class_name_in_lower_case() -> None:
    assert kind_of(Line) == "line"


def test_class_with_an_init_of_its_own_is_made_by_it() -> None:
    @dataclass(frozen=True, slots=True)
    class Own:
        number: int

        def __init__(self, number: int) -> None:
            object.__setattr__(self, "number", number + 1)

    class Below(Point):
        def __init__(self, x: int, y: int = 7) -> None:
            Point.__init__(self, x + 1, y)

    assert converter(Own).decode(converter(Own).encode(Own(1))) == Own(2)
    assert converter(Below).decode(converter(Below).encode(Below(1))) == Below(2)


def test_class_that_is_not_made_of_its_fields_is_refused() -> None:
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
            converter(cls)
