"""Every recording of the wire is still read, and the latest has every message of this version."""

import dataclasses
import enum
from collections.abc import Iterator
from pathlib import Path

import pytest

import elect.core.configuration
import elect.core.membership_messages
import elect.core.messages
import wire.protocol.handshake
from tests.corpus import record
from tests.corpus.messages import CONVERSATIONS, LAST, MESSAGES, codec_of
from tests.corpus.record import read, recordings, today
from wire.protocol.wire_errors import RejectCode

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


def test_only_new_values_are_recorded_under_the_next_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


WHATEVER_IS_SAID = [
    cls
    for module in (
        elect.core.messages,
        elect.core.membership_messages,
        elect.core.configuration,
        wire.protocol.handshake,
    )
    for name, cls in vars(module).items()
    if isinstance(cls, type) and cls.__module__ == module.__name__ and not name.startswith("_")
]
SAID = [each for message in MESSAGES.values() for each in inside(message)]


@pytest.mark.parametrize("cls", WHATEVER_IS_SAID)
def test_the_corpus_has_every_message_part_field_and_word(cls: type) -> None:
    """A field that may be left out stands once with another value than its own: a reader could have overlooked it."""
    found = [each for each in SAID if type(each) is cls]
    if issubclass(cls, enum.Enum):
        assert set(found) == set(cls)
        return
    assert dataclasses.is_dataclass(cls)
    assert found
    fields = [field for field in dataclasses.fields(cls) if field.default is not dataclasses.MISSING]
    assert [field.name for field in fields if {getattr(each, field.name) for each in found} <= {field.default}] == []


def test_the_corpus_has_every_code_of_a_reject() -> None:
    assert {each.code for each in SAID if isinstance(each, wire.protocol.handshake.Reject)} == {
        str(code) for code in RejectCode
    }
