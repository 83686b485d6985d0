"""The converter of a dataclass gives the same value, or the same refusal, as a reader of its type hints."""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field, fields
from enum import StrEnum
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.property.dumb_schema import from_plain, to_plain
from wire.protocol.schema import converter


class Mood(StrEnum):
    GOOD = "good"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Small:
    number: int
    is_last: bool = True

    def __post_init__(self) -> None:
        if self.number == 7:
            raise ValueError("seven")


@dataclass(frozen=True)
class Unslotted:
    data: bytes = b""
    words: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Grown(Base):
    value: int | None = 5
    mood: Mood


@dataclass(frozen=True, slots=True, kw_only=True)
class Everything:
    small: Small
    maybe: Small | None
    texts: tuple[str, ...]
    either: tuple[Small | Grown, ...]
    one: Unslotted | Base | None
    word: str | None = None
    numbers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Empty:
    pass


NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.integers(-2, 300)
SMALLS = st.builds(Small, NUMBERS.filter(lambda number: number != 7), st.booleans())
GROWNS = st.builds(Grown, text=st.text(max_size=300), value=st.none() | NUMBERS, mood=st.sampled_from(Mood))
OTHERS = st.builds(Unslotted, st.binary(max_size=300), st.dictionaries(st.text(max_size=3), st.text(max_size=3)))
EVERYTHING = st.builds(
    Everything,
    small=SMALLS,
    maybe=st.none() | SMALLS,
    texts=st.lists(st.text(max_size=5), max_size=30).map(tuple),
    either=st.lists(SMALLS | GROWNS, max_size=3).map(tuple),
    one=st.none() | OTHERS | st.builds(Base, text=st.text(max_size=3)),
    word=st.none() | st.text(max_size=3),
    numbers=st.lists(NUMBERS, max_size=3).map(tuple),
)
MESSAGES = SMALLS | GROWNS | OTHERS | EVERYTHING
EXAMPLES = (
    Small(1),
    Unslotted(b"data", {"a": "b"}),
    Base(text="text"),
    Grown(text="text", mood=Mood.BAD),
    Everything(small=Small(2), maybe=Small(3), texts=("a", "b"), either=(Small(4),), one=Unslotted()),
    Empty(),
)
WRONG: tuple[object, ...] = (
    *(None, True, 1, 0, 7, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 1.0, "", "good", "\ud800", b"", (), [], {}, [1]),
    *({"a": 1}, {1: "a"}, Mood.GOOD, Small(1), Empty(), Base(text=""), ("a", 1), [7], ["small", 1, False]),
    *(
        ["small", 7],
        ["small"],
        ["base", "x"],
        ["grown"],
        ["small", True],
        [[]],
        (True,),
        (Small(1),),
        (Empty(),),
        [["small"]],
    ),
)


def outcome(step: Callable[[object], object], given: object) -> str:
    """The value with its types, or the refusal with its text."""
    try:
        return repr(step(given))
    except ValueError as error:
        return f"refused: {error}"


@given(MESSAGES)
def test_value_is_carried_as_the_type_hints_say(message: object) -> None:
    encode, decode, _ = converter(type(message))
    plain = to_plain(type(message), message)
    assert repr(encode(message)) == repr(plain)
    assert repr(decode(plain)) == repr(from_plain(type(message), plain)) == repr(message)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: type(example).__name__)
def test_decode_gives_the_same_value_or_refusal(example: object) -> None:
    cls = type(example)
    plain = to_plain(cls, example)
    assert isinstance(plain, list)
    others = [*WRONG, *(plain[:place] for place in range(len(plain))), [*plain, "later"]]
    others += [[*plain[:place], wrong, *plain[place + 1 :]] for place in range(len(plain)) for wrong in WRONG]
    for other in others:
        assert outcome(converter(cls).decode, other) == outcome(partial(from_plain, cls), other)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: type(example).__name__)
def test_encode_gives_the_same_array_or_refusal(example: object) -> None:
    cls = type(example)
    others = [*WRONG]
    for member in fields(example):  # type: ignore[arg-type]
        for wrong in WRONG:
            others.append(copy(example))
            object.__setattr__(others[-1], member.name, wrong)  # past its own check
    for other in others:
        assert outcome(converter(cls).encode, other) == outcome(partial(to_plain, cls), other)
