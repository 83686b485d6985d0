"""Every recording of what was ever said on the wire is still read, and the latest says what is said today."""

import dataclasses
import enum
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.corpus import record
from tests.corpus.messages import CONVERSATIONS, HANDSHAKE, LAST, LINK, MESSAGES, codec_of
from tests.corpus.record import read, recordings, today
from wire.errors import RejectCode

PIECES = {"whole": lambda data: [data], "bytes": lambda data: [data[place : place + 1] for place in range(len(data))]}


def messages() -> Iterator[tuple[Path, str]]:
    for path in recordings():
        yield from ((path, name) for name in read(path) if name in MESSAGES)


@pytest.mark.parametrize(("path", "name"), list(messages()), ids=lambda value: getattr(value, "stem", value))
def test_a_recorded_message_is_read_as_it_was_meant(path: Path, name: str) -> None:
    message = MESSAGES[name]
    assert codec_of(message).decode(read(path)[name]) == message


@pytest.mark.parametrize("path", recordings(), ids=lambda path: path.stem)
@pytest.mark.parametrize("cut", PIECES.values(), ids=PIECES)
def test_a_recorded_conversation_is_heard_by_both_ends(path: Path, cut) -> None:
    recorded = read(path)
    for name, conversation in CONVERSATIONS.items():
        heard, told = conversation.hear(recorded[f"{name}, dialer"], recorded[f"{name}, acceptor"], cut)
        assert heard == [conversation.said, *([heard[1]] if conversation.ring else []), *LAST]
        assert told == [conversation.answer, *(LAST if conversation.said.is_two_way else [])]


def test_no_name_of_a_recording_is_unknown() -> None:
    """A value that was recorded stays: it says what its bytes mean."""
    conversations = {f"{name}, {end}" for name in CONVERSATIONS for end in ("dialer", "acceptor")}
    for path in recordings():
        assert set(read(path)) <= set(MESSAGES) | conversations


def test_the_latest_recording_says_what_is_said_today() -> None:
    """If not: was the change meant? Then record it, see tests/corpus/record.py."""
    assert read(recordings()[-1]) == today()


def test_recording_what_is_recorded_writes_nothing_and_what_is_new_is_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "FOLDER", tmp_path)
    first = record.record()
    assert first == tmp_path / "recorded_001.txt"
    assert record.record() is None
    monkeypatch.setattr(record, "today", lambda: {"new": b"1"})
    assert record.record() == tmp_path / "recorded_002.txt"
    assert read(tmp_path / "recorded_002.txt") == {"new": b"1"}


def inside(value: object) -> Iterator[object]:
    """The value and all that it holds."""
    yield value
    if dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from inside(getattr(value, field.name))
    elif isinstance(value, tuple):
        for each in value:
            yield from inside(each)


def types_in(hint: object) -> Iterator[type]:
    """The dataclasses and enumerations that a message of a type may hold."""
    for argument in typing.get_args(hint):
        yield from types_in(argument)
    if isinstance(hint, type) and (dataclasses.is_dataclass(hint) or issubclass(hint, enum.Enum)):
        yield hint
        if dataclasses.is_dataclass(hint):
            for inner in typing.get_type_hints(hint).values():
                yield from types_in(inner)


def test_the_corpus_has_every_message_part_and_word() -> None:
    said = [each for message in MESSAGES.values() for each in inside(message)]
    for codec in (HANDSHAKE, LINK):
        for cls in codec._types:
            for needed in types_in(cls):
                if issubclass(needed, enum.Enum):
                    assert set(needed) <= {each for each in said if isinstance(each, needed)}
                else:
                    assert any(type(each) is needed for each in said), needed
    assert {str(code) for code in RejectCode} == {getattr(each, "code", None) for each in said} - {None}
