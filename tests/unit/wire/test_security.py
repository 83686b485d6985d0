"""Keys in a file: read, read again, and never shown."""

import logging
import os
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from wire.io.meter import Meter
from wire.protocol.keys import Key
from wire.protocol.wire_errors import CredentialsError
from wire.security import reload
from wire.security.security import Keyed, Plain

OLD, NEW = "ab" * 32, "cd" * 32
WIRE = Path(reload.__file__).parent


@pytest.fixture(autouse=True)
def without_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reload, "POLL_INTERVAL_S", 0.0)
    monkeypatch.setattr(reload, "RETRY_INTERVAL_S", 0.0)


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "cluster.key", OLD)


def ids(security: Keyed) -> tuple[bytes, ...]:
    assert security.credentials.ring is not None
    return security.credentials.ring.ids


def id_of(text: str) -> bytes:
    return Key.parse(text).id


def test_without_security_there_are_no_keys_and_no_nonces() -> None:
    plain = Plain()
    plain.poll_files(Meter())
    assert plain.credentials.ring is None
    assert plain.credentials.nonce() == b""


def test_a_files_keys_are_held_in_its_order(path: Path) -> None:
    write(path, f"{NEW}\n{OLD}\n")
    assert ids(Keyed(path)) == (id_of(NEW), id_of(OLD))


def test_file_of_keys_with_a_byte_order_mark_is_read(path: Path) -> None:
    """Some editors write a byte order mark at the beginning."""
    write(path, OLD)
    path.write_text(path.read_text(), encoding="utf-8-sig")
    assert ids(Keyed(path)) == (id_of(OLD),)


def test_nonces_are_fresh(path: Path) -> None:
    guard = Keyed(path).credentials
    assert len(guard.nonce()) == 32
    assert guard.nonce() != guard.nonce()


def test_a_file_that_changed_is_read_at_the_next_handshake(path: Path) -> None:
    security = Keyed(path)
    write(path, f"{OLD}\n{NEW}\n")
    assert ids(security) == (id_of(OLD), id_of(NEW))


def test_a_file_that_was_replaced_is_read_also_when_nobody_dials(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    security = Keyed(path)
    write(path.with_suffix(".new"), NEW).rename(path)
    with caplog.at_level(logging.INFO, "wire"):
        security.poll_files(Meter())
    assert id_of(NEW).hex() in caplog.text
    assert "reloaded keys" in caplog.text


def test_a_file_that_did_not_change_is_not_read_again(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    security = Keyed(path)
    with caplog.at_level(logging.DEBUG, "wire"):
        security.poll_files(Meter())
        assert ids(security) == (id_of(OLD),)
    assert caplog.text == ""


@pytest.mark.parametrize("text", ["", "hunter2 hunter2", "ab" * 31, None, "\xff\xfe"])
def test_a_bad_new_file_leaves_the_old_keys_and_is_told_once(
    path: Path, text: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    security = Keyed(path)
    if text is None:
        path.unlink()
    else:
        write(path, text)
    for _ in range(3):
        assert ids(security) == (id_of(OLD),)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "keeping the previous files" in caplog.text
    assert "hunter2" not in caplog.text
    write(path, NEW)
    assert ids(security) == (id_of(NEW),)


def test_unusable_files_are_not_read_at_every_handshake(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    security = Keyed(path)
    monkeypatch.setattr(reload, "RETRY_INTERVAL_S", 1_000.0)
    write(path, "nothing")
    assert ids(security) == (id_of(OLD),)
    write(path, NEW)
    assert ids(security) == (id_of(OLD),)


@pytest.mark.parametrize(
    ("text", "rule"),
    [("", "there are 0 keys"), ("hunter2\n", "line 1: a key has|line 1: it is neither"), ("\xff", "not ASCII")],
)
def test_error_names_a_bad_file_and_shows_no_secret(path: Path, text: str, rule: str) -> None:
    write(path, text)
    with pytest.raises(CredentialsError, match=rule) as caught:
        Keyed(path)
    frames = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    wire_frames = [frame for frame in frames.stack if Path(frame.filename).is_relative_to(WIRE)]
    shown = "".join(traceback.format_exception(caught.value)) + repr([frame.locals for frame in wire_frames])
    assert wire_frames
    assert caught.value.__context__ is None
    assert str(path) in str(caught.value)
    assert "hunter2" not in shown


def test_no_file_at_the_start_is_an_error(path: Path) -> None:
    path.unlink()
    with pytest.raises(CredentialsError, match="No such file"):
        Keyed(path)


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (os.mkfifo, "not a regular file"),
        (Path.mkdir, "not a regular file"),
        (lambda path: path.symlink_to("/dev/zero"), "not a regular file"),
        (lambda path: write(path, "#" * 1_048_577), "1048577 bytes; 1048576 are allowed"),
    ],
    ids=["pipe", "directory", "device", "long"],
)
def test_what_could_not_be_read_to_its_end_is_no_file_of_keys(
    path: Path, make: Callable[[Path], object], rule: str, caplog: pytest.LogCaptureFixture
) -> None:
    security = Keyed(path)
    path.unlink()
    make(path)
    assert ids(security) == (id_of(OLD),)
    assert "keeping the previous files" in caplog.text
    with pytest.raises(CredentialsError, match=rule):
        Keyed(path)


@pytest.mark.parametrize(("mode", "is_told"), [(0o600, False), (0o400, False), (0o640, True), (0o604, True)])
def test_a_file_that_others_may_read_is_warned_of(
    path: Path, mode: int, is_told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    write(path, OLD, mode)
    Keyed(path)
    assert ("accessible to other users" in caplog.text) is is_told
    assert OLD not in caplog.text
